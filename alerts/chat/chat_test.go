package chat_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/chat"
	"anywatch/detector"
)

// request is what a service got.
type request struct {
	method, path, authorization string
	body                        map[string]any
}

func start(t *testing.T, status int) (address string, got *[]request) {
	got = new([]request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := request{method: r.Method, path: r.URL.EscapedPath(), authorization: r.Header.Get("Authorization")}
		if err := json.NewDecoder(r.Body).Decode(&q.body); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", r.Header.Get("Content-Type"), err)
		}
		*got = append(*got, q)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), got
}

func sinkTo(t *testing.T, url string) *chat.Sink {
	t.Helper()
	s, err := chat.New("room", chat.Config{URL: url, Dashboard: "https://anywatch.example.net"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

// dig follows keys and indexes into JSON.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func TestServices(t *testing.T) {
	host, got := start(t, http.StatusOK)
	const title = "CRITICAL origin-hijack 192.0.2.0/24: AS64666 announces 192.0.2.0/24"
	for _, c := range []struct {
		url, method, path, authorization string
		text                             []any // where in the body the title stands
		want                             string
	}{
		{"teams+http://" + host + "/workflows/x?sig=s3cr3t", "POST", "/workflows/x", "", []any{"attachments", 0, "content", "body", 0, "text"}, title},
		{"telegram+http://123:s3cr3t@" + host + "/-1001", "POST", "/bot123:s3cr3t/sendMessage", "", []any{"text"}, title},
		{"telegram+http://123:s3cr3t@" + host + "/@noc", "POST", "/bot123:s3cr3t/sendMessage", "", []any{"chat_id"}, "@noc"},
		{"matrix+http://s3cr3t@" + host + "/!room:example.net", "PUT", "/_matrix/client/v3/rooms/%21room:example.net/send/m.room.message/7f3c9b1e2a604d55.0.opened.1719514269000000000",
			"Bearer s3cr3t", []any{"body"}, title},
	} {
		*got = nil
		s := sinkTo(t, c.url)
		for range 2 {
			if err := s.Notify(t.Context(), note(alertstest.Opened())); err != nil {
				t.Fatal(err)
			}
		}
		q := (*got)[1]
		text, _ := dig(q.body, c.text...).(string)
		path := strings.NewReplacer("!", "%21", "%3A", ":").Replace(q.path)
		if q.method != c.method || path != c.path || q.authorization != c.authorization || !strings.HasPrefix(text, c.want) {
			t.Errorf("%s %s (%s): %q; want %s %s (%s): %q", q.method, path, q.authorization, text, c.method, c.path, c.authorization, c.want)
		}
	}
}

// What feeds call themselves is no markup, and a long message fits.
func TestNamesAreNoMarkup(t *testing.T) {
	host, got := start(t, http.StatusOK)
	odd := alertstest.Opened()
	odd.Incident.Summary = "[click](https://example.net) <b>bold</b>"
	for range 300 {
		odd.Incident.Why = append(odd.Incident.Why, strings.Repeat("x", 100))
	}
	for _, url := range []string{"teams+http://" + host + "/x", "matrix+http://t@" + host + "/!r:x", "telegram+http://1:t@" + host + "/1"} {
		if err := sinkTo(t, url).Notify(t.Context(), note(odd)); err != nil {
			t.Fatal(err)
		}
	}
	if text := dig((*got)[0].body, "attachments", 0, "content", "body", 0, "text").(string); !strings.Contains(text, `\[click\]`) {
		t.Errorf("Teams: %s", text)
	}
	if text := dig((*got)[1].body, "formatted_body").(string); strings.Contains(text, "<b>") {
		t.Errorf("Matrix: %s", text)
	}
	if n := len([]rune(dig((*got)[2].body, "text").(string))); n > 4096 {
		t.Errorf("Telegram: %d characters", n)
	}
}

func TestFailures(t *testing.T) {
	for status, permanent := range map[int]bool{429: false, 502: false, 401: true, 404: true} {
		host, _ := start(t, status)
		for _, url := range []string{"teams+http://" + host + "/s3cr3t", "telegram+http://12:s3cr3t@" + host + "/1", "matrix+http://s3cr3t@" + host + "/!r:x"} {
			s := sinkTo(t, url)
			err := s.Notify(t.Context(), note(alertstest.Opened()))
			if e, ok := errors.AsType[*alerts.Error](err); !ok || e.Permanent != permanent || !permanent && e.RetryAfter != 7*time.Second {
				t.Errorf("%d: %v", status, err)
			}
			alertstest.KeepsSecrets(t, s, "s3cr3t")
		}
	}
	for _, url := range []string{"", "https://s3cr3t.example.net", "teams://s3cr3t", "telegram://s3cr3t", "telegram://s3cr3t@api.telegram.org", "matrix://matrix.example.net/!s3cr3t:x", "teams+ftp://s3cr3t/x", "::s3cr3t"} {
		if _, err := chat.New("room", chat.Config{URL: url}); err == nil || strings.Contains(err.Error(), "s3cr3t") || chat.Check(url) == nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}
