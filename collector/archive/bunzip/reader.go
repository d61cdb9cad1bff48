package bunzip

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// mostBlocks bounds how many blocks are under way at once. Each takes up to 8 MB while it is unpacked, and 2 MB while it waits.
const mostBlocks = 10

// Reader unpacks. Not for concurrent use.
type Reader struct {
	queue  chan *block   // in order; closed behind the last
	tokens chan struct{} // one for each block that may be begun
	limit  int           // how many tokens there may be
	given  int           // how many there are, those of the blocks under way included
	stop   chan struct{}
	free   chan []byte
	now    *block
	piece  []byte // of the present block
	rest   []byte // of the piece
	crc    uint32 // of the stream so far
	err    error
}

// NewReader begins to unpack. It must be closed.
func NewReader(r io.Reader) *Reader {
	z := &Reader{
		queue: make(chan *block, mostBlocks), tokens: make(chan struct{}, mostBlocks), limit: min(runtime.GOMAXPROCS(0)+1, mostBlocks),
		stop: make(chan struct{}), free: make(chan []byte, 4*mostBlocks),
	}
	z.given = 1 // more as they are used: many an input is opened for its first record only
	z.tokens <- struct{}{}
	go z.scan(newScanner(r))
	return z
}

// Close ends what is under way; it does not wait for it.
func (z *Reader) Close() { close(z.stop) }

// scan finds the blocks and begins to unpack them.
func (z *Reader) scan(s *scanner) {
	defer close(z.queue)
	number := 0
	for first := true; ; first = false {
		level, err := s.header(first)
		for ended := false; err == nil && !ended; {
			var b *block
			b, err = s.block(level)
			if b == nil {
				break
			}
			if ended = b.end; !ended {
				number++
				b.number = number
			}
			if !z.begin(b) {
				return
			}
		}
		switch {
		case err == io.EOF:
			return
		case err != nil:
			z.begin(&block{end: true, after: fmt.Errorf("at octet %d of the packed file: %w", s.at(), err)})
			return
		}
	}
}

// begin puts a block into the queue and begins to unpack it; false when nobody wants it any more.
func (z *Reader) begin(b *block) bool {
	b.out, b.skip = make(chan []byte, 4), make(chan struct{})
	if b.end {
		close(b.out)
	} else {
		select {
		case <-z.tokens:
		case <-z.stop:
			return false
		}
		go b.unpack(z)
	}
	select {
	case z.queue <- b:
		return true
	case <-z.stop:
		return false
	}
}

// done lets another block begin in the place of one, and one more while there may be more.
func (z *Reader) done() {
	z.tokens <- struct{}{} // never waits: there is room for all
	if z.given < z.limit {
		z.given++
		z.tokens <- struct{}{}
	}
}

// Read gives what comes out. The error tells in which block the fault is; all before it was given.
func (z *Reader) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.advance()
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// advance takes the next piece, of the present block or of the next one.
func (z *Reader) advance() {
	if z.now == nil {
		if z.now = <-z.queue; z.now == nil {
			z.err = io.EOF
			return
		}
	}
	piece, more := <-z.now.out
	if more {
		z.recycle(z.piece)
		z.piece, z.rest = piece, piece
		return
	}
	b := z.now
	z.now = nil
	if b.end {
		z.err = z.endStream(b)
		return
	}
	z.finish(b)
}

// endStream compares the checksum of all blocks together.
func (z *Reader) endStream(b *block) error {
	if b.after == nil && b.crc != z.crc {
		return fmt.Errorf("the stream that ends at octet %d of the packed file: %w", b.at, errCRC)
	}
	z.crc = 0
	return b.after
}

// finish ends a block. One of which nothing could be unpacked may have been torn apart by a magic number in it that is none.
func (z *Reader) finish(b *block) {
	z.done()
	fault := b.err
	if b.after != nil && (fault == nil || errors.Is(fault, io.ErrUnexpectedEOF)) {
		fault = b.after
	}
	if fault == nil {
		z.crc = (z.crc<<1 | z.crc>>31) ^ b.crc
		return
	}
	if b.after == nil && !b.some && b.parts < mostParts {
		if next := <-z.queue; next != nil && !next.end {
			close(next.skip)
			z.now = b.joined(next) // in the place of the next one
			go z.now.unpack(z)
			return
		}
	}
	z.err = fmt.Errorf("block %d, which begins at octet %d of the packed file: %w", b.number, b.at, fault)
}

// room gives a buffer for a piece.
func (z *Reader) room() []byte {
	select {
	case b := <-z.free:
		return b
	default:
		return make([]byte, pieceSize)
	}
}

func (z *Reader) recycle(b []byte) {
	if b == nil {
		return
	}
	select {
	case z.free <- b[:pieceSize]:
	default:
	}
}
