package keeper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"
)

// Config is what to follow, and how far to trust it.
type Config struct {
	// Caches in the order of preference: the first healthy one is used.
	Caches []Cache
	// Files of VRPs; all of them are used.
	Files []File
	// SLURM is the file of local exceptions (RFC 8416); its zero value is none.
	SLURM File
	// MaxAge is how old data may be before they count as too old, and how long a trust anchor's fall is doubted; zero is for ever.
	MaxAge time.Duration
	// MaxDrop is the share of its VRPs, from 0 to 1, that a trust anchor may lose at once and be believed.
	MaxDrop float64
}

// File is a file with the name that people know it by.
type File struct{ Name, Path string }

// Cache is one RPKI-to-Router cache. Two that are equal are one and the same.
type Cache struct {
	// Address is host:port.
	Address string
	// Version is the highest version of the protocol to ask for; zero is 1.
	Version uint8
	// TLS makes it RTR over TLS (RFC 8210 section 9.2); the fields below are for that alone.
	TLS bool
	// ServerName is what the cache's certificate must be for; "" is the host of Address.
	ServerName string
	// CA is a file of the certificates that may sign the cache's; "" is those of the system.
	CA string
	// Cert and Key are files of a certificate to show to the cache, and of its private key; "" is none.
	Cert, Key string
}

// dialTimeout bounds the time to a connection, TLS included.
const dialTimeout = 15 * time.Second

// dial connects. The files of certificates are read each time, so that renewed ones are taken without a restart.
func (c Cache) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if !c.TLS {
		return new(net.Dialer).DialContext(ctx, "tcp", c.Address)
	}
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", c.Address)
}

// settings gives what TLS needs, and says which file can't be used.
func (c Cache) settings() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	out := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if out.ServerName == "" {
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			return nil, fmt.Errorf("cache %s: %w", c.Address, err)
		}
		out.ServerName = host
	}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("cache %s: can't read the certificates that may sign its own: %w", c.Address, err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cache %s: %s holds no certificate in PEM form", c.Address, c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("cache %s: can't use the certificate to show to it, %s with key %s: %w", c.Address, c.Cert, c.Key, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
