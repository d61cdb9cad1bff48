package alerts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

const (
	opened   = detector.Opened
	updated  = detector.Updated
	resolved = detector.Resolved
)

var alone = alerts.Manner{Alone: true}

func to(sinks ...*sink) []alerts.Route {
	var routes []alerts.Route
	for _, s := range sinks {
		routes = append(routes, alerts.Route{Sink: s})
	}
	return routes
}

func TestEveryChangeArrivesInOrder(t *testing.T) {
	s := &sink{name: "hook", manner: alone}
	inDesk(t, alerts.Config{Routes: to(s), GroupWait: time.Hour}, func(d *desk) {
		d.handle(change(opened, "a"), change(updated, "a", seeing(2)), change(opened, "b"), change(resolved, "a"))
		d.told(s, "opened a | updated a=2 | opened b | resolved a")
		d.counts(s, "4 0 0 0 0")
	})
}

func TestASlowSinkDelaysNoOther(t *testing.T) {
	var hold chan struct{} // made inside, where Wait knows of it
	slow := &sink{name: "slow", manner: alone, answer: func(alerts.Notification) error { <-hold; return nil }}
	fast := &sink{name: "fast", manner: alone}
	inDesk(t, alerts.Config{Routes: to(slow, fast)}, func(d *desk) {
		hold = make(chan struct{})
		d.handle(change(opened, "a"), change(opened, "b"))
		d.told(fast, "opened a | opened b")
		d.told(slow, "")
		d.counts(slow, "0 0 0 0 2")
		close(hold)
		synctest.Wait()
		d.told(slow, "opened a | opened b")
	})
}

func TestGroupWaitGathersWhatBelongsTogether(t *testing.T) {
	s := &sink{name: "chat"}
	inDesk(t, alerts.Config{Routes: to(s), GroupWait: 5 * time.Second}, func(d *desk) {
		d.handle(change(opened, "a", site("ams")), change(opened, "x", site("nrt")))
		d.pass(4 * time.Second)
		d.handle(change(opened, "b", site("ams")))
		d.told(s, "")
		d.pass(time.Second)
		d.told(s, "opened a, opened b | opened x")
		d.handle(change(opened, "c", site("ams")))
		d.told(s, "")
		d.pass(5 * time.Second)
		d.told(s, "opened c")
	})
}

func TestNoGroupWaitTellsAtOnce(t *testing.T) {
	s := &sink{name: "chat"}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"))
		d.told(s, "opened a")
	})
}

// An incident whose offender, and with it whose kin, changes while it waits must not overtake itself.
func TestOrderHoldsWhenTheKinChanges(t *testing.T) {
	s := &sink{name: "chat"}
	inDesk(t, alerts.Config{Routes: to(s), GroupWait: 5 * time.Second}, func(d *desk) {
		d.handle(change(opened, "y", site("nrt")))
		d.pass(time.Second)
		d.handle(change(opened, "x", site("ams")), change(updated, "x", site("nrt")))
		d.pass(4 * time.Second)
		d.told(s, "opened y")
		d.pass(time.Second)
		d.told(s, "opened x, updated x")
	})
}

func TestRetriesBackOffAndHonourRetryAfter(t *testing.T) {
	var err error
	tries := 0
	s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { tries++; return err }}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		expect := func(after time.Duration, want int) {
			t.Helper()
			d.pass(after - 1)
			if tries != want-1 {
				t.Errorf("%d tries just before %s are over; want %d", tries, after, want-1)
			}
			d.pass(1)
			if tries != want {
				t.Errorf("%d tries after %s; want %d", tries, after, want)
			}
		}
		err = errDown
		d.handle(change(opened, "a"))
		expect(time.Second, 2)
		expect(2*time.Second, 3)
		err = alerts.RetryAfter(errDown, 77*time.Second)
		expect(4*time.Second, 4)
		err = alerts.RetryAfter(errDown, 30*24*time.Hour)
		expect(77*time.Second, 5)
		err = nil
		expect(time.Hour, 6)
		d.told(s, "opened a")
		d.counts(s, "1 5 0 0 0")
		if !strings.Contains(d.log.String(), "takes notifications again") {
			t.Errorf("the log does not tell that the sink recovered:\n%s", d.log)
		}
	})
}

func TestARefusalIsCountedLoggedAndNotRepeated(t *testing.T) {
	s := &sink{name: "hook", manner: alone}
	s.answer = func(n alerts.Notification) error {
		if n.Changes[0].Incident.ID == "a" {
			return fmt.Errorf("wrapped: %w", alerts.Permanent(errors.New("no such channel")))
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"), change(opened, "b"))
		d.told(s, "opened b")
		d.counts(s, "1 0 1 0 0")
		for _, want := range []string{"level=ERROR", "no such channel", "sink=hook", "incidents=[a]"} {
			if !strings.Contains(d.log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, d.log)
			}
		}
	})
}

