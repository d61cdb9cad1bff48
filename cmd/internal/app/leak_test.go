package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/slack"
	"anywatch/cmd/internal/config"
)

// secret is in every sink of these tests. Its letters differ when they are escaped.
const secret = "s3cr3t+Key/9"

// secretive are sinks with a secret in every place that has room for one. SCHEME and ADDR are where to; the file "key" holds the secret, "address"
// what stands behind the bar.
var secretive = []struct{ name, sink, address string }{
	{"slack webhook", "slack: {webhook_url_file: address}", "SCHEME://ADDR/services/SECRET"},
	{"alertmanager url", `alertmanager: {url: "SCHEME://noc:ESCAPED@ADDR/am"}`, ""},
	{"alertmanager password", `alertmanager: {url: "SCHEME://ADDR", username: noc, password_file: key}`, ""},
	{"alertmanager token", `alertmanager: {url: "SCHEME://ADDR", token_file: key}`, ""},
	{"pagerduty", `pagerduty: {url: "SCHEME://ADDR/v2/enqueue", routing_key_file: key}`, ""},
	{"webhook", `webhook: {url: "SCHEME://noc:ESCAPED@ADDR/hook/ESCAPED?key=ESCAPED", secret_file: key, headers: {X-Key: SECRET}}`, ""},
	{"email", `email: {smtp: "ADDR", from: a@example.net, to: [b@example.net], tls: tls, username: noc, password_file: key, CA}`, ""},
	{"teams", "chat: {url_file: address}", "teams+SCHEME://ADDR/workflows/ESCAPED?sig=ESCAPED"},
	{"telegram", "chat: {url_file: address}", "telegram+SCHEME://123:ESCAPED@ADDR/-1001"},
	{"matrix", "chat: {url_file: address}", "matrix+SCHEME://ESCAPED@ADDR/!room:example.net"},
	{"syslog", `syslog: {address: "tcp://ADDR", app_name: anywatch}`, ""},
	{"exec", `exec: {command: [sh, -c, "cat; echo $KEY >&2; exit 1"]}`, ""},
	{"file", "file: {path: nowhere}", ""},
}

// TestNoSinkLeaksItsSecret has every sink fail in every way, and looks for the secret in all that is shown of it.
func TestNoSinkLeaksItsSecret(t *testing.T) {
	for _, way := range []struct {
		name, scheme string
		start        func(t *testing.T, mail bool) (address, ca string)
	}{
		{"refused", "http", closedPort}, {"answers 401", "http", repeatsAll}, {"unknown authority", "https", unknownAuthority},
	} {
		for _, c := range secretive {
			t.Run(way.name+" "+c.name, func(t *testing.T) {
				dir := t.TempDir()
				address, ca := way.start(t, c.name == "email")
				fill := strings.NewReplacer("SCHEME", way.scheme, "ADDR", address, "ESCAPED", url.QueryEscape(secret), "SECRET", secret, "CA", ca)
				write(t, dir, "key", secret)
				write(t, dir, "address", fill.Replace(c.address))
				cfg := parsed(t, "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\nalerts:\n  sinks:\n    - {name: it, "+fill.Replace(c.sink)+"}\n", dir)
				s := cfg.Alerts.Sinks[0]
				sink, err := newSink(s, "https://anywatch.example.net")
				if err != nil {
					t.Fatal(err)
				}
				shown := tellAndListen(t, sink, c.name != "file" && !(c.name == "syslog" && way.name != "refused"))
				seeksSecret(t, shown, cfg, s, sinkInUse{config: s, sink: sink}, sinkSet{"it": {config: s, sink: sink}})
			})
		}
		t.Run(way.name+" slack token", func(t *testing.T) {
			address, _ := way.start(t, false)
			sink, err := slack.New("it", slack.Config{Token: secret, Channel: "C0123456789", APIURL: way.scheme + "://" + address + "/api/"})
			if err != nil {
				t.Fatal(err)
			}
			seeksSecret(t, tellAndListen(t, sink, true))
		})
	}
}

