package detector

import (
	"maps"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/rules"
)

// ledger keeps all records by their key.
type ledger struct {
	records map[Key]*record
	touched []*record // changed since the last settlement, in the order in which they were touched
}

func newLedger() *ledger { return &ledger{records: make(map[Key]*record)} }

func (l *ledger) touch(r *record) {
	if !r.dirty {
		r.dirty = true
		l.touched = append(l.touched, r)
	}
}

// hold notes that a vantage shows what the finding says. A vantage that showed it too long ago to count begins anew.
func (l *ledger) hold(f Finding, v *collector.Vantage, r *Route, now time.Time, c rules.Confirm) {
	rec := l.records[f.Key]
	if rec == nil {
		rec = &record{key: f.Key, matter: &sighting{}}
		l.records[f.Key] = rec
	}
	if _, ok := rec.matter.(*former); ok {
		succeed(rec, &sighting{})
	}
	s := rec.matter.(*sighting)
	s.finding = f
	h := s.holder(v)
	if h.first.IsZero() || !h.counts(c, now) {
		h.first = min2(r.Shown, now)
	}
	h.v, h.severity, h.shown = v, f.Severity, traceOf(v, r)
	if !slices.Contains(h.routes, r) {
		h.routes = append(h.routes, r)
	}
	h.note(r, f)
	l.touch(rec)
}

// release notes that a vantage's route is evidence no more.
func (l *ledger) release(k Key, v *collector.Vantage, r *Route, now, at time.Time, why cause) {
	rec := l.records[k]
	if rec == nil {
		return
	}
	for _, h := range rec.matter.(*sighting).holders {
		if h.v.ID != v.ID {
			continue
		}
		h.routes = slices.DeleteFunc(h.routes, func(x *Route) bool { return x == r })
		h.wide = slices.DeleteFunc(h.wide, func(x wide) bool { return x.route == r })
		if n := len(h.routes); n > 0 {
			h.shown = traceOf(h.v, h.routes[n-1])
			continue
		}
		h.last, rec.cause, h.shown = now, why, h.shown.ended(at)
	}
	l.touch(rec)
}

// stale notes that a vantage which shows it was lost.
func (l *ledger) stale(k Key, v *collector.Vantage, now time.Time) {
	rec := l.records[k]
	if rec == nil {
		return
	}
	for _, h := range rec.matter.(*sighting).holders {
		if h.v.ID == v.ID {
			h.last = now
		}
	}
	l.touch(rec)
}

func min2(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// raise notes that a condition holds, or how it holds now.
func (l *ledger) raise(c Condition) {
	rec := l.records[c.Key]
	if rec == nil {
		rec = &record{key: c.Key}
		l.records[c.Key] = rec
	}
	c.how = there
	if old, ok := rec.matter.(*Condition); ok {
		c.peak = old.peak
	}
	succeed(rec, &c)
	l.touch(rec)
}

// lift notes that a condition holds no more, and why.
func (l *ledger) lift(k Key, why cause) {
	rec := l.records[k]
	if rec == nil {
		return
	}
	switch m := rec.matter.(type) {
	case *Condition:
		m.how = gone
	case *former:
		m.how = gone
	}
	rec.cause = why
	l.touch(rec)
}

// doubt notes that nobody can tell any more whether a condition holds.
func (l *ledger) doubt(k Key) {
	if rec := l.records[k]; rec != nil {
		if c, ok := rec.matter.(*Condition); ok {
			c.how = unknown
		}
		l.touch(rec)
	}
}

// holds tells whether a condition holds.
func (l *ledger) holds(k Key) bool {
	rec := l.records[k]
	return rec != nil && rec.matter.standing() == there
}

// remove forgets a record.
func (l *ledger) remove(r *record) {
	if l.records[r.key] == r {
		delete(l.records, r.key)
	}
}

// sorted gives the records in the order of their keys.
func (l *ledger) sorted() []*record {
	return slices.SortedFunc(maps.Values(l.records), func(a, b *record) int { return a.key.compare(b.key) })
}
