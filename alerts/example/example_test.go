package example_test

import (
	"strings"
	"testing"
	"time"

	"anywatch/alerts/example"
	"anywatch/detector"
)

// Every kind has a life that says that it is a test, opens and ends under one id.
func TestOneOfEveryKind(t *testing.T) {
	now := time.Date(2024, 6, 27, 18, 51, 9, 0, time.UTC)
	ids, kinds := map[string]bool{}, map[detector.Kind]bool{}
	for _, l := range example.Lives(now) {
		o, r := l.Opened, l.Resolved
		ids[o.Incident.ID], kinds[o.Incident.Kind] = true, true
		for _, c := range []detector.Change{o, r} {
			if i := c.Incident; !strings.HasPrefix(i.Summary, "TEST ") || i.Matter() == "" || len(i.Why) == 0 || i.ID != o.Incident.ID {
				t.Errorf("%s %s: %+v", c.Event, i.Kind, i)
			}
		}
		if o.Event != detector.Opened || r.Event != detector.Resolved || !r.Time.Equal(now) || !o.Time.Before(now) || r.Incident.Resolved == nil ||
			o.Incident.Resolved != nil || o.Incident.State != "open" || r.Incident.State != "resolved" {
			t.Errorf("%s: opened %+v, resolved %+v", o.Incident.Kind, o, r)
		}
	}
	for _, k := range detector.Kinds() {
		if !kinds[k] {
			t.Errorf("no example of %s", k)
		}
	}
	if len(ids) != len(kinds) {
		t.Errorf("%d ids for %d kinds", len(ids), len(kinds))
	}
	if again := example.Of(detector.OriginHijack, now.Add(time.Second)); ids[again.Opened.Incident.ID] {
		t.Error("a later test has the same id: a receiver would take it for a repetition")
	}
}
