package keeper

import (
	"fmt"
	"os"
	"time"

	"anywatch/rpki"
	"anywatch/rpki/rtr"
)

// source is one cache or file, and what became of it.
type source struct {
	cache     Cache // of caches
	file      File  // of files
	status    rpki.SourceStatus
	guard     guard
	compared  *rpki.Set // with other caches
	skipped   rpki.Skipped
	connected bool  // to the cache
	seen      stamp // of the file, when it was last read
}

func newCache(c Cache, now time.Time) *source {
	return &source{cache: c, status: rpki.SourceStatus{Name: "cache " + c.Address, Cache: true, Since: now}}
}

func newFile(f File, now time.Time) *source {
	return &source{file: f, status: rpki.SourceStatus{Name: "file " + f.Name, Since: now}}
}

// set is what the source holds; nil without any data.
func (s *source) set() *rpki.Set { return s.guard.set }

// input is how the table takes it: with what a doubted drop has taken away.
func (s *source) input() rpki.Source {
	return rpki.Source{Name: s.status.Name, Set: s.guard.believed, Generated: s.status.Updated, Skipped: s.skipped}
}

// put takes a data set over.
func (s *source) put(set *rpki.Set, maxDrop float64, now time.Time) {
	s.guard.take(set, s.status.Name, maxDrop, now)
	s.status.VRPs, s.status.ASPAs = set.Len(), len(set.ASPAs())
}

func (s *source) enter(state rpki.SourceState, now time.Time) {
	if s.status.State != state {
		s.status.State, s.status.Since = state, now
	}
}

// states of a client as those of a source.
var states = map[rtr.State]rpki.SourceState{
	rtr.Waiting: rpki.SourceWaiting, rtr.Fresh: rpki.SourceFresh, rtr.Stale: rpki.SourceStale, rtr.Expired: rpki.SourceExpired,
}

// heard takes what a client tells about its cache. Data that were taken over from another client stay until this one has some.
func (s *source) heard(r rtr.Status, maxDrop float64, now time.Time) {
	s.connected, s.status.Err, s.status.Version = r.Connected, r.Err, r.Version
	if r.State == rtr.Waiting {
		return
	}
	s.enter(states[r.State], now)
	s.status.Since, s.status.Updated, s.status.Expires, s.status.Serial = r.Since, r.Updated, r.Expires, r.Serial
	s.put(r.Set, maxDrop, now)
}

// adopt takes over the data of the same cache, which is now asked in another way.
func (s *source) adopt(old *source) {
	s.guard, s.skipped = old.guard, old.skipped
	s.status = old.status
	s.status.Err, s.status.Serial, s.status.Version = "", 0, 0
	if s.set() != nil {
		s.status.State = rpki.SourceStale
	}
}

// expire drops data of a cache that nobody will confirm any more.
func (s *source) expire(now time.Time) {
	if s.set() != nil && !s.status.Expires.IsZero() && !now.Before(s.status.Expires) {
		s.put(nil, 0, now)
		s.enter(rpki.SourceExpired, now)
	}
}

// age decides whether the data are too old. A cache that is connected and answers in time would have told of news.
func (s *source) age(maxAge time.Duration, now time.Time) {
	at := s.tooOldAt(maxAge)
	s.status.TooOld = !at.IsZero() && !now.Before(at)
}

// tooOldAt is when the data will be too old if nothing happens; zero is never.
func (s *source) tooOldAt(maxAge time.Duration) time.Time {
	switch {
	case maxAge <= 0, s.connected && s.status.State == rpki.SourceFresh:
		return time.Time{}
	case s.status.Updated.IsZero():
		return s.status.Since.Add(maxAge)
	}
	return s.status.Updated.Add(maxAge)
}

// stamp tells whether a file is still the one that was read.
type stamp struct {
	info os.FileInfo // nil when it can't be had
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info}
}

func (a stamp) same(b stamp) bool {
	if a.info == nil || b.info == nil {
		return a.info == nil && b.info == nil
	}
	return os.SameFile(a.info, b.info) && a.info.Size() == b.info.Size() && a.info.ModTime().Equal(b.info.ModTime())
}

// reading is a file that was read, or why it was not.
type reading struct {
	seen   stamp
	source rpki.Source // of VRPs
	slurm  *rpki.SLURM // of exceptions
	err    error
}

// readVRPs reads a file of VRPs. Its stamp is taken first: what is written meanwhile is read once more.
func readVRPs(f File) reading {
	r := reading{seen: stampOf(f.Path)}
	r.source, r.err = rpki.ReadFile(f.Path)
	return r
}

func readSLURM(f File) reading {
	r := reading{seen: stampOf(f.Path)}
	r.slurm, r.err = rpki.ReadSLURM(f.Path)
	return r
}

// took says what became of reading the file; a file that can't be read leaves what is there.
func (s *source) took(r reading, maxDrop float64, now time.Time) {
	s.seen = r.seen
	if r.err != nil {
		s.enter(rpki.SourceBroken, now)
		s.status.Err = r.err.Error()
		return
	}
	s.enter(rpki.SourceFresh, now)
	s.status.Updated, s.status.Err, s.skipped = r.source.Generated, "", r.source.Skipped
	if s.skipped.Count > 0 {
		s.status.Err = fmt.Sprintf("%d entries can't be used; the first: %s", s.skipped.Count, s.skipped.First[0])
	}
	s.put(r.source.Set, maxDrop, now)
}

// exceptions is the file of local exceptions.
type exceptions struct {
	file   File
	status rpki.SourceStatus
	slurm  *rpki.SLURM
	seen   stamp
}

func newExceptions(f File, now time.Time) *exceptions {
	return &exceptions{file: f, status: rpki.SourceStatus{Name: "slurm " + f.Name, Since: now}}
}

// took is that of a source. Exceptions do not grow old.
func (x *exceptions) took(r reading, now time.Time) {
	x.seen = r.seen
	state, text := rpki.SourceFresh, ""
	if r.err != nil {
		state, text = rpki.SourceBroken, r.err.Error()
	} else {
		x.slurm, x.status.InUse = r.slurm, true
		x.status.VRPs, x.status.ASPAs = r.slurm.Assertions()
		if r.seen.info != nil {
			x.status.Updated = r.seen.info.ModTime().UTC()
		}
	}
	if x.status.State != state {
		x.status.State, x.status.Since = state, now
	}
	x.status.Err = text
}
