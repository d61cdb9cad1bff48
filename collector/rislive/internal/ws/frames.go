package ws

import "encoding/binary"

// opcode is what a frame is (RFC 6455 section 5.2).
type opcode byte

const (
	opContinuation opcode = 0
	opText         opcode = 1
	opBinary       opcode = 2
	opClose        opcode = 8
	opPing         opcode = 9
	opPong         opcode = 10
	// opNone: there is no whole frame yet.
	opNone opcode = 16
)

func (o opcode) control() bool { return o >= opClose }

// frames takes messages and control frames out of the octets of a stream, in which they lie.
type frames struct {
	limit    int // of the octets of one message
	size     int // of the buffer, while no message is longer
	buf      []byte
	from, to int    // what of buf is still to be read
	parts    []byte // of a message in fragments
	inside   opcode // what the message in fragments is; zero between messages
}

func newFrames(limit, size int) *frames {
	return &frames{limit: limit, size: size, buf: make([]byte, size)}
}

// room gives where to put what comes next; never empty. What next gave before is overwritten then.
func (f *frames) room() []byte {
	waiting := f.to - f.from
	switch {
	case waiting == 0 && len(f.buf) > f.size:
		f.buf = make([]byte, f.size)
	case waiting == len(f.buf): // one frame fills it: next has checked that it may be that long
		longer := make([]byte, 2*len(f.buf))
		copy(longer, f.buf)
		f.buf = longer
	case f.from > 0:
		copy(f.buf, f.buf[f.from:f.to])
	}
	f.from, f.to = 0, waiting
	return f.buf[waiting:]
}

// filled says how many octets were put there.
func (f *frames) filled(n int) { f.to += n }

// next gives the next whole message or control frame; opNone when there is none, and more has to be read. The payload stays as it is until
// the next call of room, or until the next call of next where the message came in fragments.
func (f *frames) next() (opcode, []byte, error) {
	for {
		h, err := f.header()
		if err != nil || h.size == 0 || h.size+h.length > f.to-f.from {
			return opNone, nil, err
		}
		payload := f.buf[f.from+h.size : f.from+h.size+h.length]
		f.from += h.size + h.length
		if h.op.control() {
			return h.op, payload, nil
		}
		if h.op != opContinuation {
			if h.fin {
				return h.op, payload, nil
			}
			f.inside, f.parts = h.op, f.parts[:0]
			if cap(f.parts) > f.size {
				f.parts = nil
			}
		}
		f.parts = append(f.parts, payload...)
		if h.fin {
			op := f.inside
			f.inside = 0
			return op, f.parts, nil
		}
	}
}

// header is that of a frame (RFC 6455 section 5.2).
type header struct {
	op     opcode
	fin    bool
	size   int // of the header itself; zero when it isn't there as a whole
	length int // of the payload
}

// header reads the header that comes next, and refuses what must not be.
func (f *frames) header() (h header, err error) {
	b := f.buf[f.from:f.to]
	if len(b) < 2 {
		return h, nil
	}
	h.op, h.fin = opcode(b[0]&15), b[0]&0x80 != 0
	if err := f.allowed(h, b); err != nil {
		return h, err
	}
	size, length := lengths(b)
	if size == 0 {
		return h, nil
	}
	// RFC 6455 section 5.2: "the minimal number of bytes MUST be used to encode the length", and of 64 bits "the most significant bit MUST be 0".
	if size == 4 && length < 126 || size == 10 && (length < 1<<16 || length > 1<<63-1) {
		return h, violation(Protocol, "a length of %d in %d octets", length, size-2)
	}
	already := 0
	if f.inside != 0 && !h.op.control() {
		already = len(f.parts)
	}
	if length > uint64(f.limit-already) {
		return h, violation(TooBig, "a message of %d octets or more; the longest that is taken has %d", uint64(already)+length, f.limit)
	}
	h.size, h.length = size, int(length)
	return h, nil
}

// lengths gives those of an unmasked header and of the payload; zeros when the header isn't there as a whole.
func lengths(b []byte) (size int, length uint64) {
	switch n := b[1] & 0x7F; {
	case n < 126:
		return 2, uint64(n)
	case n == 126 && len(b) >= 4:
		return 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		return 10, binary.BigEndian.Uint64(b[2:])
	}
	return 0, 0
}

// allowed tells whether a frame may begin with these two octets, here.
func (f *frames) allowed(h header, b []byte) error {
	switch {
	case b[0]&0x70 != 0:
		// RFC 6455 section 5.2: these bits are zero unless an extension was agreed upon that gives them a meaning.
		return violation(Protocol, "reserved bits are set, and no extension was agreed upon")
	case h.op > opBinary && h.op < opClose || h.op > opPong:
		return violation(Protocol, "a frame of the unknown kind %d", h.op)
	case b[1]&0x80 != 0:
		// RFC 6455 section 5.1: "A server MUST NOT mask any frames that it sends to the client."
		return violation(Protocol, "a masked frame; only clients mask theirs")
	case h.op.control() && !h.fin:
		return violation(Protocol, "a control frame in fragments")
	case h.op.control() && b[1]&0x7F > 125:
		return violation(Protocol, "a control frame of more than 125 octets")
	case h.op == opContinuation && f.inside == 0:
		return violation(Protocol, "the continuation of a message that never began")
	case !h.op.control() && h.op != opContinuation && f.inside != 0:
		return violation(Protocol, "a new message before the end of the one before")
	}
	return nil
}
