package store

import (
	"fmt"
	"testing"
	"time"
)

func TestOutbox(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		b := record(t, s, []Change{opened(1, noon), opened(2, noon)}, "slack", "pager")
		again := &Batch{Notifications: []Notification{{Sink: "pager", Incident: b.Changes[0].Incident.ID, ChangeID: b.Changes[0].ID, Key: "again-1"}, {Sink: "pager", Key: "storm-1", Body: "100,000 findings"}}}
		check(t, s.Record(t.Context(), again))
		waiting, err := s.Pending(t.Context(), "pager", 0, 10)
		check(t, err)
		equal(t, "for the pager", len(waiting), 4)
		for i, n := range waiting[:3] {
			if n.Change == nil || n.Change.Incident.ID != n.Incident || n.Seq <= waiting[max(i-1, 0)].Seq && i > 0 {
				t.Errorf("notification %d is %+v", i, n)
			}
		}
		equal(t, "key", waiting[0].Key, fmt.Sprintf("%s-%d", b.Changes[0].Incident.ID, b.Changes[0].ID))
		equal(t, "key of a reminder", waiting[2].Key, "again-1")
		equal(t, "text of its own", waiting[3].Body, "100,000 findings")
		rest, err := s.Pending(t.Context(), "pager", waiting[0].Seq, 1)
		check(t, err)
		equal(t, "the next page", rest[0].Seq, waiting[1].Seq)

		seqs := func(n ...int) (out []int64) {
			for _, i := range n {
				out = append(out, waiting[i].Seq)
			}
			return out
		}
		s.Settle(Outcome{Seqs: seqs(0, 1), State: Waiting, Next: noon.Add(time.Hour), Error: "HTTP status 503"})
		s.Settle(Outcome{Seqs: seqs(0), State: Delivered})
		s.Settle(Outcome{Seqs: seqs(2), State: Failed, Error: "HTTP status 401"})
		s.Settle(Outcome{Seqs: seqs(3), State: Condensed})
		check(t, s.Flush(t.Context()))
		check(t, s.Close())

		s = open(t, config(address))
		left, err := s.Pending(t.Context(), "pager", 0, 10)
		check(t, err)
		equal(t, "left", len(left), 1)
		equal(t, "which", left[0].Seq, waiting[1].Seq)
		equal(t, "attempts", left[0].Attempts, 1)
		equal(t, "next", left[0].NextTry, noon.Add(time.Hour))
		equal(t, "error", left[0].Error, "HTTP status 503")
		h, err := s.Incident(t.Context(), b.Changes[0].Incident.ID)
		check(t, err)
		equal(t, "all of one incident", len(h.Notifications), 3)
		equal(t, "attempts until it was delivered", h.Notifications[1].Attempts, 2)
		equal(t, "states", fmt.Sprint(h.Notifications[0].State, h.Notifications[1].State, h.Notifications[2].State), "waiting delivered failed")
		backlog, err := s.Backlog(t.Context())
		check(t, err)
		equal(t, "backlog", fmt.Sprint(backlog), "map[pager:1 slack:2]")
	})
}

func TestNotificationsThatCannotBe(t *testing.T) {
	s := open(t, config(sqliteDatabase.address(t)))
	for _, n := range []Notification{{Sink: "x", Of: 1}, {Sink: "x", Of: -1}, {Of: 0}, {Sink: "x", Body: "no key"}} {
		if err := s.Record(t.Context(), &Batch{Changes: []Change{opened(1, noon)}, Notifications: []Notification{n}}); err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
}

// TestOutcomesInOneCommit: the last outcome counts, whatever was brought together.
func TestOutcomesInOneCommit(t *testing.T) {
	of, order := results([]settlement{
		{Outcome{Seqs: []int64{1}, State: Delivered}, noon}, {Outcome{Seqs: []int64{2}, State: Waiting, Error: "no"}, noon},
		{Outcome{Seqs: []int64{2}, State: Delivered}, noon.Add(1)}, {Outcome{Seqs: []int64{3}, State: Delivered}, noon},
	})
	equal(t, "kinds", len(order), 2)
	equal(t, "together", fmt.Sprint(of[order[0]]), "[1 3]")
	equal(t, "attempts", order[1].attempts, 2)
	equal(t, "state", order[1].state, Delivered)
}
