package email_test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/email"
	"anywatch/detector"
)

func sinkTo(t *testing.T, d *double, change func(*email.Config)) *email.Sink {
	t.Helper()
	c := email.Config{Server: d.Addr().String(), From: "Anywatch <anywatch@example.net>", To: []string{"NOC <noc@example.net>"}, CA: d.ca, Hello: "mon1.example.net",
		Dashboard: "https://anywatch.example.net", Now: func() time.Time { return time.Date(2024, 6, 27, 18, 52, 0, 0, time.UTC) }}
	if change != nil {
		change(&c)
	}
	s, err := email.New("mail", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func note(changes ...detector.Change) alerts.Notification {
	return alerts.Notification{Changes: changes}
}

func tell(t *testing.T, s *email.Sink, changes ...detector.Change) {
	t.Helper()
	if err := s.Notify(t.Context(), note(changes...)); err != nil {
		t.Fatal(err)
	}
}

// parts gives the parts of a mail by their type.
func parts(t *testing.T, m received) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	list := map[string]string{}
	for r := multipart.NewReader(strings.NewReader(m.body), params["boundary"]); ; {
		p, err := r.NextPart() // which undoes quoted-printable
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body, reading := io.ReadAll(p)
		if err != nil || reading != nil || params["charset"] != "UTF-8" {
			t.Fatalf("%v, %v, %v", err, reading, params)
		}
		list[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

func subject(t *testing.T, m received) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAMail(t *testing.T) {
	d := serve(t, &double{})
	tell(t, sinkTo(t, d, nil), alertstest.Opened())
	m := d.taken()[0]
	if got := subject(t, m); !strings.HasPrefix(got, "CRITICAL origin-hijack 192.0.2.0/24: AS64666 announces 192.0.2.0/24; expected AS64500.") {
		t.Errorf("the subject is %q", got)
	}
	for name, want := range map[string]string{"From": `"Anywatch" <anywatch@example.net>`, "To": `"NOC" <noc@example.net>`, "Auto-Submitted": "auto-generated",
		"Date": "Thu, 27 Jun 2024 18:52:00 +0000", "Importance": "high", "Message-Id": "<7f3c9b1e2a604d55.0@example.net>", "In-Reply-To": "", "References": ""} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s is %q; want %q", name, got, want)
		}
	}
	p := parts(t, m)
	if !strings.Contains(p["text/plain"], "\nWhat to do\n1. Ask AS3356") || !strings.Contains(p["text/html"], `<a href="https://anywatch.example.net/incidents/7f3c9b1e2a604d55">`) {
		t.Errorf("parts %q", p)
	}
}

// All mails about an incident stand in one thread, also after a restart and when it comes back.
func TestThreads(t *testing.T) {
	d := serve(t, &double{})
	again := alertstest.Opened()
	again.Incident.Reopened = 1
	other := alertstest.Renamed(alertstest.Opened(), "other", "203.0.113.0/24")
	for _, changes := range [][]detector.Change{{alertstest.Opened()}, {alertstest.Updated(detector.Warning, 5)}, {alertstest.Resolved()}, {again}, {alertstest.Resolved(), other}} {
		tell(t, sinkTo(t, d, nil), changes...)
	}
	const root = "<7f3c9b1e2a604d55.0@example.net>"
	mails, ids := d.taken(), map[string]bool{}
	for n, want := range []struct{ reply, references string }{{"", ""}, {root, root}, {root, root}, {root, root}, {root, root + " <other.0@example.net>"}} {
		h := mails[n].Header
		if h.Get("In-Reply-To") != want.reply || h.Get("References") != want.references {
			t.Errorf("mail %d answers %q, belongs to %q; want %q, %q", n, h.Get("In-Reply-To"), h.Get("References"), want.reply, want.references)
		}
		ids[h.Get("Message-Id")] = true
	}
	if len(ids) != 4 || mails[2].Header.Get("Message-Id") != mails[4].Header.Get("Message-Id") {
		t.Errorf("ids %v: every mail has its own, and the same at every try", ids)
	}
}

func TestEncryption(t *testing.T) {
	for _, c := range []struct {
		name      string
		server    *double
		tls       string
		encrypted bool
	}{
		{"auto on this machine", &double{}, "", false},
		{"STARTTLS", &double{}, email.StartTLS, true},
		{"TLS", &double{implicit: true}, email.TLS, true},
		{"none", &double{}, email.None, false},
	} {
		d := serve(t, c.server)
		tell(t, sinkTo(t, d, func(e *email.Config) { e.TLS = c.tls }), alertstest.Opened())
		if m := d.taken()[0]; m.encrypted != c.encrypted {
			t.Errorf("%s: encrypted %v", c.name, m.encrypted)
		}
	}
	d := serve(t, &double{bare: true})
	if err := sinkTo(t, d, func(e *email.Config) { e.TLS = email.StartTLS }).Notify(t.Context(), note(alertstest.Opened())); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("a server without STARTTLS: %v", err)
	}
	d = serve(t, &double{})
	if err := sinkTo(t, d, func(e *email.Config) { e.TLS, e.CA = email.StartTLS, nil }).Notify(t.Context(), note(alertstest.Opened())); err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("an unknown authority: %v", err)
	}
	if n := len(d.taken()); n != 0 {
		t.Errorf("%d mails sent in spite of that", n)
	}
}