// A notification that the receiver can't take must not keep the others from it; of its own incident nothing may pass it.
func TestOnePoisonedNotificationLetsOthersPass(t *testing.T) {
	poisoned := true
	s := &sink{name: "hook", manner: alone}
	s.answer = func(n alerts.Notification) error {
		if poisoned && n.Changes[0].Incident.ID == "a" {
			return errDown
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"), change(resolved, "a"), change(opened, "b"), change(opened, "c"))
		for range 5 {
			d.pass(10 * time.Second)
		}
		d.pass(time.Minute)
		d.told(s, "opened b | opened c")
		poisoned = false
		d.pass(5 * time.Minute)
		d.told(s, "opened a | resolved a")
	})
}

func TestANotificationIsGivenUpAfterADay(t *testing.T) {
	s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { return errDown }}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"))
		for range 24 * 12 {
			d.pass(5 * time.Minute)
		}
		if got := d.metric("anywatch_notifications_total", "hook", "failed"); got != 1 {
			t.Errorf("%v failed after a day; want 1", got)
		}
		if !strings.Contains(d.log.String(), "for too long") {
			t.Error("the log does not tell that the notification is lost")
		}
	})
}

// What a sink missed while it was down comes condensed: the opening and the end of each incident, and of what is open the newest state.
func TestASinkThatWasDownGetsWhatStillMatters(t *testing.T) {
	down := true
	s := &sink{name: "hook", manner: alone}
	s.answer = func(alerts.Notification) error {
		if down {
			return errDown
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"))
		d.pass(2 * time.Minute)
		d.handle(change(updated, "a", seeing(2)), change(updated, "a", seeing(3)),
			change(opened, "b"), change(updated, "b", seeing(5)), change(resolved, "b"),
			change(opened, "c"), change(updated, "c", seeing(7)), change(updated, "c", seeing(8)))
		down = false
		d.pass(5 * time.Minute)
		d.told(s, "opened a | updated a=3 | opened b=5 | resolved b | opened c=8")
		if got := d.metric("anywatch_notifications_total", "hook", "condensed"); got != 4 {
			t.Errorf("%v condensed; want 4", got)
		}
	})
}

// What waited before the sink had failed for long is condensed too.
func TestALongFailureCondensesWhatWaits(t *testing.T) {
	down := true
	s := &sink{name: "hook", manner: alone}
	s.answer = func(alerts.Notification) error {
		if down {
			return errDown
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a"), change(updated, "a", seeing(2)), change(updated, "a", seeing(3)))
		for range 8 {
			d.pass(20 * time.Second)
		}
		down = false
		d.pass(5 * time.Minute)
		d.told(s, "opened a | updated a=3")
	})
}

// An incident that came and went again and again keeps its last life, and the end of the one that the sink knows.
func TestFormerLivesAreCondensed(t *testing.T) {
	var hold chan struct{} // made inside, where Wait knows of it
	s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { <-hold; return nil }}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		hold = make(chan struct{})
		d.handle(change(opened, "a"))
		for n := range 60 {
			d.handle(change(resolved, "a", reopened(n)), change(opened, "a", reopened(n+1)))
		}
		close(hold)
		synctest.Wait()
		told := strings.Split(s.take(), " | ")
		if len(told) > 30 {
			t.Errorf("%d notifications are left of 121", len(told))
		}
		if told[0] != "opened a" || told[1] != "resolved a" || told[len(told)-1] != "opened a(60)" {
			t.Errorf("the sink was told %q; want the first opening, its end, and at last the newest opening", told)
		}
	})
}

func TestAFullQueueLosesTheOldestLoudly(t *testing.T) {
	var hold chan struct{} // made inside, where Wait knows of it
	s := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { <-hold; return nil }}
	inDesk(t, alerts.Config{Routes: to(s), QueueLimit: 3}, func(d *desk) {
		hold = make(chan struct{})
		d.handle(change(opened, "in hand"))
		d.handle(change(opened, "a"), change(updated, "a"), change(opened, "b"), change(opened, "c"))
		d.counts(s, "0 0 2 0 3")
		if !strings.Contains(d.log.String(), "queue is full") {
			t.Error("the log does not tell that the queue is full")
		}
		close(hold)
		synctest.Wait()
		d.told(s, "opened in hand | opened b | opened c")
	})
}

func TestSeverityUpdates(t *testing.T) {
	s := &sink{name: "chat", manner: alerts.Manner{Updates: alerts.SeverityUpdates}}
	inDesk(t, alerts.Config{Routes: to(s)}, func(d *desk) {
		d.handle(change(opened, "a", severity(detector.Warning)))
		d.handle(change(updated, "a", severity(detector.Warning), seeing(2)))
		d.told(s, "opened a")
		d.handle(change(updated, "a", severity(detector.Critical)))
		d.handle(change(updated, "a", severity(detector.Critical), seeing(9)))
		d.handle(change(resolved, "a"))
		d.told(s, "updated a | resolved a")
	})
}
