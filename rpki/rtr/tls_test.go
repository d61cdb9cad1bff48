package rtr

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// certificate makes one for 127.0.0.1, and a pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	b := start(t, func(c *Client) { c.TLS = &tls.Config{RootCAs: pool} })
	p := b.accept()
	p.Conn = tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{cert}})
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), end(1, 7, 10))
	b.holds(b.fresh(), lan4)
}

func TestTLSRefusesStranger(t *testing.T) {
	cert, _ := certificate(t)
	_, pool := certificate(t)
	b := start(t, func(c *Client) { c.TLS = &tls.Config{RootCAs: pool} })
	p := b.accept()
	server := tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{cert}})
	if err := server.Handshake(); err == nil {
		server.Read(make([]byte, 1)) // the refusal of the client comes with its first record
	}
	if s := b.until("refused", func(s Status) bool { return s.Err != "" }); s.Connected || s.State != Waiting {
		t.Errorf("status %+v", s)
	}
}
