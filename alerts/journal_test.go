package alerts_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anywatch/alerts"
	"anywatch/detector"
)

// journal is a journal in memory, whose disk can be made slow.
type journal struct {
	mu      sync.Mutex
	slow    chan struct{} // while it is there, Record waits for it
	last    uint64
	records int
	pending []alerts.Kept
	told    []alerts.Kept
	settled []string
}

func (j *journal) Record(_ []detector.Change, tell []alerts.Kept) {
	if j.slow != nil {
		<-j.slow
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records++
	for i := range tell {
		j.last++
		tell[i].Seq = j.last
	}
	j.pending = append(j.pending, tell...)
}

func (j *journal) Settle(sink string, what alerts.Outcome, why string, seqs []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var still []alerts.Kept
	for _, k := range j.pending {
		if !slices.Contains(seqs, k.Seq) {
			still = append(still, k)
			continue
		}
		text := fmt.Sprintf("%s %s %s %s", sink, what, k.Change.Event, k.Change.Incident.ID)
		if why != "" {
			text += ": " + why
		}
		j.settled = append(j.settled, text)
		if what == alerts.Sent {
			j.told = append(j.told, k)
		}
	}
	j.pending = still
}

func (j *journal) backlog() alerts.Backlog {
	j.mu.Lock()
	defer j.mu.Unlock()
	return alerts.Backlog{Pending: slices.Clone(j.pending), Told: slices.Clone(j.told)}
}

// books gives what became of everything, and what still waits.
func (j *journal) books() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := strings.Join(j.settled, ", ")
	j.settled = nil
	for _, k := range j.pending {
		text += fmt.Sprintf(", %s waits: %s %s", k.Sink, k.Change.Event, k.Change.Incident.ID)
	}
	return strings.TrimPrefix(text, ", ")
}

func (d *desk) booked(j *journal, want string) {
	d.t.Helper()
	if got := j.books(); got != want {
		d.t.Errorf("the journal says\n  %s, want\n  %s", got, want)
	}
}

func TestWhatIsToldIsKeptBefore(t *testing.T) {
	j := &journal{}
	s := &sink{name: "hook", manner: alone}
	s.answer = func(n alerts.Notification) error {
		if got := len(j.backlog().Pending); got == 0 {
			t.Errorf("%s is told before it is kept", line(n))
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s), Journal: j}, func(d *desk) {
		d.handle(change(opened, "a"), change(resolved, "a"))
		d.told(s, "opened a | resolved a")
		d.booked(j, "hook sent opened a, hook sent resolved a")
	})
}

// The disk never delays whoever hands changes over, and what came while it was busy shares the next write.
func TestASlowDiskDelaysNobody(t *testing.T) {
	j := &journal{}
	s := &sink{name: "hook", manner: alone}
	inDesk(t, alerts.Config{Routes: to(s), Journal: j}, func(d *desk) {
		j.slow = make(chan struct{})
		for n := range 100 {
			d.Handle(change(opened, fmt.Sprint(n)))
		}
		synctest.Wait()
		d.told(s, "")
		close(j.slow)
		synctest.Wait()
		if got := strings.Count(s.take(), "opened"); got != 100 {
			t.Errorf("the sink was told of %d; want 100", got)
		}
		if j.records > 2 {
			t.Errorf("%d writes for 100 changes of which 99 waited; want 2", j.records)
		}
	})
}

// What waits when the process ends is told by the next one, and what was told is not told again.
func TestTheNextProcessGoesOn(t *testing.T) {
	j := &journal{}
	down := &sink{name: "hook", manner: alone, answer: func(alerts.Notification) error { return errDown }}
	up := &sink{name: "chat", manner: alerts.Manner{Updates: alerts.SeverityUpdates}}
	old := &sink{name: "old", manner: alone, answer: func(alerts.Notification) error { return errDown }}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, alerts.Config{Routes: to(down, up, old), Journal: j})
		go func() { d.ended <- d.Run(t.Context()) }()
		d.handle(change(opened, "a"), change(opened, "b"))
		d.told(up, "opened a | opened b")
	})
	if got := j.books(); got != "chat sent opened a, chat sent opened b, hook waits: opened a, old waits: opened a, hook waits: opened b, old waits: opened b" {
		t.Fatalf("the journal says %s", got)
	}
	down.answer = nil
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, alerts.Config{Routes: to(down, up), Journal: j})
		d.Restore(j.backlog())
		go func() { d.ended <- d.Run(t.Context()) }()
		d.handle(change(updated, "a", seeing(9)), change(updated, "b", severity(detector.Warning)), change(resolved, "a"))
		d.told(up, "resolved a | updated b")
		d.told(down, "opened a | opened b | updated a=9 | updated b | resolved a")
		if !strings.Contains(d.log.String(), "not configured any more") {
			t.Errorf("the log does not tell of the sink that is gone:\n%s", d.log)
		}
		if n := len(j.backlog().Pending); n != 0 {
			t.Errorf("%d still wait: %s", n, j.books())
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Everything that is kept is settled one day, however it was condensed.
func TestNothingIsForgottenInTheJournal(t *testing.T) {
	j := &journal{}
	down := true
	s := &sink{name: "hook", manner: alone}
	s.answer = func(n alerts.Notification) error {
		switch {
		case down:
			return errDown
		case n.Changes[0].Incident.ID == "b":
			return alerts.Permanent(errDown)
		}
		return nil
	}
	inDesk(t, alerts.Config{Routes: to(s), Journal: j, QueueLimit: 6}, func(d *desk) {
		d.handle(change(opened, "a"))
		d.pass(2 * time.Minute)
		d.handle(change(updated, "a"), change(updated, "a"), change(opened, "b"), change(opened, "c"), change(updated, "c"), change(updated, "c"),
			change(opened, "d"), change(opened, "e"), change(opened, "f"), change(opened, "g"))
		down = false
		d.pass(5 * time.Minute)
		if got := j.books(); strings.Contains(got, "waits") || !strings.Contains(got, "failed opened a: the queue was full") || !strings.Contains(got, "failed opened b: "+errDown.Error()) {
			t.Errorf("the journal says %s", got)
		}
	})
}
