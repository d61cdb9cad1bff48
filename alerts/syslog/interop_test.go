//go:build interop

package syslog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"anywatch/alerts/alertstest"
	"anywatch/alerts/syslog"
)

// rsyslog starts Debian's rsyslogd with a UDP, a TCP and a TLS input, and gives their addresses and the file that it writes.
func rsyslog(t *testing.T) (addresses map[string]string, file string, ca []byte) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "out")
	ca = certificate(t, dir)
	udp, tcp, secure := port(t), port(t), port(t)
	config := fmt.Sprintf(`
global(workDirectory="%[1]s" DefaultNetstreamDriverCAFile="%[1]s/ca.pem" DefaultNetstreamDriverCertFile="%[1]s/ca.pem" DefaultNetstreamDriverKeyFile="%[1]s/key.pem")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="%[2]s")
input(type="imtcp" address="127.0.0.1" port="%[3]s")
input(type="imtcp" address="127.0.0.1" port="%[4]s" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="fields" type="string" string="%%pri%%|%%protocol-version%%|%%hostname%%|%%app-name%%|%%msgid%%|%%structured-data%%|%%msg%%\n")
*.* action(type="omfile" file="%[5]s" template="fields")
`, dir, udp, tcp, secure, file)
	path := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/rsyslogd", "-n", "-f", path, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; install Debian's rsyslog and rsyslog-openssl", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("rsyslogd said:\n%s", b)
		}
	})
	for _, p := range []string{tcp, secure} {
		wait(t, "rsyslogd listens", func() bool {
			conn, err := net.Dial("tcp", "127.0.0.1:"+p)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	return map[string]string{"udp": udp, "tcp": tcp, "tls": secure}, file, ca
}

func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"ca.pem": ca, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return ca
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("in 30 s never: %s", what)
		}
	}
}

// rsyslog takes our messages apart as we meant them, over each transport.
func TestTheRealRsyslog(t *testing.T) {
	addresses, file, ca := rsyslog(t)
	want := `138|1|mon1.example.net|routes|opened|` + data + "|" + strings.TrimPrefix(text, " ")
	for n, transport := range []string{"udp", "tcp", "tls"} {
		s := sinkTo(t, syslog.Config{Address: transport + "://127.0.0.1:" + addresses[transport], Facility: "local1", AppName: "routes", CA: ca})
		if err := s.Notify(t.Context(), note(alertstest.Opened())); err != nil {
			t.Fatal(err)
		}
		got := func() (lines []string) {
			b, _ := os.ReadFile(file)
			for line := range strings.Lines(string(b)) {
				if strings.Contains(line, "|routes|") {
					lines = append(lines, strings.TrimSuffix(line, "\n"))
				}
			}
			return lines
		}
		wait(t, "rsyslog has the message over "+transport, func() bool { return len(got()) > n })
		if line := got()[n]; line != want && strings.ReplaceAll(line, "\ufeff", "") != strings.ReplaceAll(want, "\ufeff", "") {
			t.Errorf("over %s rsyslog read\n%s\nwant\n%s", transport, line, want)
		}
	}
}