// Faults of a configuration show no secret either, nor do errors of sinks that can't be made.
func TestFaultsLeakNoSecret(t *testing.T) {
	for _, c := range []struct{ sink, address string }{
		{"slack: {webhook_url_file: address}", "ftp://hooks.example.net/SECRET"},
		{"slack: {webhook_url_file: address}", "https://hooks.example.net:x/SECRET"},
		{"slack: {webhook_url_file: address, token_file: key}", "https://hooks.example.net/SECRET"},
		{"slack: {token_file: address, channel: x}", "SECRET\nSECRET"},
		{`alertmanager: {url: "https://noc:SECRET@"}`, ""},
		{`alertmanager: {url: "https://noc:SECRET@am.example.net", token_file: key}`, ""},
		{`pagerduty: {url: "events/SECRET", routing_key_file: key}`, ""},
		{`webhook: {url: "https://noc:SECRET@hooks.example.net:x/SECRET"}`, ""},
		{`webhook: {url: "https://hooks.example.net/", headers: {"X Key": SECRET}}`, ""},
		{`webhook: {url: "https://noc:ESCAPED@hooks.example.net/", headers: {Authorization: SECRET}}`, ""},
		{`email: {smtp: "127.0.0.1:25", from: a@example.net, to: [b@example.net], tls: none, username: noc, password_file: key}`, ""},
		{"chat: {url_file: address}", "https://SECRET.example.net/SECRET"},
		{"chat: {url_file: address}", "telegram://SECRET"},
		{`syslog: {address: "udp://noc:ESCAPED@"}`, ""},
	} {
		dir := t.TempDir()
		fill := strings.NewReplacer("ESCAPED", url.QueryEscape(secret), "SECRET", secret)
		write(t, dir, "key", secret)
		write(t, dir, "address", fill.Replace(c.address))
		_, err := config.Parse("anywatch.yaml", []byte("asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\nalerts: {sinks: [{name: it, "+fill.Replace(c.sink)+"}]}\n"), dir)
		if err == nil {
			t.Errorf("%s: no fault", c.sink)
			continue
		}
		seeksSecret(t, err.Error(), err)
	}
}

// tellAndListen has a dispatcher tell the sink an incident, and gives the errors, the logs and the metrics of that.
func tellAndListen(t *testing.T, sink alerts.Sink, fails bool) string {
	t.Helper()
	var text, jsonText bytes.Buffer
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	registry := prometheus.NewRegistry()
	ear := &listener{Sink: sink, told: make(chan error, 100)}
	d, err := alerts.New(alerts.Config{
		Routes: []alerts.Route{{Sink: ear}}, Metrics: alerts.NewMetrics(registry),
		Log: slog.New(slog.NewMultiHandler(slog.NewTextHandler(&text, debug), slog.NewJSONHandler(&jsonText, debug))).With("of", sink),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	d.Handle(alertstest.Opened())
	var failure error
	select {
	case failure = <-ear.told:
	case <-time.After(time.Minute):
		t.Fatal("the sink was not told")
	}
	if fails && failure == nil {
		t.Fatal("the sink took it: there is no failure to look into")
	}
	cancel()
	ending := <-ended
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := sink.(io.Closer); ok {
		_ = c.Close()
	}
	return fmt.Sprintf("%v %+v %#v %q\n%v\n%s\n%s\n%v\n%+v %#v %v %s", failure, failure, failure, failure, ending, &text, &jsonText, families, sink, sink, alerts.Route{Sink: sink}, sink)
}

// listener hears what a sink answers.
type listener struct {
	alerts.Sink
	told chan error
}

func (l *listener) Notify(ctx context.Context, n alerts.Notification) error {
	err := l.Sink.Notify(ctx, n)
	l.told <- err
	return err
}

// seeksSecret looks for the secret in a text and in every way to print values, as it is and as it may be written elsewhere.
func seeksSecret(t *testing.T, shown string, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			shown += "\n" + fmt.Sprintf(verb, v)
		}
		if b, err := json.Marshal(v); err == nil {
			shown += "\n" + string(b)
		}
	}
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)), strings.ReplaceAll(secret, "+", `\u002b`)}
	for _, plain := range []string{secret, "noc:" + secret, "\x00noc\x00" + secret} {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(plain)))
	}
	for _, form := range forms {
		if at := strings.Index(shown, form); at >= 0 {
			t.Errorf("the secret is shown as %s: …%s…", form, shown[max(0, at-200):min(len(shown), at+100)])
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// closedPort gives an address where nobody listens.
func closedPort(t *testing.T, _ bool) (address, ca string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String(), `ca_file: ""`
}

// repeatsAll is a server that refuses whoever comes, and says back all that it was told.
func repeatsAll(t *testing.T, mail bool) (address, ca string) {
	if mail {
		return refusesLogins(t)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Location", r.URL.String())
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "%s %v %s", r.URL, r.Header, body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), `ca_file: ""`
}

// refusesLogins is a mail server that says back how somebody tried to log in.
func refusesLogins(t *testing.T) (address, ca string) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, filepath.Dir(file), "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go refuseLogin(conn)
		}
	}()
	return l.Addr().String(), "ca_file: " + file
}

func refuseLogin(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mail\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		if strings.HasPrefix(in.Text(), "EHLO") {
			fmt.Fprint(conn, "250-mail\r\n250 AUTH PLAIN\r\n")
			continue
		}
		fmt.Fprintf(conn, "535 5.7.8 no: %s\r\n", in.Text())
	}
}

// unknownAuthority is a server whose certificate nobody knows.
func unknownAuthority(t *testing.T, _ bool) (address, ca string) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of those who hang up
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), `ca_file: ""`
}