func TestLogin(t *testing.T) {
	d := serve(t, &double{password: "hunter2-secret"})
	login := func(password string) *email.Sink {
		return sinkTo(t, d, func(e *email.Config) { e.TLS, e.Username, e.Password = email.StartTLS, "noc", password })
	}
	tell(t, login("hunter2-secret"), alertstest.Opened())
	wrong := login("wrong-secret")
	err := wrong.Notify(t.Context(), note(alertstest.Opened()))
	if e, ok := errors.AsType[*alerts.Error](err); !ok || !e.Permanent || !strings.Contains(err.Error(), "password_file") {
		t.Errorf("a wrong password: %v", err)
	}
	alertstest.KeepsSecrets(t, wrong, "wrong-secret", "AG5vYwB3cm9uZy1zZWNyZXQ")
}

func TestRefusals(t *testing.T) {
	for answer, permanent := range map[string]bool{"450 4.2.1 later": false, "451 4.3.0 later": false, "550 5.1.1 nobody": true, "554 5.7.1 spam": true} {
		for _, command := range []string{"MAIL", "RCPT", "DATA"} {
			d := serve(t, &double{answers: map[string]string{command: answer}})
			err := sinkTo(t, d, nil).Notify(t.Context(), note(alertstest.Opened()))
			e, ok := errors.AsType[*alerts.Error](err)
			if err == nil || (ok && e.Permanent) != permanent || !strings.Contains(err.Error(), answer[:3]) {
				t.Errorf("%s to %s: %v", answer, command, err)
			}
		}
	}
}

// One address that is gone does not keep the others from hearing.
func TestOneOfSeveralIsRefused(t *testing.T) {
	d := serve(t, &double{answers: map[string]string{"RCPT TO:<gone@": "550 5.1.1 nobody"}})
	s := sinkTo(t, d, func(e *email.Config) { e.To = []string{"a@example.net", "gone@example.net", "b@example.net"} })
	err := s.Notify(t.Context(), note(alertstest.Opened()))
	if e, ok := errors.AsType[*alerts.Error](err); !ok || !e.Permanent || !strings.Contains(err.Error(), `"gone@example.net"`) {
		t.Errorf("%v", err)
	}
	var to []string
	for _, m := range d.taken() {
		to = append(to, m.Header.Get("To"))
	}
	if want := []string{"<a@example.net>", "<b@example.net>"}; !slices.Equal(to, want) {
		t.Errorf("sent to %q; want %q", to, want)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	d := &double{Listener: l}
	err = sinkTo(t, d, nil).Notify(t.Context(), note(alertstest.Opened()))
	if _, ok := errors.AsType[*alerts.Error](err); ok || err == nil || !strings.Contains(err.Error(), address+" can't be reached") {
		t.Errorf("%v", err)
	}
}

func TestWrongConfigurations(t *testing.T) {
	good := email.Config{Server: "127.0.0.1:25", From: "a@example.net", To: []string{"b@example.net"}}
	for want, change := range map[string]func(*email.Config){
		"host with a port":  func(c *email.Config) { c.Server = "mail.example.net" },
		"sender":            func(c *email.Config) { c.From = "anywatch" },
		"nobody":            func(c *email.Config) { c.To = nil },
		"\"noc\" is not":    func(c *email.Config) { c.To = []string{"noc"} },
		"no way to encrypt": func(c *email.Config) { c.TLS = "ssl" },
		"none in PEM":       func(c *email.Config) { c.CA = []byte("x") },
	} {
		c := good
		change(&c)
		if _, err := email.New("mail", c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
