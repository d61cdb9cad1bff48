package health

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anywatch/detector"
)

// patience is the timeout of probes that are not meant to reach it; haste of those that are.
const patience, haste = 20 * time.Second, 50 * time.Millisecond

func wants(t *testing.T, got Outcome, state detector.HealthState, reason string) {
	t.Helper()
	if got.State != state || got.Reason != reason {
		t.Errorf("got %s %q, want %s %q", got.State, got.Reason, state, reason)
	}
}

// page serves one page that does what f does.
func page(t *testing.T, f http.HandlerFunc) (url string) {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL + "/healthz"
}

func status(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
}

func TestHTTPStatus(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}
	for _, c := range []struct {
		name   string
		serve  http.HandlerFunc
		want   int
		state  detector.HealthState
		reason string
	}{
		{"as expected", status(200), 200, detector.HealthUp, ""},
		{"expected to be odd", status(418), 418, detector.HealthUp, ""},
		{"unavailable", status(503), 200, detector.HealthDown, "HTTP status 503, expected 200"},
		{"not the one that is expected", status(204), 200, detector.HealthDown, "HTTP status 204, expected 200"},
		{"a redirect is not followed", redirect, 200, detector.HealthDown, "HTTP status 302, expected 200"},
		{"a redirect that is expected", redirect, 302, detector.HealthUp, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, Ask(t.Context(), HTTP{URL: page(t, c.serve), Status: c.want}, patience), c.state, c.reason)
		})
	}
}

func TestHTTPNoAnswer(t *testing.T) {
	slow := page(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	wants(t, Ask(t.Context(), HTTP{URL: slow, Status: 200}, haste), detector.HealthDown, "no answer within 50ms")

	endless := page(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	wants(t, Ask(t.Context(), HTTP{URL: endless, Status: 200}, time.Second), detector.HealthDown, "HTTP status 200, but the page does not end: no answer within 1s")

	rude := page(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wants(t, Ask(t.Context(), HTTP{URL: rude, Status: 200}, patience), detector.HealthDown, "the connection was closed without an answer")

	wants(t, Ask(t.Context(), HTTP{URL: "http://" + closedPort(t) + "/", Status: 200}, patience), detector.HealthDown, "connection refused")
}

// closedPort is a port on loopback where nobody listens.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The host of the URL is whom the request is for, and connect_to who is asked.
func TestHTTPConnectTo(t *testing.T) {
	got := make(chan string, 1)
	u := page(t, func(_ http.ResponseWriter, r *http.Request) {
		got <- fmt.Sprintf("%s%s by %s", r.Host, r.URL, r.UserAgent())
	})
	server := strings.TrimSuffix(strings.TrimPrefix(u, "http://"), "/healthz")
	_, port, _ := net.SplitHostPort(server)
	for _, c := range []struct{ url, connect, want string }{
		{"http://www.example.net/healthz?a=b", server, "www.example.net/healthz?a=b by anywatch"},
		{"http://www.example.net:" + port + "/", "127.0.0.1", "www.example.net:" + port + "/ by anywatch"},
		{"http://[2001:db8::1]/", server, "[2001:db8::1]/ by anywatch"},
		{u, "", server + "/healthz by anywatch"},
	} {
		wants(t, Ask(t.Context(), HTTP{URL: c.url, ConnectTo: c.connect, Status: 200}, patience), detector.HealthUp, "")
		select {
		case line := <-got:
			if line != c.want {
				t.Errorf("%s at %s: asked %s, want %s", c.url, c.connect, line, c.want)
			}
		default:
			t.Errorf("%s at %s: the server was not asked", c.url, c.connect)
		}
	}
}

// The certificate must be good for the host of the URL, not for that which is connected to, and it must be trusted.
func TestHTTPS(t *testing.T) {
	s := httptest.NewUnstartedServer(status(200))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused on purpose
	s.StartTLS()                                   // its certificate is for example.com and 127.0.0.1
	t.Cleanup(s.Close)
	server := s.Listener.Addr().String()
	trust := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	ask := func(url, trust string) Outcome {
		return Ask(t.Context(), HTTP{URL: url, ConnectTo: server, Status: 200, trust: trust}, patience)
	}
	wants(t, ask("https://example.com/", trust), detector.HealthUp, "")
	wants(t, ask("https://127.0.0.1/", trust), detector.HealthUp, "")
	if got := ask("https://other.example.net/", trust); got.State != detector.HealthDown || !strings.Contains(got.Reason, "not other.example.net") {
		t.Errorf("a certificate for another host: %s %q", got.State, got.Reason)
	}
	if got := ask("https://example.com/", ""); got.State != detector.HealthDown || !strings.Contains(got.Reason, "certificate") {
		t.Errorf("a certificate that nobody signed: %s %q", got.State, got.Reason)
	}
}

// What is secret in a URL is in nothing that is said, and reaches the server.
func TestHTTPSecret(t *testing.T) {
	u := page(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "noc" || password != "hunter2" || r.URL.RawQuery != "token=hunter2" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	secret := strings.Replace(u, "http://", "http://noc:hunter2@", 1) + "?token=hunter2"
	p := HTTP{URL: secret, Shown: "http://noc:<hidden>@127.0.0.1/healthz?token=<hidden>", Status: 200}
	wants(t, Ask(t.Context(), p, patience), detector.HealthUp, "")
	refused := p
	refused.ConnectTo = closedPort(t)
	said := fmt.Sprint(p, Check{Probe: p}, Ask(t.Context(), refused, patience)) + fmt.Sprintf("%v %+v %#v %s", p, p, p, p)
	if strings.Contains(said, "hunter2") {
		t.Errorf("the secret is in what is said: %s", said)
	}
}
