package keeper

import (
	"slices"
	"time"

	"anywatch/rpki"
)

// book holds all sources and makes a snapshot of them. It knows no time but what it is given, and nobody else while it works.
type book struct {
	config      Config
	caches      []*source // in the order of preference
	files       []*source
	slurm       *exceptions // nil when there is none
	differences map[pair]rpki.Difference
	last        built
	at          time.Time // of the last snapshot
}

// pair names two sources, whichever comes first.
type pair [2]string

func pairOf(a, b string) pair { return pair{min(a, b), max(a, b)} }

// built is the table in force, with what it was built of.
type built struct {
	table *rpki.Table
	sets  []*rpki.Set
	slurm *rpki.SLURM
}

// used gives the sources that the table is built of: the best cache, and the files that could be read at least once.
func (b *book) used() (out []*source) {
	if best := b.best(); best != nil {
		out = append(out, best)
	}
	for _, f := range b.files {
		if f.set() != nil {
			out = append(out, f)
		}
	}
	return out
}

// best gives the first cache whose data are fresh; else the first that has not lost them.
func (b *book) best() *source {
	for _, good := range []func(*source) bool{
		func(s *source) bool { return s.status.State == rpki.SourceFresh && !s.status.TooOld },
		func(s *source) bool { return !s.status.TooOld },
		func(*source) bool { return true },
	} {
		for _, s := range b.caches {
			if s.set() != nil && good(s) {
				return s
			}
		}
	}
	return nil
}

// snapshot lets time pass and gives what is known now. The drops that time has made believable are in it once.
func (b *book) snapshot(now time.Time) rpki.Snapshot {
	b.at = now
	for _, s := range b.all() {
		s.expire(now)
		s.age(b.config.MaxAge, now)
		s.status.InUse = false
	}
	used := b.used()
	out := rpki.Snapshot{TooOld: len(used) > 0}
	for _, s := range b.all() {
		accepted := s.guard.accept(b.config.MaxAge, now)
		if slices.Contains(used, s) {
			out.Drops = append(append(out.Drops, s.guard.standing()...), accepted...)
			out.TooOld = out.TooOld && s.status.TooOld
			s.status.InUse = true
		}
	}
	b.compare(now)
	before, had := b.last.table, len(b.last.sets)
	out.Table = b.build(used, now)
	if out.Table.Set() != before.Set() && len(used) == had && out.Table.Len() > 0 && before.Len() > 0 {
		out.Added, out.Removed = rpki.DiffAuthority(before.Set(), out.Table.Set())
	}
	for _, s := range b.all() {
		out.Sources = append(out.Sources, s.status)
	}
	if b.slurm != nil {
		out.Sources = append(out.Sources, b.slurm.status)
	}
	out.Differences = b.listed()
	return out
}

func (b *book) all() []*source { return slices.Concat(b.caches, b.files) }

// build gives the table of the sources: that of before, as long as they hold what they held and nothing of it has expired.
func (b *book) build(used []*source, now time.Time) *rpki.Table {
	next := built{}
	var inputs []rpki.Source
	var dates []time.Time
	for _, s := range used {
		in := s.input()
		inputs = append(inputs, in)
		next.sets = append(next.sets, in.Set)
		dates = append(dates, in.Generated)
	}
	if b.slurm != nil {
		next.slurm = b.slurm.slurm
	}
	old := b.last
	at := old.table.NextExpiry()
	switch {
	case len(inputs) == 0 && next.slurm == nil:
	case old.table != nil && b.sameSources(inputs) && slices.Equal(next.sets, old.sets) && next.slurm == old.slurm && (at.IsZero() || now.Before(at)):
		next.table = old.table.Dated(dates...)
	default:
		next.table = rpki.Build(now, next.slurm, inputs...)
	}
	b.last = next
	return next.table
}

// sameSources tells whether the table in force was built of just these.
func (b *book) sameSources(inputs []rpki.Source) bool {
	return slices.EqualFunc(b.last.table.Sources(), inputs, func(a rpki.SourceInfo, in rpki.Source) bool { return a.Name == in.Name })
}

// due is when time alone changes something after the last snapshot; zero is never.
func (b *book) due() time.Time {
	next := b.last.table.NextExpiry()
	add := func(at time.Time) {
		if at.After(b.at) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, s := range b.all() {
		if s.set() != nil {
			add(s.status.Expires)
		}
		add(s.tooOldAt(b.config.MaxAge))
		for _, d := range s.guard.standing() {
			add(d.Since.Add(b.config.MaxAge))
		}
	}
	return next
}
