package keeper

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certify writes a certificate for 127.0.0.1 and rtr.example.net that signs itself, and its key.
func certify(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"rtr.example.net"}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// secured answers TLS, demands a certificate, and tells of each connection with which both sides were content.
func secured(t *testing.T, dir string) (address string, shook chan struct{}) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	shook = make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if conn.(*tls.Conn).Handshake() == nil {
				shook <- struct{}{}
			}
			conn.Close()
		}
	}()
	return l.Addr().String(), shook
}

// A cache over TLS must show a certificate for its name, and is shown ours.
func TestDialTLS(t *testing.T) {
	dir := t.TempDir()
	certify(t, dir)
	address, shook := secured(t, dir)
	good := Cache{Address: address, TLS: true, CA: dir + "/cert.pem", Cert: dir + "/cert.pem", Key: dir + "/key.pem"}
	for name, c := range map[string]struct {
		change func(*Cache)
		ok     bool
	}{
		"as it should be":   {func(*Cache) {}, true},
		"by another name":   {func(c *Cache) { c.ServerName = "rtr.example.net" }, true},
		"by a wrong name":   {func(c *Cache) { c.ServerName = "other.example.net" }, false},
		"without a CA":      {func(c *Cache) { c.CA = "" }, false},
		"CA is gone":        {func(c *Cache) { c.CA = dir + "/gone" }, false},
		"without TLS there": {func(c *Cache) { c.Address = plainListener(t) }, false},
	} {
		cache := good
		c.change(&cache)
		conn, err := cache.dial(context.Background())
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			select {
			case <-shook:
			case <-time.After(patience):
				t.Errorf("%s: the cache is not content", name)
			}
			conn.Close()
		}
	}
}

// plainListener closes each connection at once.
func plainListener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l.Addr().String()
}
