package bunzip

import (
	"errors"
	"fmt"
	"io"
)

// What 48 bits tell that a block begins, or that a stream ends.
const (
	blockMagic uint64 = 0x314159265359
	endMagic   uint64 = 0x177245385090
	magicBits         = 48
	crcBits           = 32
)

// longest is how many octets a block may take: 900,000 that can't be packed take 0.9 % more.
const longest = 1 << 20

var (
	errHeader = errors.New("there is no header of bzip2")
	errMagic  = errors.New("neither a block nor the end of the stream stands there")
	errCut    = fmt.Errorf("it is cut: %w", io.ErrUnexpectedEOF)
	errBlock  = errors.New("no other block and no end of the stream follows it")
	errCRC    = errors.New("the checksum of the stream does not match")
)

// scanner finds the blocks in packed octets.
type scanner struct {
	r      io.Reader
	buf    []byte
	bit    int   // the place that is looked at, in bits of buf
	before int64 // octets given up before buf
	err    error // why no more octets come
	near   [256]uint16
}

func newScanner(r io.Reader) *scanner {
	s := &scanner{r: r}
	for shift := range 8 {
		s.near[byte(blockMagic>>(16-shift))] |= 1 << shift
		s.near[byte(endMagic>>(16-shift))] |= 0x100 << shift
	}
	return s
}

// at is the octet of the input that is looked at.
func (s *scanner) at() int64 { return s.before + int64(s.bit/8) }

// have tells whether so many bits can be looked at from a place on, getting more octets where it takes them.
func (s *scanner) have(bit, n int) bool {
	for len(s.buf)*8 < bit+n {
		if !s.more() {
			return false
		}
	}
	return true
}

// more gets some more octets.
func (s *scanner) more() bool {
	const step = 64 << 10
	for range 100 { // readers may give nothing without an error, but not for ever
		if s.err != nil {
			return false
		}
		if cap(s.buf)-len(s.buf) < step {
			s.buf = append(make([]byte, 0, 2*len(s.buf)+2*step), s.buf...)
		}
		var n int
		n, s.err = s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if n > 0 {
			return true
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// forget gives up the octets before the place that is looked at.
func (s *scanner) forget() {
	n := s.bit / 8
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	s.before += int64(n)
	s.bit -= 8 * n
}

// missing is why octets are missing: the input is cut, or can't be read.
func (s *scanner) missing() error {
	if s.err == io.EOF {
		return errCut
	}
	return s.err
}

// header reads the header of a stream and gives the size of its blocks, in 100,000 octets, as a digit. The error is io.EOF where the input ends
// as it should.
func (s *scanner) header(first bool) (level byte, err error) {
	s.forget()
	if !s.have(s.bit, 32) {
		if s.err == io.EOF && len(s.buf)*8 == s.bit && !first {
			return 0, io.EOF
		}
		return 0, s.missing()
	}
	b := s.buf[s.bit/8:]
	if b[0] != 'B' || b[1] != 'Z' || b[2] != 'h' || b[3] < '1' || b[3] > '9' {
		return 0, errHeader
	}
	s.bit += 32
	return b[3], nil
}

// find looks for the next magic number; without one, it gives the end of what is there.
func (s *scanner) find(from int) (bit int, found bool) {
	var last uint64
	for i := from / 8; ; i++ {
		for i >= len(s.buf) {
			if i-from/8 > longest || !s.more() {
				return 8 * len(s.buf), false
			}
		}
		last = last<<8 | uint64(s.buf[i])
		maybe := s.near[byte(last>>16)]
		if maybe == 0 {
			continue
		}
		for shift := range 8 {
			if start := 8*(i+1) - shift - magicBits; maybe>>shift&0x101 != 0 && start >= from && s.begins(last>>shift&(1<<magicBits-1), start) {
				return start, true
			}
		}
	}
}

// begins tells whether a magic number stands at a place, and, when it is the end of a stream, whether the input ends there or another stream
// follows. The numbers may stand in a block by chance.
func (s *scanner) begins(number uint64, start int) bool {
	if number != endMagic {
		return number == blockMagic
	}
	end := (start + magicBits + crcBits + 7) / 8
	if !s.have(0, 8*(end+1)) {
		return s.err == io.EOF && len(s.buf) == end
	}
	for i, want := range []byte("BZh") {
		if s.have(0, 8*(end+i+1)) && s.buf[end+i] != want {
			return false
		}
	}
	return true
}

// number reads bits as a number.
func number(b []byte, bit, n int) (v uint64) {
	for n > 0 {
		take := min(8-bit%8, n)
		v = v<<take | uint64(b[bit/8])>>(8-bit%8-take)&(1<<take-1)
		bit, n = bit+take, n-take
	}
	return v
}
