package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/webhook"
	"anywatch/detector"
)

// receiver takes requests on loopback and keeps them.
type receiver struct {
	*httptest.Server
	status   int // of the answer, from the failAt-th request on
	failAt   int
	requests []received
}

type received struct {
	*http.Request
	body []byte
}

func receive(t *testing.T) *receiver {
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		r.requests = append(r.requests, received{req, body})
		if len(r.requests) > r.failAt {
			w.WriteHeader(r.status)
		}
		_, _ = w.Write(body) // an answer may repeat what it was sent
		_, _ = io.WriteString(w, req.URL.String()+req.Header.Get("Authorization"))
	}))
	t.Cleanup(r.Close)
	return r
}

func sinkTo(t *testing.T, c webhook.Config) *webhook.Sink {
	t.Helper()
	s, err := webhook.New("hook", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

func TestOneRequestForEachChangeInOrder(t *testing.T) {
	r := receive(t)
	s := sinkTo(t, webhook.Config{URL: r.URL + "/alert?team=noc", Secret: "the key"})
	changes := []detector.Change{alertstest.Opened(), alertstest.Updated(detector.Warning, 5), alertstest.Resolved()}
	if err := s.Notify(t.Context(), note(changes...)); err != nil {
		t.Fatal(err)
	}
	if len(r.requests) != len(changes) {
		t.Fatalf("%d requests for %d changes", len(r.requests), len(changes))
	}
	for i, c := range changes {
		want, err := c.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got := r.requests[i]
		if got.Method != http.MethodPost || got.URL.String() != "/alert?team=noc" {
			t.Errorf("request %d is %s %s", i, got.Method, got.URL)
		}
		if !bytes.Equal(got.body, want) {
			t.Errorf("body %d is\n%s\nwant\n%s", i, got.body, want)
		}
		mac := hmac.New(sha256.New, []byte("the key"))
		mac.Write(got.body)
		header(t, got, "X-Anywatch-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		header(t, got, "X-Anywatch-Event", string(c.Event))
		header(t, got, "Content-Type", "application/json")
		header(t, got, "User-Agent", "anywatch")
	}
	header(t, r.requests[0], "X-Anywatch-Delivery", "7f3c9b1e2a604d55.0.opened.2024-06-27T18:51:09Z")
	header(t, r.requests[2], "X-Anywatch-Delivery", "7f3c9b1e2a604d55.0.resolved.2024-06-27T18:53:20Z")
}

func header(t *testing.T, r received, name, want string) {
	t.Helper()
	if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
		t.Errorf("%s is %q; want %q", name, got, want)
	}
}

func TestWithoutASecretThereIsNoSignature(t *testing.T) {
	r := receive(t)
	if err := sinkTo(t, webhook.Config{URL: r.URL}).Notify(t.Context(), note(alertstest.Opened())); err != nil {
		t.Fatal(err)
	}
	if got := r.requests[0].Header.Values("X-Anywatch-Signature"); got != nil {
		t.Errorf("the signature is %q", got)
	}
}

func TestHeadersAndBasicAuthentication(t *testing.T) {
	r := receive(t)
	address := strings.Replace(r.URL, "http://", "http://noc:pass@", 1)
	s := sinkTo(t, webhook.Config{URL: address, Headers: []webhook.Header{{"x-team", "noc"}, {"X-Team", "dns"}, {"Host", "hooks.example.net"}}})
	if err := s.Notify(t.Context(), note(alertstest.Opened())); err != nil {
		t.Fatal(err)
	}
	got := r.requests[0]
	if team := got.Header.Values("X-Team"); len(team) != 2 || team[0] != "noc" || team[1] != "dns" {
		t.Errorf("X-Team is %q; want noc and dns", team)
	}
	if got.Host != "hooks.example.net" {
		t.Errorf("Host is %q", got.Host)
	}
	if user, pass, _ := got.BasicAuth(); user != "noc" || pass != "pass" {
		t.Errorf("basic authentication is %q, %q", user, pass)
	}
}

func TestARepetitionHasTheSameNameAndBytes(t *testing.T) {
	r := receive(t)
	r.status = http.StatusServiceUnavailable
	s := sinkTo(t, webhook.Config{URL: r.URL})
	for range 2 {
		if err := s.Notify(t.Context(), note(alertstest.Opened())); err == nil {
			t.Fatal("a 503 counts as delivered")
		}
	}
	header(t, r.requests[1], "X-Anywatch-Delivery", r.requests[0].Header.Get("X-Anywatch-Delivery"))
	if !bytes.Equal(r.requests[0].body, r.requests[1].body) {
		t.Error("the second try has another body")
	}
}

func TestNothingPassesAChangeThatDidNotArrive(t *testing.T) {
	r := receive(t)
	r.status, r.failAt = http.StatusInternalServerError, 1
	err := sinkTo(t, webhook.Config{URL: r.URL}).Notify(t.Context(), note(alertstest.Opened(), alertstest.Updated(detector.Info, 1), alertstest.Resolved()))
	if err == nil || len(r.requests) != 2 {
		t.Errorf("%d requests, %v; want the second to fail and no third", len(r.requests), err)
	}
}

func TestARefusalIsPermanent(t *testing.T) {
	r := receive(t)
	r.status = http.StatusUnauthorized
	err := sinkTo(t, webhook.Config{URL: r.URL}).Notify(t.Context(), note(alertstest.Opened()))
	e, ok := errors.AsType[*alerts.Error](err)
	if !ok || !e.Permanent {
		t.Errorf("Notify: %v; want a permanent error", err)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	r := receive(t)
	r.status = http.StatusBadRequest
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, base := range []string{r.URL, gone.URL} {
		address := strings.Replace(base, "http://", "http://s3cret-user:s3cret-pass@", 1) + "/s3cret-path?s3cret-query=1#s3cret"
		s := sinkTo(t, webhook.Config{URL: address, Secret: "s3cret-key", Headers: []webhook.Header{{"Authorization", "Bearer s3cret-token"}}})
		alertstest.KeepsSecrets(t, s, "s3cret", "czNjcmV0") // the second is how basic authentication would show it
	}
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	const address = "http://127.0.0.1:1/"
	for want, c := range map[string]webhook.Config{
		"not an http or https address": {URL: "s3cret.example.net"},
		`"" is no name of a header`:    {URL: address, Headers: []webhook.Header{{"", "x"}}},
		`"X Team" is no name`:          {URL: address, Headers: []webhook.Header{{"X Team", "x"}}},
		"X-Team has a control char":    {URL: address, Headers: []webhook.Header{{"x-team", "s3cret\n"}}},
		"Content-Type is set by":       {URL: address, Headers: []webhook.Header{{"content-type", "text/plain"}}},
		"X-Anywatch-Signature is set":  {URL: address, Headers: []webhook.Header{{"x-anywatch-signature", "x"}}},
	} {
		_, err := webhook.New("hook", c)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "webhook sink hook: ") {
			t.Errorf("New: %v; want an error of the sink with %q", err, want)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}
