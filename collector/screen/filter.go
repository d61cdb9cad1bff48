package screen

import (
	"math/bits"
	"net/netip"
)

// filter4 says "certainly not" about IPv4 prefixes, nearly always from one cache line: a bit for each /16 that overlaps a watched prefix
// (8 KiB, stays in the first-level cache), behind it one for each such /20 (128 KiB, stays in the second), and behind that one for each /24
// (2 MiB, of which only touched pages cost memory). About prefixes up to /24 it is right in both directions: whatever set a bit in their range
// overlaps them.
type filter4 struct {
	by16 [1 << 16 / 64]uint64
	by20 [1 << 20 / 64]uint64
	by24 [1 << 24 / 64]uint64
}

func (f *filter4) add(p netip.Prefix) {
	b := p.Addr().As4()
	addr := be32(b[:])
	setRange(f.by16[:], addr>>16, span(p.Bits(), 16))
	setRange(f.by20[:], addr>>12, span(p.Bits(), 20))
	setRange(f.by24[:], addr>>8, span(p.Bits(), 24))
}

// may tells whether a prefix may overlap a watched one.
func (f *filter4) may(addr uint32, length int) bool {
	if length <= 16 {
		return anyInRange(f.by16[:], addr>>16&^(span(length, 16)-1), span(length, 16))
	}
	if length < 20 {
		return anyInRange(f.by20[:], addr>>12&^(span(length, 20)-1), span(length, 20))
	}
	if f.by20[addr>>18]&(1<<(addr>>12&63)) == 0 {
		return false
	}
	if length >= 24 {
		return f.by24[addr>>14]&(1<<(addr>>8&63)) != 0
	}
	return anyInRange(f.by24[:], addr>>8&^(span(length, 24)-1), span(length, 24))
}

// filter6 does the same for IPv6: a bit for each /16 that overlaps a watched prefix, for announcements shorter than /32, and a hashed bit
// for each /32, for all others.
type filter6 struct {
	by16  [1 << 16 / 64]uint64
	by32  []uint64
	shift uint8 // hash bits → index
	wide  bool  // a watched prefix is too short to list its /32s: every announcement may overlap
}

// shortestListed is the shortest watched IPv6 prefix whose /32s are listed one by one (8,192 of them).
const shortestListed = 19

func newFilter6(watched int) *filter6 {
	logSize := max(bits.Len(uint(watched))+4, 14) // sixteen bits or more for each watched prefix
	return &filter6{by32: make([]uint64, 1<<logSize/64), shift: uint8(64 - logSize)}
}

func (f *filter6) add(p netip.Prefix) {
	b := p.Addr().As16()
	high := be64(b[:8])
	setRange(f.by16[:], uint32(high>>48), span(p.Bits(), 16))
	if p.Bits() < shortestListed {
		f.wide = true
		return
	}
	first := uint32(high >> 32)
	for i := range span(p.Bits(), 32) {
		h := f.hash(first + i)
		f.by32[h/64] |= 1 << (h % 64)
	}
}

func (f *filter6) may(high uint64, length int) bool {
	if length < 32 {
		n := span(length, 16)
		return f.wide || anyInRange(f.by16[:], uint32(high>>48)&^(n-1), n)
	}
	h := f.hash(uint32(high >> 32))
	return f.wide || f.by32[h/64]&(1<<(h%64)) != 0
}

func (f *filter6) hash(top uint32) uint64 { return uint64(top) * 0x9E3779B97F4A7C15 >> f.shift }

// span is how many blocks of the length unit a prefix of the given length has; one when it is as long or longer.
func span(length, unit int) uint32 {
	if length >= unit {
		return 1
	}
	return 1 << (unit - length)
}

// setRange sets n bits from the first; both are aligned to each other, n a power of two.
func setRange(words []uint64, first, n uint32) {
	if n < 64 {
		words[first/64] |= (1<<n - 1) << (first % 64)
		return
	}
	for i := first / 64; i < (first+n)/64; i++ {
		words[i] = ^uint64(0)
	}
}

// anyInRange tells whether one of n bits from the first is set; aligned as with setRange.
func anyInRange(words []uint64, first, n uint32) bool {
	if n < 64 {
		return words[first/64]&((1<<n-1)<<(first%64)) != 0
	}
	for i := first / 64; i < (first+n)/64; i++ {
		if words[i] != 0 {
			return true
		}
	}
	return false
}
