package bgp

import "math/bits"

// hashes is a set of 64-bit hashes: open addressing with linear probing, no tombstones, and between 11 and 22 octets for each hash in it.
// The zero value is ready.
type hashes struct {
	slots []uint64 // zero is free; the number of slots is a power of two
	n     int
}

const leastSlots = 64

// fix keeps zero out of the set; the one hash in 2⁶⁴ that this confuses with another does not matter.
func fix(h uint64) uint64 { return max(h, 1) }

// home is where a hash belongs: its upper bits, because the hash function mixes those best.
func (s *hashes) home(h uint64) int { return int(h >> (64 - bits.Len(uint(len(s.slots)-1)))) }

// find gives the slot of a hash, or the free one where it would go.
func (s *hashes) find(h uint64) int {
	i := s.home(h)
	for s.slots[i] != 0 && s.slots[i] != h {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return i
}

func (s *hashes) add(h uint64) {
	h = fix(h)
	if 4*(s.n+1) > 3*len(s.slots) {
		s.grow()
	}
	if i := s.find(h); s.slots[i] == 0 {
		s.slots[i] = h
		s.n++
	}
}

func (s *hashes) grow() {
	old := s.slots
	s.slots = make([]uint64, max(2*len(old), leastSlots))
	for _, h := range old {
		if h != 0 {
			s.slots[s.find(h)] = h
		}
	}
}

// remove takes a hash out, and moves those behind it that were pushed away from their place up into the gap.
func (s *hashes) remove(h uint64) {
	if s.n == 0 {
		return
	}
	gap, mask := s.find(fix(h)), len(s.slots)-1
	if s.slots[gap] == 0 {
		return
	}
	s.n--
	for i := (gap + 1) & mask; s.slots[i] != 0; i = (i + 1) & mask {
		// It may move when its place is not between the gap and where it is now.
		if (i-s.home(s.slots[i]))&mask >= (i-gap)&mask {
			s.slots[gap] = s.slots[i]
			gap = i
		}
	}
	s.slots[gap] = 0
}
