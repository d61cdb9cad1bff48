package alerts_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

// forgetful is a sink whose receiver forgets.
type forgetful struct {
	*sink
	every time.Duration
}

func (f forgetful) RefreshEvery() time.Duration { return f.every }

func (f forgetful) Refresh(_ context.Context, open []detector.Change) error {
	var again []string
	for _, c := range open {
		again = append(again, line(alerts.Notification{Changes: []detector.Change{c}}))
	}
	slices.Sort(again)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, "again: "+strings.Join(again, ", "))
	return errDown // which must stop nothing
}

// What is open is said again, as it last was; what resolved, and what the sink was never told, is not.
func TestWhatIsOpenIsSaidAgain(t *testing.T) {
	s := &sink{name: "am", manner: alone}
	f := forgetful{s, time.Minute}
	inDesk(t, alerts.Config{Routes: []alerts.Route{{Sink: f, MinSeverity: detector.Warning}}}, func(d *desk) {
		d.pass(time.Hour)
		d.told(s, "")
		d.handle(change(opened, "a", seeing(1)), change(opened, "b"), change(opened, "c", severity(detector.Info)))
		d.told(s, "opened a=1 | opened b")
		d.pass(time.Minute - 1)
		d.told(s, "")
		d.handle(change(updated, "a", seeing(2)))
		d.told(s, "updated a=2")
		d.pass(1)
		d.told(s, "again: opened b, updated a=2")
		d.handle(change(resolved, "a"))
		d.told(s, "resolved a")
		d.pass(time.Minute)
		d.told(s, "again: opened b")
		d.handle(change(resolved, "b"))
		d.told(s, "resolved b")
		d.pass(time.Hour)
		d.told(s, "")
	})
}

// A receiver that forgets does not know that the process was another one.
func TestWhatTheProcessBeforeToldIsSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{name: "am", manner: alone}
		d := newDesk(t, alerts.Config{Routes: []alerts.Route{{Sink: forgetful{s, time.Minute}}}})
		d.Restore(alerts.Backlog{Told: []alerts.Kept{{Sink: "am", Change: change(opened, "a")}}})
		go func() { d.ended <- d.Run(t.Context()) }()
		synctest.Wait()
		d.pass(time.Minute)
		d.told(s, "again: opened a")
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestDashboard(t *testing.T) {
	for base, want := range map[alerts.Dashboard]string{
		"":                                  "",
		"https://anywatch.example.net":      "https://anywatch.example.net/incidents/a%2Fb",
		"https://noc.example.net/anywatch/": "https://noc.example.net/anywatch/incidents/a%2Fb",
	} {
		if got := base.Incident("a/b"); got != want {
			t.Errorf("%q: %q; want %q", base, got, want)
		}
	}
}
