package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"anywatch/detector"
)

// Delivery is what became of a notification.
type Delivery int

// The states of a notification. Only those that wait are due.
const (
	Waiting   Delivery = iota
	Delivered          // the sink took it
	Failed             // the sink refused it for good, or for too long
	Condensed          // a newer one contains it
)

// String gives waiting, delivered, failed or condensed.
func (d Delivery) String() string {
	return [...]string{"waiting", "delivered", "failed", "condensed"}[d&3]
}

// Notification is what a sink is to be told: a change of an incident, or a text of its own.
type Notification struct {
	// Seq is given when it is recorded: it rises, within its sink too, in the order in which it is to be told.
	Seq  int64
	Sink string
	// Key names it to the receiver, the same in all attempts and for all sinks: the incident and the number of the change, unless one is given.
	Key string
	// Of is which change of the batch it tells. ChangeID, if given, is a change that was recorded before instead, as for a reminder.
	Of       int
	ChangeID int64
	Incident string
	// Kin is what it has in common with those that it is to be told together with; Body is a text of its own, in place of a change.
	Kin, Body string
	Due       time.Time

	// What became of it so far.
	State             Delivery
	Attempts          int
	FirstTry, NextTry time.Time
	Done              time.Time
	Error             string
	// Change is what it tells, when it is read; nil for a text of its own.
	Change *detector.Change
}

var notificationTable = table{
	name:    "notification",
	columns: []string{"seq", "sink", "dedup", "incident", "change", "kin", "body", "due", "state", "attempts"},
}

// refer finds the change that a notification tells.
func (n *Notification) refer(changes []Change) error {
	switch {
	case n.Sink == "":
		return fmt.Errorf("store: a notification names no sink")
	case n.ChangeID != 0:
	case n.Body != "":
		if n.Key == "" {
			return fmt.Errorf("store: a notification for %s has a text of its own and no key; give it one that stays the same", n.Sink)
		}
		return nil
	case n.Of < 0 || n.Of >= len(changes):
		return fmt.Errorf("store: a notification for %s tells change %d of a batch with %d", n.Sink, n.Of, len(changes))
	default:
		n.ChangeID, n.Incident = changes[n.Of].ID, changes[n.Of].Incident.ID
	}
	if n.Key == "" {
		n.Key = fmt.Sprintf("%s-%d", n.Incident, n.ChangeID)
	}
	return nil
}

func (n *Notification) row() row {
	var incident, change, body any
	if n.Incident != "" {
		incident = subject(n.Incident)
	}
	if n.ChangeID != 0 {
		change = n.ChangeID
	}
	if n.Body != "" {
		body = text(n.Body)
	}
	return row{&notificationTable, []any{n.Seq, text(n.Sink), text(n.Key), incident, change, text(n.Kin), body, instant(n.Due), int64(Waiting), int64(n.Attempts)}}
}

// Outcome is what became of notifications in an attempt.
type Outcome struct {
	Seqs []int64
	// State is what they are now; Waiting when they are to be tried again, at Next.
	State Delivery
	Next  time.Time
	// Error says why they were not taken.
	Error string
}

// Settle notes what became of notifications. It does not wait for the disk: when the machine fails in the next moment, they are told once more,
// under the same key.
func (s *Store) Settle(o Outcome) {
	if len(o.Seqs) > 0 {
		s.enqueue(&op{settled: []settlement{{o, s.now()}}, detail: true, bytes: 8*len(o.Seqs) + len(o.Error)})
	}
}

// settlement is an outcome and when it came.
type settlement struct {
	Outcome
	at time.Time
}

// result is what one commit says of one notification: the last outcome counts, and each was an attempt.
type result struct {
	state       Delivery
	next        time.Time
	error       string
	first, last time.Time
	attempts    int
}

// results brings outcomes together, so that one statement serves many notifications.
func results(settled []settlement) (of map[result][]int64, order []result) {
	each := make(map[int64]result)
	var seqs []int64
	for _, o := range settled {
		for _, seq := range o.Seqs {
			r, known := each[seq]
			if !known {
				r.first = o.at
				seqs = append(seqs, seq)
			}
			r.state, r.next, r.error, r.last = o.State, o.Next, o.Error, o.at
			r.attempts++
			each[seq] = r
		}
	}
	of = make(map[result][]int64)
	for _, seq := range seqs {
		r := each[seq]
		if of[r] == nil {
			order = append(order, r)
		}
		of[r] = append(of[r], seq)
	}
	return of, order
}

// settle writes outcomes.
func (t *txn) settle(settled []settlement) error {
	of, order := results(settled)
	for _, r := range order {
		var problem, done any
		if r.error != "" {
			problem = text(r.error)
		}
		if r.state != Waiting {
			done = nanos(r.last)
		}
		args := []any{int64(r.state), r.attempts, nanos(r.first), nanos(r.next), problem, done}
		for seqs := of[r]; len(seqs) > 0; {
			n := chunk(len(seqs))
			all := args[:len(args):len(args)]
			for _, seq := range seqs[:n] {
				all = append(all, seq)
			}
			q := "UPDATE notification SET state = ?, attempts = attempts + ?, first_try = coalesce(first_try, ?), next_try = ?, error = ?, done = ? WHERE seq IN (" + questions(n) + ")"
			if err := t.statement(q, all...); err != nil {
				return err
			}
			seqs = seqs[n:]
		}
	}
	return nil
}

func questions(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

const notificationColumns = "n.seq, n.sink, n.dedup, coalesce(i.id, ''), coalesce(n.change, 0), n.kin, coalesce(n.body, ''), n.due, n.state, n.attempts, n.first_try, n.next_try, n.done, coalesce(n.error, ''), c.body"

// Pending gives what a sink has still to be told, in order: up to limit, behind the one with the given number; 0 is from the start.
func (s *Store) Pending(ctx context.Context, sink string, after int64, limit int) ([]Notification, error) {
	return s.notifications(ctx, "WHERE n.sink = ? AND n.state = 0 AND n.seq > ? ORDER BY n.seq LIMIT ?", sink, after, limit)
}

// Backlog counts what waits, by sink: also of sinks that the configuration names no more.
func (s *Store) Backlog(ctx context.Context) (map[string]int, error) {
	out := make(map[string]int)
	err := s.each(ctx, "SELECT sink, count(*) FROM notification WHERE state = 0 GROUP BY sink", nil, func(r *sql.Rows) error {
		var sink string
		var n int
		if err := r.Scan(&sink, &n); err != nil {
			return err
		}
		out[sink] = n
		return nil
	})
	return out, err
}

func (s *Store) notifications(ctx context.Context, where string, args ...any) (out []Notification, err error) {
	q := "SELECT " + notificationColumns + " FROM notification n LEFT JOIN change c ON c.id = n.change LEFT JOIN incident i ON i.number = n.incident " + where
	err = s.each(ctx, q, args, func(r *sql.Rows) error {
		n, err := scanNotification(r)
		out = append(out, n)
		return err
	})
	return out, err
}

func scanNotification(r *sql.Rows) (n Notification, err error) {
	var due int64
	var first, next, done *int64
	var change *string
	err = r.Scan(&n.Seq, &n.Sink, &n.Key, &n.Incident, &n.ChangeID, &n.Kin, &n.Body, &due, &n.State, &n.Attempts, &first, &next, &done, &n.Error, &change)
	if err != nil {
		return n, err
	}
	n.Due, n.FirstTry, n.NextTry, n.Done = moment(&due), moment(first), moment(next), moment(done)
	if change != nil {
		c, err := readChange(*change)
		n.Change = &c
		return n, err
	}
	return n, nil
}
