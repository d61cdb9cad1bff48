//go:build interop

package email_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anywatch/alerts/alertstest"
	"anywatch/alerts/email"
)

// program runs Debian's aiosmtpd, which takes mail after STARTTLS and a login, and prints what it takes.
const program = `
import asyncio, email, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

class Handler:
    async def handle_DATA(self, server, session, envelope):
        m = email.message_from_bytes(envelope.content)
        print("mail", envelope.mail_from, ",".join(envelope.rcpt_tos), m["Message-ID"], session.ssl is not None, session.authenticated,
              ",".join(p.get_content_type() for p in m.walk()), flush=True)
        return "250 taken"

def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"noc" and data.password == b"hunter2", handled=False)  # the server answers

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1], sys.argv[2])
c = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[3]), tls_context=context, require_starttls=True,
               authenticator=login, auth_required=True)
c.start()
print("ready", flush=True)
sys.stdin.read()
c.stop()
`

func TestARealServer(t *testing.T) {
	dir := t.TempDir()
	ca := certificate(t, dir)
	script := filepath.Join(dir, "server.py")
	if err := os.WriteFile(script, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	cmd := exec.Command("/usr/bin/python3", script, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), port)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server: %v; it said %s (it needs Debian's python3-aiosmtpd)", err, said.String())
		}
	})
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the server said %q", lines.Text())
	}
	s, err := email.New("mail", email.Config{Server: address, From: "anywatch@example.net", To: []string{"noc@example.net", "b@example.net"}, TLS: email.StartTLS, CA: ca,
		Username: "noc", Password: "hunter2", Hello: "mon1.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	tell(t, s, alertstest.Opened())
	const want = "mail anywatch@example.net noc@example.net,b@example.net <7f3c9b1e2a604d55.0@example.net> True True multipart/alternative,text/plain,text/html"
	if !lines.Scan() || lines.Text() != want {
		t.Errorf("the server took\n%s\nwant\n%s", lines.Text(), want)
	}
	wrong, err := email.New("mail", email.Config{Server: address, From: "anywatch@example.net", To: []string{"noc@example.net"}, TLS: email.StartTLS, CA: ca,
		Username: "noc", Password: "hunter3-wrong", Hello: "mon1.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	alertstest.KeepsSecrets(t, wrong, "hunter3")
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"cert.pem": ca, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca
}
