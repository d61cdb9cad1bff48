package chat_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/detector"
)

// A reminder says so, and is a message of its own to a home server that knows messages by their ids.
func TestReminders(t *testing.T) {
	host, got := start(t, http.StatusOK)
	s := sinkTo(t, "matrix+http://t@"+host+"/!r:x")
	if !s.Manner().Reminders {
		t.Fatal("nobody is reminded in a chat")
	}
	open := alertstest.Opened()
	open.Event = detector.Updated
	since := time.Date(2024, 6, 27, 22, 51, 9, 0, time.UTC)
	for _, n := range []alerts.Notification{
		note(open),
		{Changes: []detector.Change{open}, Reminder: true, Since: since},
		{Changes: []detector.Change{open}, Reminder: true, Since: since},
		{Changes: []detector.Change{open}, Reminder: true, Since: since.Add(time.Hour)},
	} {
		if err := s.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	paths := map[string]int{}
	for _, q := range *got {
		paths[q.path]++
	}
	if len(paths) != 3 || paths[(*got)[1].path] != 2 {
		t.Errorf("the messages are %v: a reminder has one id at every try, and no other message has it", paths)
	}
	const begin, says = "REMINDER: CRITICAL origin-hijack 192.0.2.0/24", "\nThis is still open, and nobody has acknowledged it.\n"
	if text := dig((*got)[1].body, "body").(string); !strings.HasPrefix(text, begin) || !strings.Contains(text, says) {
		t.Errorf("the reminder says %s", text)
	}
	if text := dig((*got)[0].body, "body").(string); strings.Contains(text, "REMINDER") {
		t.Errorf("the update says %s", text)
	}
}
