package alerts_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
)

func TestSendJudgesTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name      string
		status    int
		header    map[string]string
		delivered bool
		permanent bool
		wait      time.Duration
	}{
		{name: "ok", status: 200, delivered: true},
		{name: "no content", status: 204, delivered: true},
		{name: "redirect", status: 302, header: map[string]string{"Location": "/elsewhere"}, permanent: true},
		{name: "bad request", status: 400, permanent: true},
		{name: "unauthorised", status: 401, permanent: true},
		{name: "gone", status: 410, permanent: true},
		{name: "timeout", status: 408},
		{name: "too many", status: 429, header: map[string]string{"Retry-After": "30"}, wait: 30 * time.Second},
		{name: "unavailable, by date", status: 503, wait: 90 * time.Second,
			header: map[string]string{"Date": "Thu, 27 Jun 2024 18:51:00 GMT", "Retry-After": "Thu, 27 Jun 2024 18:52:30 GMT"}},
		{name: "a date that is over", status: 503, header: map[string]string{"Date": "Thu, 27 Jun 2024 18:51:00 GMT", "Retry-After": "Thu, 27 Jun 2024 18:50:00 GMT"}},
		{name: "nonsense", status: 503, header: map[string]string{"Retry-After": "soon"}},
		{name: "negative", status: 503, header: map[string]string{"Retry-After": "-5"}},
		{name: "beyond all bounds", status: 503, header: map[string]string{"Retry-After": "9000000000"}, wait: time.Hour},
		{name: "server error", status: 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/secret-path" {
					t.Errorf("%s was asked for: a redirect was followed", r.URL.Path)
				}
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			err := alerts.Send(alerts.NewHTTPClient(), request(t, server.URL+"/secret-path"))
			if c.delivered {
				if err != nil {
					t.Errorf("Send: %v", err)
				}
				return
			}
			e, ok := errors.AsType[*alerts.Error](err)
			if !ok {
				t.Fatalf("Send: %v, not an Error", err)
			}
			if e.Permanent != c.permanent || e.RetryAfter != c.wait {
				t.Errorf("permanent %v, retry after %s; want %v, %s", e.Permanent, e.RetryAfter, c.permanent, c.wait)
			}
			if strings.Contains(err.Error(), "secret-path") || !strings.Contains(err.Error(), server.URL) {
				t.Errorf("the error %q does not show scheme and host, and only these", err)
			}
		})
	}
}

func TestSendToNobodyIsTriedAgain(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	err := alerts.Send(alerts.NewHTTPClient(), request(t, server.URL+"/secret-path"))
	if err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Fatalf("Send: %v; want an error without the path", err)
	}
	if e, ok := errors.AsType[*alerts.Error](err); ok && e.Permanent {
		t.Error("a receiver that can't be reached is taken as refusing for good")
	}
}

func TestCheckURLDoesNotShowTheAddress(t *testing.T) {
	for _, bad := range []string{"", "hooks.example.net/secret", "ftp://hooks.example.net/secret", "https:///secret", "http://[::1/secret", "https://h/\x7fsecret"} {
		if u, err := alerts.CheckURL(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("CheckURL(%q) = %v, %v; want an error that does not show it", bad, u, err)
		}
	}
	u, err := alerts.CheckURL("https://user:secret@hooks.example.net:8443/secret?secret")
	if err != nil || alerts.Endpoint(u) != "https://hooks.example.net:8443" {
		t.Errorf("Endpoint is %q, %v", alerts.Endpoint(u), err)
	}
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}
