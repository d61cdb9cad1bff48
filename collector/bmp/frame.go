package bmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	headerLen     = 6  // version, length, type (RFC 7854 section 4.1)
	peerHeaderLen = 42 // RFC 7854 section 4.2
	readBuffer    = 64 << 10
	// MaxFrame is the longest message that is read unless something else is said: a mirrored or extended BGP message is 64 KiB at most.
	MaxFrame = 1 << 20
)

// Message types (RFC 7854 section 4.1).
const (
	routeMonitoring = 0
	statsReport     = 1
	peerDown        = 2
	peerUp          = 3
	initiation      = 4
	termination     = 5
	routeMirroring  = 6
	knownTypes      = 7
)

// What can be wrong with a header.
var (
	ErrVersion4 = errors.New("BMP version 4 is a draft (draft-ietf-grow-bmp-tlv); anywatch reads version 3 (RFC 7854): configure the router to send that")
	ErrOld      = errors.New("a BMP version before 3 is a draft of before RFC 7854; anywatch reads version 3: update the router, or configure it to send that")
	ErrVersion  = errors.New("it does not begin with BMP version 3")
	ErrLength   = errors.New("its length is shorter than its header")
	ErrTooLong  = errors.New("its length is beyond the limit")
	ErrCut      = errors.New("it ends before its length says")
)

// FrameError tells of octets that are no BMP message.
type FrameError struct {
	Offset  int64 // in the stream, of the first such octet
	Skipped int64 // how many were passed over; 0 when the stream can't be read on
	Err     error
}

// Error says where, what, and how it goes on.
func (e *FrameError) Error() string {
	if e.Skipped == 0 {
		return fmt.Sprintf("BMP message at octet %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("BMP message at octet %d: %v; %d octets were skipped", e.Offset, e.Err, e.Skipped)
}

// Unwrap gives the fault itself.
func (e *FrameError) Unwrap() error { return e.Err }

// Reader cuts a stream into BMP messages. It never reserves more memory than octets have come, whatever a header claims.
type Reader struct {
	br     *bufio.Reader
	max    int
	resync bool
	offset int64  // of the first octet in the buffer
	held   int    // octets at the head of the buffer that were given out
	window []byte // the octets behind them, as far as they were there when it was last looked
	big    []byte // a message longer than the buffer
}

// NewReader makes a reader for messages of at most max octets, header included; zero means MaxFrame. With resync, for files, it looks for the
// next credible message after something that is none; without, that is the end.
func NewReader(r io.Reader, limit int, resync bool) *Reader {
	if limit <= 0 {
		limit = MaxFrame
	}
	return &Reader{br: bufio.NewReaderSize(r, readBuffer), max: limit, resync: resync}
}

// Waits tells that Next has to wait for the network: not even a header is in the buffer.
func (r *Reader) Waits() bool { return r.br.Buffered()-r.held < headerLen }

// Next gives the next message, valid until the following call. The error is io.EOF at the end of the stream, a *FrameError for what is no
// message, or what reading returned. With resync, Next can be called again after a *FrameError.
func (r *Reader) Next() ([]byte, error) {
	if len(r.window) >= headerLen {
		if n, err := r.length(r.window); err == nil && n <= len(r.window) {
			return r.give(n), nil
		}
	}
	r.skip(r.held)
	r.held, r.window = 0, nil
	head, err := r.br.Peek(headerLen)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			return nil, r.damaged(ErrCut)
		}
		return nil, err
	}
	n, err := r.length(head)
	if err != nil {
		return nil, r.damaged(err)
	}
	if n > r.br.Size() {
		return r.long(n)
	}
	_, err = r.br.Peek(n)
	if errors.Is(err, io.EOF) {
		return nil, r.damaged(ErrCut)
	}
	if err != nil {
		return nil, err
	}
	if r.resync {
		if r.swallows(n) {
			return nil, r.damaged(ErrCut)
		}
		r.window, _ = r.br.Peek(n) // looking further may have moved the buffer; each message is looked at in this way
	} else {
		r.window, _ = r.br.Peek(r.br.Buffered())
	}
	return r.give(n), nil
}

// give gives out a message that is whole in the buffer.
func (r *Reader) give(n int) []byte {
	frame := r.window[:n:n]
	r.window = r.window[n:]
	r.held += n
	return frame
}

