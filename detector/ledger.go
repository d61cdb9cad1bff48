package detector

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// state is where an incident is in its life.
type state uint8

const (
	pending  state = iota // there is evidence, not enough yet
	open                  // enough evidence came
	resolved              // clear for long enough; kept for a while, in case that it comes back
)

// holder is one vantage that shows, or showed, what an incident is about.
type holder struct {
	v        *collector.Vantage
	routes   []*Route // that it holds; several with Add-Path
	severity Severity
	first    time.Time // since when it shows it
	last     time.Time // until when it showed it, when it does no more
	evidence Evidence
}

// live tells that the vantage shows it now; a stale route shows nothing.
func (h *holder) live() bool {
	return slices.ContainsFunc(h.routes, func(r *Route) bool { return !r.Stale })
}

// record is the ledger's entry for one incident.
type record struct {
	finding Finding
	state   state
	holders []*holder // in the order in which they came

	id                                 string
	started, opened, updated, resolved time.Time
	reopened, peak                     int
	clear                              time.Time // since when nobody shows it; zero while somebody does
	planned                            time.Time // the clear for which the end is planned
	table                              bool      // the evidence that opened it stood in initial tables
	cause                              cause     // why the last evidence went
	path                               route.Path
	said                               statement
	dirty                              bool
}

// cause is why a route is evidence no more.
type cause struct {
	says string
	// void says that not the route changed but what it is judged by.
	void bool
}

// resolution says why an incident is over.
func (c cause) resolution() string {
	if c.void {
		return c.says
	}
	return "no vantage shows it any more; at the last, " + c.says
}

// statement is what was last said of an incident; when it differs, an update is due.
type statement struct {
	severity  Severity
	peak      int
	offender  route.ASN
	neighbor  route.ASN
	rpkiState string
}

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
		rec = &record{}
		l.records[f.Key] = rec
	}
	rec.finding = f
	h := rec.holder(v)
	if h.first.IsZero() || !h.counts(c, now) {
		h.first = min2(r.Shown, now)
	}
	h.v, h.severity, h.evidence = v, f.Severity, evidenceOf(v, r)
	if !slices.Contains(h.routes, r) {
		h.routes = append(h.routes, r)
	}
	l.touch(rec)
}

// holder gives the entry of a vantage.
func (r *record) holder(v *collector.Vantage) *holder {
	for _, h := range r.holders {
		if h.v.ID == v.ID {
			return h
		}
	}
	h := &holder{v: v}
	r.holders = append(r.holders, h)
	return h
}

// release notes that a vantage's route is evidence no more.
func (l *ledger) release(k Key, v *collector.Vantage, r *Route, now, at time.Time, why cause) {
	rec := l.records[k]
	if rec == nil {
		return
	}
	for _, h := range rec.holders {
		if h.v.ID != v.ID {
			continue
		}
		h.routes = slices.DeleteFunc(h.routes, func(x *Route) bool { return x == r })
		if n := len(h.routes); n > 0 {
			h.evidence = evidenceOf(h.v, h.routes[n-1])
			continue
		}
		h.last, rec.cause = now, why
		h.evidence.Withdrawn, h.evidence.Time = true, at.UTC()
	}
	l.touch(rec)
}

