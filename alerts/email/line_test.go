package email_test

import (
	"context"
	"errors"
	"testing"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/alerts/email"
)

// Whatever the server leaves unanswered, the end of the context ends the attempt, and the connection with it: the double waits for that.
func TestAMuteServerIsCutOff(t *testing.T) {
	for _, c := range []struct{ mute, tls string }{
		{"greeting", email.None}, {"greeting", email.TLS}, {"EHLO", email.None}, {"STARTTLS", email.StartTLS}, {"TLS", email.StartTLS}, {"TLS", email.TLS},
		{"AUTH", email.StartTLS}, {"AUTH", email.TLS}, {"MAIL", email.None}, {"DATA", email.TLS},
	} {
		t.Run(c.mute+" "+c.tls, func(t *testing.T) {
			d := serve(t, &double{implicit: c.tls == email.TLS, password: map[bool]string{true: "hunter2"}[c.tls != email.None], mute: c.mute, muted: make(chan struct{})})
			s := sinkTo(t, d, func(e *email.Config) {
				if e.TLS = c.tls; c.tls != email.None {
					e.Username, e.Password = "noc", "hunter2"
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-d.muted; cancel() }()
			err := s.Notify(ctx, note(alertstest.Opened()))
			if !errors.Is(err, context.Canceled) { // and no time-out of one step
				t.Errorf("%v", err)
			}
			if e, ok := errors.AsType[*alerts.Error](err); ok && e.Permanent {
				t.Errorf("given up: %v", err)
			}
		})
	}
}

// A login that fails leaves no connection open, however it was encrypted: the double waits for its sessions.
func TestLoginOverTLS(t *testing.T) {
	d := serve(t, &double{implicit: true, password: "hunter2-secret"})
	for password, ok := range map[string]bool{"hunter2-secret": true, "wrong-secret": false} {
		s := sinkTo(t, d, func(e *email.Config) { e.TLS, e.Username, e.Password = email.TLS, "noc", password })
		if err := s.Notify(t.Context(), note(alertstest.Opened())); (err == nil) != ok {
			t.Errorf("%s: %v", password, err)
		}
	}
	if m := d.taken(); len(m) != 1 || !m[0].encrypted {
		t.Errorf("took %d mails", len(m))
	}
}
