package syslog_test

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/syslog"
	"anywatch/detector"
)

func sinkTo(t *testing.T, c syslog.Config) *syslog.Sink {
	t.Helper()
	c.Hostname, c.Dashboard = "mon1.example.net", "https://anywatch.example.net"
	s, err := syslog.New("log", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

const (
	header = `<138>1 2024-06-27T18:51:09.000000Z mon1.example.net routes - opened `
	data   = `[anywatch@32473 id="7f3c9b1e2a604d55" event="opened" kind="origin-hijack" severity="critical" prefix="192.0.2.0/24" origin="AS64666" ` +
		`offender="AS64666" path="3356 64666" rpki="invalid" seeing="3" of="40" started="2024-06-27T18:51:07Z" link="https://anywatch.example.net/incidents/7f3c9b1e2a604d55"]`
	text = " \ufeffCRITICAL origin-hijack 192.0.2.0/24: AS64666 announces 192.0.2.0/24; expected AS64500. RPKI invalid (origin). Seen by 3 of 40 vantages."
)

func TestDatagrams(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	path := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	for address, l := range map[string]net.PacketConn{"udp://" + udp.LocalAddr().String(): udp, "unix://" + path: unix} {
		s := sinkTo(t, syslog.Config{Address: address, Facility: "local1", AppName: "routes"})
		long := alertstest.Opened()
		long.Incident.Subject = new(strings.Repeat("ü", 3000))
		if err := s.Notify(t.Context(), note(alertstest.Opened(), long)); err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, 1<<16)
		if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := l.ReadFrom(buffer)
		if got := string(buffer[:n]); err != nil || got != header+data+text {
			t.Errorf("%s got\n%s (%v)\nwant\n%s", address, got, err, header+data+text)
		}
		if n, _, err = l.ReadFrom(buffer); err != nil || n > 2048 {
			t.Errorf("%s got %d octets, %v", address, n, err)
		}
	}
}

// frames reads what comes over a stream, octets counted.
func frames(conn net.Conn, out chan<- string) {
	in := bufio.NewReader(conn)
	for {
		count, err := in.ReadString(' ')
		n, bad := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || bad != nil {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		out <- string(body)
	}
}

func receive(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case text := <-from:
		return text
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		return ""
	}
}

// A server that closes the connection, as at its restart, costs no message.
func TestStreamsReconnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, conns := make(chan string, 10), make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
			go frames(conn, got)
		}
	}()
	s := sinkTo(t, syslog.Config{Address: "tcp://" + l.Addr().String(), Facility: "local1", AppName: "routes"})
	for round := range 3 {
		if err := s.Notify(t.Context(), note(alertstest.Opened(), alertstest.Resolved())); err != nil {
			t.Fatal(err)
		}
		if first := receive(t, got); first != header+data+text {
			t.Errorf("round %d: %s", round, first)
		}
		if second := receive(t, got); !strings.HasPrefix(second, "<141>1 ") || !strings.Contains(second, "RESOLVED") {
			t.Errorf("round %d: %s", round, second)
		}
		conn := <-conns
		conn.Close()
		s.AwaitHangUp()
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go frames(conn, got)
		}
	}()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	s := sinkTo(t, syslog.Config{Address: "tls://" + l.Addr().String(), CA: ca})
	if err := s.Notify(t.Context(), note(alertstest.Opened())); err != nil {
		t.Fatal(err)
	}
	if text := receive(t, got); !strings.HasPrefix(text, "<26>1 ") || !strings.Contains(text, " anywatch - opened ") {
		t.Errorf("got %s", text)
	}
	untrusting := sinkTo(t, syslog.Config{Address: "tls://" + l.Addr().String()})
	if err := untrusting.Notify(t.Context(), note(alertstest.Opened())); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("an unknown authority: %v", err)
	}
}

// Structured data is escaped, whatever feeds call themselves.
func TestNamesDoNotBreakOut(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := sinkTo(t, syslog.Config{Address: "udp://" + l.LocalAddr().String(), AppName: "a b\n<1>"})
	odd := alertstest.Opened()
	odd.Incident.Subject = new("bmp:\"a]\\b\n<0>1 -")
	if err := s.Notify(t.Context(), note(odd)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := l.ReadFrom(buffer)
	got := string(buffer[:n])
	if err != nil || !strings.Contains(got, `subject="bmp:\"a\]\\b`+"\ufffd"+`<0>1 -"`) || !strings.Contains(got, " a_b_<1> ") || strings.Contains(got, "\n") {
		t.Errorf("got %q, %v", got, err)
	}
	if !regexp.MustCompile(`^<\d+>1 \S+ \S+ \S+ \S+ \S+ \[([^]\\]|\\.)*\] `).MatchString(got) {
		t.Errorf("not of the form of RFC 5424: %q", got)
	}
}

func TestFailuresAreErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := sinkTo(t, syslog.Config{Address: "tcp://" + address})
	if err := s.Notify(t.Context(), note(alertstest.Opened())); err == nil || !strings.Contains(err.Error(), "syslog sink log: opened of incident 7f3c9b1e2a604d55: connecting to tcp "+address) {
		t.Errorf("refused: %v", err)
	}
	for want, c := range map[string]syslog.Config{
		"no facility": {Address: "udp://127.0.0.1", Facility: "local9"},
		"has no host": {Address: "udp:///x"},
		"not of udp":  {Address: "http://127.0.0.1"},
		"not a URL":   {Address: "::"},
		"none in PEM": {Address: "tls://127.0.0.1", CA: []byte("x")},
	} {
		if _, err := syslog.New("log", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", c, err, want)
		}
	}
	if got := fmt.Sprint(sinkTo(t, syslog.Config{Address: "tls://log.example.net"})); got != "syslog sink log to tcp log.example.net:6514" {
		t.Errorf("%s", got)
	}
}
