package ws

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection. One goroutine takes the messages, with Fill and Next; the other methods are safe for concurrent use. What comes
// off the network is read ahead of them by a goroutine of the connection's own, which ends with CloseNow or with the stream.
type Conn struct {
	stream   io.ReadWriteCloser
	ahead    *ahead
	frames   *frames
	patience time.Duration
	ended    error // what Next found, for all calls after it
	closing  atomic.Bool

	mu    sync.Mutex // guards writing
	frame []byte
	said  bool // the close frame was sent
}

// errClosing says that a message comes too late.
var errClosing = errors.New("the connection is being closed")

// bufferSize is how much is read at once. A message of a public feed has some hundred octets, so that one read brings hundreds of them.
const bufferSize = 256 << 10

func newConn(stream io.ReadWriteCloser, limits Limits) *Conn {
	return &Conn{stream: stream, ahead: newAhead(stream, bufferSize), frames: newFrames(limits.Message, bufferSize), patience: limits.Patience}
}

// Fill waits until something comes off the network. What Next gave before is no longer valid then.
func (c *Conn) Fill() error {
	if c.ended != nil {
		return c.ended
	}
	n, err := c.ahead.Read(c.frames.room())
	c.frames.filled(n)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server ended the connection: %w", err)
	}
	return err
}

// Next gives the next message of those that Fill brought, nil when there is none; a message without octets is passed over. It answers
// pings, and ends with a *Closed when the server closes the connection and with a *Violation when the server breaks the protocol; the server
// is told in both cases. After Close it only waits for the server's answer, and messages are dropped.
func (c *Conn) Next() ([]byte, error) {
	for c.ended == nil {
		op, payload, err := c.frames.next()
		if err != nil {
			return nil, c.end(err)
		}
		switch op {
		case opNone:
			return nil, nil
		case opText, opBinary:
			if len(payload) > 0 && !c.closing.Load() {
				return payload, nil
			}
		case opPing:
			err = c.write(opPong, payload)
		case opClose:
			err = c.closed(payload)
		}
		if err != nil && !errors.Is(err, errClosing) {
			return nil, c.end(err)
		}
	}
	return nil, c.ended
}

// closed deals with the server's close frame; the error says why it came.
func (c *Conn) closed(payload []byte) error {
	why, err := closing(payload)
	if err != nil {
		return err
	}
	return why
}

// end notes why the connection ends, and tells the server with the code that belongs to it.
func (c *Conn) end(err error) error {
	c.ended = err
	var bad *Violation
	var why *Closed
	switch {
	case errors.As(err, &bad):
		c.sayClose(bad.Code, bad.Text)
	case errors.As(err, &why):
		c.sayClose(why.Code, "") // RFC 6455 section 5.5.1: the answer typically echoes the code
	}
	return err
}

// Send sends a text message.
func (c *Conn) Send(text string) error { return c.write(opText, []byte(text)) }

// Close tells the server that we go, and why. The server's answer ends Next; if none comes in time, the network connection is closed, which
// ends Fill.
func (c *Conn) Close(code uint16, reason string, wait time.Duration) {
	c.closing.Store(true)
	time.AfterFunc(wait, c.CloseNow)
	c.sayClose(code, reason)
}

// CloseNow closes the network connection. Everything that waits for it returns.
func (c *Conn) CloseNow() {
	_ = c.stream.Close() // whoever reads or writes sees what is wrong
	c.ahead.stop()
}

// sayClose sends a close frame, once; whether it arrives makes no difference to a connection that ends.
func (c *Conn) sayClose(code uint16, reason string) {
	var payload []byte
	if code != noStatus {
		reason = reason[:min(len(reason), 123)] // a control frame has up to 125 octets
		payload = append(binary.BigEndian.AppendUint16(nil, code), reason...)
	}
	_ = c.write(opClose, payload)
}

// write sends one frame. When the server does not take it within the connection's patience, the connection is closed.
func (c *Conn) write(op opcode, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said { // RFC 6455 section 5.5.1: nothing follows a close frame
		return errClosing
	}
	c.said = op == opClose
	var key [4]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	c.frame = masked(c.frame[:0], op, payload, key)
	late := time.AfterFunc(c.patience, c.CloseNow)
	defer late.Stop()
	_, err := c.stream.Write(c.frame)
	return err
}

// masked appends a frame as a client sends it (RFC 6455 sections 5.2 and 5.3).
func masked(b []byte, op opcode, payload []byte, key [4]byte) []byte {
	const fin, mask = 0x80, 0x80
	b = append(b, fin|byte(op))
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}