func min2(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func evidenceOf(v *collector.Vantage, r *Route) Evidence {
	e := Evidence{Vantage: v.Name(), Time: r.Shown.UTC(), Prefix: r.Prefix, Path: r.Attrs.Path, Communities: r.Attrs.CommunityStrings()}
	if r.Attrs.NextHop.IsValid() {
		e.NextHop = &r.Attrs.NextHop
	}
	return e
}

// seeing counts vantages that show it now.
func (r *record) seeing() (n int) {
	for _, h := range r.holders {
		if h.live() {
			n++
		}
	}
	return n
}

// unknown tells that nobody shows it, and a lost session leaves open whether it still stands.
func (r *record) unknown() bool {
	return slices.ContainsFunc(r.holders, func(h *holder) bool { return len(h.routes) > 0 })
}

// counts tells whether a vantage is evidence now: it shows it, or did within the time.
func (h *holder) counts(c rules.Confirm, now time.Time) bool {
	return h.live() || !h.last.IsZero() && !now.After(h.last.Add(c.Within))
}

// enough tells whether the evidence suffices to open, since when it is there, and whether all of it stood in initial tables.
func (r *record) enough(c rules.Confirm, now time.Time) (ok bool, since time.Time, table bool) {
	internal, external := 0, 0
	table = true
	for _, h := range r.holders {
		if !h.counts(c, now) {
			continue
		}
		if h.v.Scope == collector.Internal {
			internal++
		} else {
			external++
		}
		if since.IsZero() || h.first.Before(since) {
			since = h.first
		}
		table = table && slices.ContainsFunc(h.routes, func(r *Route) bool { return r.Table })
	}
	return internal >= c.Vantages && internal > 0 || external >= c.External && external > 0, since, table
}

// open begins the incident's life, or its next one.
func (r *record) open(now, since time.Time, table bool) {
	if r.state == resolved {
		r.reopened++
	}
	r.started, r.opened, r.resolved, r.clear = since, now, time.Time{}, time.Time{}
	r.state, r.table, r.peak, r.path = open, table, 0, nil
	if r.id == "" {
		r.id = identity(r.finding.Key, since)
	}
}

// identity makes the incident's id: the same input gives the same id, today and on every machine.
func identity(k Key, started time.Time) string {
	text := fmt.Sprintf("%s|%s|%d|%s", k.Kind, k.Prefix, k.AS, started.UTC().Format(time.RFC3339Nano))
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// refresh brings what is derived from the holders up to date: peak, path, and since when it is clear.
func (r *record) refresh(now time.Time) {
	r.peak = max(r.peak, r.seeing())
	if p, ok := r.representative(); ok {
		r.path = p
	}
	switch {
	case r.unknown():
		r.clear = time.Time{}
	case r.clear.IsZero():
		r.clear = now
	}
}

// representative is the path that stands for all: of the vantage that shows it longest, and as long as anybody shows it, one through the same
// neighbour of the origin as before. That another vantage withdrew first is no news.
func (r *record) representative() (route.Path, bool) {
	before, had := r.path.Neighbor()
	var first route.Path
	found := false
	for _, h := range r.holders {
		for _, x := range h.routes {
			if x.Stale {
				continue
			}
			if n, ok := x.Attrs.Path.Neighbor(); r.path != nil && n == before && ok == had {
				return x.Attrs.Path, true
			}
			if !found {
				first, found = x.Attrs.Path, true
			}
		}
	}
	if !found && r.path == nil && len(r.holders) > 0 {
		return r.holders[0].evidence.Path, true
	}
	return first, found
}

// severity is the worst that a vantage's view of it gives.
func (r *record) severity() Severity {
	worst, any := Info, false
	for _, h := range r.holders {
		if h.live() {
			worst, any = max(worst, h.severity), true
		}
	}
	if !any {
		return r.said.severity
	}
	return worst
}

// statement is what would be said now.
func (r *record) statement() statement {
	s := statement{severity: r.severity(), peak: r.peak, offender: r.finding.Offender, rpkiState: r.finding.RPKI.State.String()}
	s.neighbor, _ = r.path.Neighbor()
	return s
}

// stale notes that a vantage which shows it was lost.
func (l *ledger) stale(k Key, v *collector.Vantage, now time.Time) {
	if rec := l.records[k]; rec != nil {
		for _, h := range rec.holders {
			if h.v.ID == v.ID {
				h.last = now
			}
		}
		l.touch(rec)
	}
}

// remove forgets a record.
func (l *ledger) remove(r *record) {
	if l.records[r.finding.Key] == r {
		delete(l.records, r.finding.Key)
	}
}

// sorted gives the records in the order of their keys.
func (l *ledger) sorted() []*record {
	return slices.SortedFunc(maps.Values(l.records), func(a, b *record) int {
		return a.finding.Key.compare(b.finding.Key)
	})
}
