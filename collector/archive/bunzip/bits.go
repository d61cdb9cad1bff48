package bunzip

import "encoding/binary"

// writer writes bits, the highest first.
type writer struct {
	b    []byte
	last uint64 // what is not written yet, in the lowest bits
	n    int    // how many
}

// put writes the lowest bits of a number, 32 at most.
func (w *writer) put(v uint64, n int) {
	w.last, w.n = w.last<<n|v&(1<<n-1), w.n+n
	for w.n >= 8 {
		w.n -= 8
		w.b = append(w.b, byte(w.last>>w.n))
	}
}

// copy writes bits of other octets.
func (w *writer) copy(b []byte, from, to int) {
	for ; from%8 != 0 && from < to; from++ {
		w.put(number(b, from, 1), 1)
	}
	if w.n == 0 {
		whole := (to - from) / 8
		w.b = append(w.b, b[from/8:from/8+whole]...)
		from += 8 * whole
	}
	for ; to-from >= 32; from += 32 {
		w.last = w.last<<32 | uint64(binary.BigEndian.Uint32(b[from/8:]))
		w.b = binary.BigEndian.AppendUint32(w.b, uint32(w.last>>w.n))
	}
	for ; from < to; from++ {
		w.put(number(b, from, 1), 1)
	}
}

// end writes the end of a stream of one block, if it is whole, and gives what was written.
func (w *writer) end(crc uint32, whole bool) []byte {
	if whole {
		w.put(endMagic>>24, 24)
		w.put(endMagic&(1<<24-1), 24)
		w.put(uint64(crc), 32)
	}
	if w.n > 0 {
		w.put(0, 8-w.n) // fills the last octet
	}
	return w.b
}
