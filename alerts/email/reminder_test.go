package email_test

import (
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/detector"
)

// A reminder says so, stands in the thread of the incident, and has an id of its own, which stays at every try.
func TestReminders(t *testing.T) {
	d := serve(t, &double{})
	s := sinkTo(t, d, nil)
	if !s.Manner().Reminders {
		t.Fatal("nobody is reminded by mail")
	}
	tell(t, s, alertstest.Opened())
	open := alertstest.Opened()
	open.Event = detector.Updated
	since := time.Date(2024, 6, 27, 22, 51, 9, 0, time.UTC)
	for _, at := range []time.Time{since, since, since.Add(4 * time.Hour)} {
		if err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{open}, Reminder: true, Since: at}); err != nil {
			t.Fatal(err)
		}
	}
	mails := d.taken()
	root := mails[0].Header.Get("Message-Id")
	for n, m := range mails[1:] {
		if got := subject(t, m); !strings.HasPrefix(got, "REMINDER: CRITICAL origin-hijack 192.0.2.0/24: AS64666") {
			t.Errorf("the subject of reminder %d is %q", n, got)
		}
		if m.Header.Get("In-Reply-To") != root || m.Header.Get("References") != root {
			t.Errorf("reminder %d is not in the thread: %v", n, m.Header)
		}
		for kind, text := range parts(t, m) {
			if !strings.Contains(text, "This is still open, and nobody has acknowledged it.") {
				t.Errorf("%s of reminder %d: %s", kind, n, text)
			}
		}
	}
	first, again, next := mails[1].Header.Get("Message-Id"), mails[2].Header.Get("Message-Id"), mails[3].Header.Get("Message-Id")
	if first != again || first == next || first == root {
		t.Errorf("the ids are %s, at a second try %s, of the next reminder %s, of the opening %s", first, again, next, root)
	}
}
