package bunzip

import (
	"bytes"
	"compress/bzip2"
	"io"
)

// block is one block on its way, or the end of a stream, or that of the input with why it ends there.
type block struct {
	number int
	at     int64  // the octet of the input in which it begins; of an end, in which it ends
	bits   []byte // a stream of its own, of this one block
	size   int    // of the block in it, in bits, behind the header
	crc    uint32 // of what comes out, or of all blocks of the stream that ends
	end    bool
	after  error // why nothing follows it

	out   chan []byte   // what comes out, piece by piece; closed at the end
	skip  chan struct{} // closed when nobody wants it
	some  bool          // something came out
	err   error         // what is wrong with it; as some, to be read when out is closed
	parts int           // more than one when it was torn apart
}

const (
	// pieceSize is how much comes out of a block at a time. A block is four pieces, hardly ever more.
	pieceSize = 256 << 10
	// mostParts is how often a block may be torn apart.
	mostParts = 3
	// headerBits is the length of the header of a stream.
	headerBits = 32
)

// block takes the next block off, or the end of a stream. The error is why nothing follows; then the block, if there is one, is the last.
func (s *scanner) block(level byte) (*block, error) {
	if !s.have(s.bit, magicBits+crcBits) {
		return nil, s.missing()
	}
	magic, crc := number(s.buf, s.bit, magicBits), uint32(number(s.buf, s.bit+magicBits, crcBits))
	switch magic {
	case endMagic:
		s.bit = (s.bit + magicBits + crcBits + 7) / 8 * 8
		return &block{at: s.at(), crc: crc, end: true}, nil
	case blockMagic:
	default:
		return nil, errMagic
	}
	to, whole := s.find(s.bit + magicBits)
	b := &block{at: s.at(), size: to - s.bit, crc: crc}
	w := writer{b: make([]byte, 0, b.size/8+32)}
	w.b = append(w.b, 'B', 'Z', 'h', level)
	w.copy(s.buf, s.bit, to)
	b.bits = w.end(crc, whole)
	if !whole {
		b.after = errBlock
		if s.err != nil {
			b.after = s.missing()
		}
	}
	s.bit = to
	s.forget()
	return b, b.after
}

// joined gives a block and the one after it as one, whose parts they are.
func (b *block) joined(next *block) *block {
	j := &block{
		number: b.number, at: b.at, crc: b.crc, size: b.size + next.size, after: next.after, parts: b.parts + 1,
		out: make(chan []byte, 4), skip: make(chan struct{}),
	}
	var w writer
	w.copy(b.bits, 0, headerBits+b.size)
	w.copy(next.bits, headerBits, headerBits+next.size)
	j.bits = w.end(b.crc, next.after == nil)
	return j
}

// unpack unpacks, in a goroutine of its own.
func (b *block) unpack(z *Reader) {
	defer close(b.out)
	in := bzip2.NewReader(bytes.NewReader(b.bits))
	for b.err == nil {
		piece := z.room()
		n := 0
		for n < len(piece) && b.err == nil {
			var m int
			m, b.err = in.Read(piece[n:])
			n += m
		}
		if n == 0 {
			break
		}
		b.some = true
		select {
		case b.out <- piece[:n]:
		case <-b.skip:
			return
		case <-z.stop:
			return
		}
	}
	if b.err == io.EOF {
		b.err = nil
	}
}
