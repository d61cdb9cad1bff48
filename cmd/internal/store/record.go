package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"anywatch/detector"
)

// Change is a change of an incident as it is kept: with a number that rises with every change that is recorded.
type Change struct {
	ID int64
	detector.Change
}

// NoteKind is what somebody did with an incident.
type NoteKind string

// The kinds of notes.
const (
	Acknowledged   NoteKind = "acknowledged"
	Unacknowledged NoteKind = "unacknowledged"
	Commented      NoteKind = "commented"
	ResolvedByHand NoteKind = "resolved"
	Escalated      NoteKind = "escalated"
)

// Note is what somebody did with an incident, or said about it.
type Note struct {
	ID       int64
	Incident string
	Time     time.Time
	Kind     NoteKind
	Author   string
	Text     string
}

// Batch is written in one commit, wholly or not at all: changes of incidents, the notifications that they cause, what somebody did. Its numbers are
// filled in before Submit or Record return. It must not be altered while it waits.
type Batch struct {
	Changes       []Change
	Notifications []Notification
	Notes         []Note
}

// Record writes a batch and waits until it is on the disk. ErrHeld and ErrDropped say that it is not; so does the error of ctx, and then it is
// still going to be written.
func (s *Store) Record(ctx context.Context, b *Batch) error {
	o, err := s.batch(b)
	if err != nil {
		return err
	}
	return s.wait(ctx, o)
}

// Submit writes a batch without waiting. Done is called once: with nil when it is on the disk, else with what became of it. It is called from the
// writer's goroutine, in the order of the batches, and must not wait for the store.
func (s *Store) Submit(b *Batch, done func(error)) error {
	o, err := s.batch(b)
	if err != nil {
		return err
	}
	o.done = done
	s.enqueue(o)
	return nil
}

// batch numbers what is in a batch and makes rows of it.
func (s *Store) batch(b *Batch) (*op, error) {
	o := &op{rows: make([]row, 0, 3*len(b.Changes)+len(b.Notifications)+len(b.Notes))}
	for i := range b.Changes {
		if err := s.changeRows(o, &b.Changes[i]); err != nil {
			return nil, err
		}
	}
	for i := range b.Notes {
		n := &b.Notes[i]
		n.ID = s.number()
		if n.Time.IsZero() {
			n.Time = s.now()
		}
		o.rows = append(o.rows, row{&noteTable, []any{n.ID, subject(n.Incident), nanos(n.Time), string(n.Kind), text(n.Author), text(n.Text)}})
	}
	for i := range b.Notifications {
		n := &b.Notifications[i]
		if err := n.refer(b.Changes); err != nil {
			return nil, err
		}
		n.Seq = s.number()
		if n.Due.IsZero() {
			n.Due = s.now()
		}
		o.rows = append(o.rows, n.row())
	}
	return o, nil
}

var (
	incidentTable = table{
		name: "incident", replace: true,
		columns: []string{"id", "number", "kind", "severity", "state", "prefix", "watched", "site", "subject", "origin", "started", "opened", "updated", "resolved", "acknowledged", "silenced", "summary", "latest"},
		conflict: ` ON CONFLICT (number) DO UPDATE SET severity = excluded.severity, state = excluded.state, prefix = excluded.prefix, watched = excluded.watched, site = excluded.site,
			origin = excluded.origin, started = excluded.started, opened = excluded.opened, updated = excluded.updated, resolved = excluded.resolved,
			acknowledged = excluded.acknowledged, silenced = excluded.silenced, summary = excluded.summary, latest = excluded.latest WHERE excluded.latest > incident.latest`,
	}
	incidentNetTable = table{name: "incident_net", columns: []string{"incident", "net", "bits"}, conflict: " ON CONFLICT (incident, net, bits) DO NOTHING"}
	changeTable      = table{name: "change", columns: []string{"id", "incident", "time", "event", "body"}}
	noteTable        = table{name: "note", columns: []string{"id", "incident", "time", "kind", "author", "body"}}
)

// changeRows makes the rows of a change: the incident as it stands now, which prefixes it is about, and the change itself.
func (s *Store) changeRows(o *op, c *Change) error {
	i := &c.Incident
	if i.ID == "" {
		return errors.New("store: a change of an incident without id can't be kept")
	}
	body, err := json.Marshal(c.Change)
	if err != nil {
		return fmt.Errorf("store: incident %s: %w", i.ID, err)
	}
	c.ID = s.number()
	var origin any
	if i.Origin != nil {
		origin = int64(*i.Origin)
	}
	var resolved any
	if i.Resolved != nil {
		resolved = nanos(*i.Resolved)
	}
	o.rows = append(o.rows, row{&incidentTable, []any{
		i.ID, subject(i.ID), string(i.Kind), int64(i.Severity), i.State, named(i.Prefix), named(i.Watched), optional(i.Site), optional(i.Subject), origin,
		instant(i.Started), instant(i.Opened), instant(i.Updated), resolved, optional(i.Acknowledged), optional(i.Silenced), text(i.Summary), c.ID,
	}})
	for _, p := range concerned(i) {
		o.rows = append(o.rows, row{&incidentNetTable, []any{subject(i.ID), netOf(p), p.Bits()}})
	}
	o.rows = append(o.rows, row{&changeTable, []any{c.ID, subject(i.ID), instant(c.Time), string(c.Event), string(body)}})
	return nil
}

func named(p *netip.Prefix) any {
	if p == nil {
		return nil
	}
	return p.String()
}

// concerned gives the prefixes under which an incident is found.
func concerned(i *detector.Incident) []netip.Prefix {
	out := i.Prefixes[:len(i.Prefixes):len(i.Prefixes)]
	if i.Prefix != nil {
		out = append(out, *i.Prefix)
	}
	if i.Watched != nil && (i.Prefix == nil || *i.Watched != *i.Prefix) {
		out = append(out, *i.Watched)
	}
	return out
}