// swallows tells of a message of n octets that it was probably cut, and that its length reaches into those after it: what follows its end is no
// header, but a credible message begins inside.
func (r *Reader) swallows(n int) bool {
	if n+headerLen > r.br.Size() {
		return false
	}
	next, err := r.br.Peek(n + headerLen)
	if err != nil {
		return false
	}
	if _, err := r.length(next[n:]); err == nil || errors.Is(err, ErrVersion4) {
		return false
	}
	window, err := r.br.Peek(r.br.Size())
	at, sure := r.credible(window[1:], err != nil)
	return sure && at+1 < n
}

// length gives the length of a message by its header, or says why it is none.
func (r *Reader) length(head []byte) (int, error) {
	switch v := head[0]; v {
	case 3:
	case 4:
		return 0, ErrVersion4
	case 1, 2:
		return 0, fmt.Errorf("%w (it begins with %d)", ErrOld, v)
	default:
		return 0, fmt.Errorf("%w, but with %d", ErrVersion, v)
	}
	n := binary.BigEndian.Uint32(head[1:])
	switch {
	case n < headerLen:
		return 0, fmt.Errorf("%w: %d", ErrLength, n)
	case n > uint32(r.max):
		return 0, fmt.Errorf("%w: %d octets, and at most %d are read", ErrTooLong, n, r.max)
	}
	return int(n), nil
}

// long reads a message that is longer than the buffer, piece by piece as it comes.
func (r *Reader) long(n int) ([]byte, error) {
	start := r.offset
	r.big = r.big[:0]
	for len(r.big) < n {
		piece, err := r.br.Peek(min(n-len(r.big), r.br.Size()))
		r.big = append(r.big, piece...)
		r.skip(len(piece))
		if errors.Is(err, io.EOF) {
			return nil, &FrameError{Offset: start, Skipped: int64(len(r.big)), Err: ErrCut}
		}
		if err != nil {
			return nil, err
		}
	}
	return r.big, nil
}

func (r *Reader) skip(n int) {
	done, _ := r.br.Discard(n) // what is there was seen before; an error would come again with the next Peek
	r.offset += int64(done)
}

// damaged passes over what is no message, where that is wanted.
func (r *Reader) damaged(err error) error {
	e := &FrameError{Offset: r.offset, Err: err}
	if !r.resync {
		return e
	}
	if errors.Is(err, ErrVersion4) && r.skipVersion4() {
		e.Skipped = r.offset - e.Offset
		return e
	}
	r.skip(1)
	r.seek()
	e.Skipped = r.offset - e.Offset
	return e
}

// skipVersion4 passes over one message of version 4, whose header is that of version 3.
func (r *Reader) skipVersion4() bool {
	head, err := r.br.Peek(headerLen)
	n := binary.BigEndian.Uint32(head[1:])
	if err != nil || n < headerLen || n > uint32(r.max) || head[5] >= 2*knownTypes {
		return false
	}
	r.skip(int(n))
	return true
}

// seek moves to the next credible message, or to the end.
func (r *Reader) seek() {
	for {
		window, err := r.br.Peek(r.br.Size())
		i, sure := r.credible(window, err != nil)
		switch {
		case i < len(window) && (sure || i == 0):
			r.skip(i)
			return
		case i < len(window): // a candidate whose end is out of sight: look again with it in front
			r.skip(i)
		case err != nil:
			r.skip(len(window))
			return
		default:
			r.skip(len(window) - headerLen + 1) // a header may begin in the rest
		}
	}
}

// credible finds where a message may begin: a sane header of a known type, and after its end either another one or the end of the stream.
// Not sure means that the end lies beyond the window; with last, nothing comes after it.
func (r *Reader) credible(window []byte, last bool) (at int, sure bool) {
	for i := 0; i+headerLen <= len(window); i++ {
		if window[i] != 3 || window[i+5] >= knownTypes {
			continue
		}
		n, err := r.length(window[i:])
		if err != nil || n < shortest[window[i+5]] {
			continue
		}
		end := i + n
		switch {
		case end == len(window) && last:
			return i, true
		case end+headerLen <= len(window):
			if _, err := r.length(window[end:]); err == nil && window[end+5] < knownTypes {
				return i, true
			}
		case !last:
			return i, false
		}
	}
	return len(window), true
}

// shortest is how long a message of a type is at least.
var shortest = [knownTypes]int{
	routeMonitoring: headerLen + peerHeaderLen, statsReport: headerLen + peerHeaderLen + 4, peerDown: headerLen + peerHeaderLen + 1,
	peerUp: headerLen + peerHeaderLen + 20, initiation: headerLen, termination: headerLen, routeMirroring: headerLen + peerHeaderLen,
}
