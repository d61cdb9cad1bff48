package bmp

import "sync/atomic"

// noted is what a stream counts beside its tally; its source takes it over from time to time.
type noted struct {
	types    [knownTypes + 1]uint64 // messages, the unknown types together
	stripped uint64                 // paths from which the router's own AS was taken off
	errored  uint64                 // mirrored messages that the router could not use
	lost     uint64                 // reports that mirrored messages were lost
}

// totals is what a station has counted beside its tally.
type totals struct {
	types                                  [knownTypes + 1]atomic.Uint64
	refused, frames, own, errored, missing atomic.Uint64
}

// take adds what a stream has noted, and empties it.
func (t *totals) take(n *noted) {
	t.own.Add(n.stripped)
	t.errored.Add(n.errored)
	t.missing.Add(n.lost)
	for i, count := range n.types {
		if count > 0 {
			t.types[i].Add(count)
		}
	}
	*n = noted{}
}

// Refused is how many connections were closed because they were not allowed.
func (s *Source) Refused() uint64 { return s.totals.refused.Load() }

// BadFrames is how many connections ended because what they sent was no BMP version 3.
func (s *Source) BadFrames() uint64 { return s.totals.frames.Load() }

// OwnAS is how many paths had the router's own AS in front, put there by the router; it was taken off.
func (s *Source) OwnAS() uint64 { return s.totals.own.Load() }

// Types is how many messages of each type came, by its name; those of unknown types together.
func (s *Source) Types() map[string]uint64 {
	out := make(map[string]uint64, len(s.totals.types))
	for i := range s.totals.types {
		out[typeTotal(i)] = s.totals.types[i].Load()
	}
	return out
}

// typeTotal names a place among the totals of types.
func typeTotal(i int) string {
	if i == knownTypes {
		return "unknown"
	}
	return typeName(uint8(i))
}
