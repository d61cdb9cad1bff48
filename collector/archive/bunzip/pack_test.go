package bunzip

import (
	"bytes"
	"sort"
)

// The standard library does not pack bzip2. What follows packs it plainly: each block with one Huffman code in which all symbols are about equally long.

// packed is a stream of blocks.
func packed(level byte, blocks ...[]byte) []byte {
	w := writer{b: []byte{'B', 'Z', 'h', level}}
	var all uint32
	for _, b := range blocks {
		crc := checksum(b)
		all = (all<<1 | all>>31) ^ crc
		w.block(b, crc)
	}
	return w.end(all, true)
}

// checksum is the CRC of bzip2: the usual polynomial, the highest bit first.
func checksum(b []byte) uint32 {
	crc := ^uint32(0)
	for _, c := range b {
		crc ^= uint32(c) << 24
		for range 8 {
			high := crc >> 31
			crc <<= 1
			if high != 0 {
				crc ^= 0x04c11db7
			}
		}
	}
	return ^crc
}

func (w *writer) block(content []byte, crc uint32) {
	w.put(blockMagic>>24, 24)
	w.put(blockMagic&(1<<24-1), 24)
	w.put(uint64(crc), 32)
	w.put(0, 1) // not randomised
	last, origin := rotations(runs(content))
	w.put(uint64(origin), 24)
	used := w.symbols(last)
	codes := toFront(last, used)
	w.codes(codes, len(used)+2)
}

// runs shortens runs of four and more octets, 255 at most.
func runs(b []byte) (out []byte) {
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && b[i+n] == b[i] && n < 255 {
			n++
		}
		out = append(out, bytes.Repeat(b[i:i+1], min(n, 4))...)
		if n >= 4 {
			out = append(out, byte(n-4))
		}
		i += n
	}
	return out
}

// rotations sorts all rotations (Burrows and Wheeler) and gives their last octets, and which of them is the first.
func rotations(b []byte) (last []byte, origin int) {
	twice, order := append(append([]byte{}, b...), b...), make([]int, len(b))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		return bytes.Compare(twice[order[i]:order[i]+len(b)], twice[order[j]:order[j]+len(b)]) < 0
	})
	for i, at := range order {
		last = append(last, twice[at+len(b)-1])
		if at == 0 {
			origin = i
		}
	}
	return last, origin
}

// symbols writes which octets are used, and gives them.
func (w *writer) symbols(b []byte) (used []byte) {
	var set [256]bool
	for _, c := range b {
		set[c] = true
	}
	var ranges uint64
	for i := range 256 {
		if set[i] {
			ranges |= 1 << (15 - i/16)
			used = append(used, byte(i))
		}
	}
	w.put(ranges, 16)
	for r := range 16 {
		if ranges>>(15-r)&1 == 0 {
			continue
		}
		for i := range 16 {
			bit := uint64(0)
			if set[16*r+i] {
				bit = 1
			}
			w.put(bit, 1)
		}
	}
	return used
}

// toFront gives the symbols of the block: places in a list that moves what is used to the front, runs of zero as numbers of two digits, and the end.
func toFront(b, used []byte) (out []int) {
	list, zeros := append([]byte{}, used...), 0
	flush := func() {
		for ; zeros > 0; zeros = (zeros - 1) / 2 {
			out = append(out, (zeros-1)%2)
		}
	}
	for _, c := range b {
		i := bytes.IndexByte(list, c)
		if i == 0 {
			zeros++
			continue
		}
		flush()
		copy(list[1:i+1], list[:i])
		list[0] = c
		out = append(out, i+1)
	}
	flush()
	return append(out, len(used)+1)
}

// codes writes the Huffman tables, two of them that are the same, and the symbols.
func (w *writer) codes(symbols []int, n int) {
	short := 0 // the length of the shorter codes
	for 2<<short <= n {
		short++
	}
	longer := 2 * (n - 1<<short) // how many are longer by one
	selectors := (len(symbols) + 49) / 50
	w.put(2, 3)
	w.put(uint64(selectors), 15)
	for range selectors {
		w.put(0, 1)
	}
	length := func(symbol int) int {
		if symbol >= n-longer {
			return short + 1
		}
		return short
	}
	for range 2 {
		at := length(0)
		w.put(uint64(at), 5)
		for s := range n {
			for ; at < length(s); at++ {
				w.put(0b10, 2)
			}
			w.put(0, 1)
		}
	}
	for _, s := range symbols {
		code := s
		if s >= n-longer {
			code = 2*(n-longer) + s - (n - longer)
		}
		w.put(uint64(code), length(s))
	}
}
