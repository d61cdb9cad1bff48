package rislive

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/coder/websocket"
)

// batch is some messages, one after the other.
type batch struct {
	b    []byte
	ends []int // where each message ends
}

// messages gives them in their order.
func (m *batch) messages() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range m.ends {
			if !yield(m.b[start:end]) {
				return
			}
			start = end
		}
	}
}

// inboxSize is how many octets wait at most; then the server has to.
const inboxSize = 1 << 20

// inbox holds what came while messages before it are dealt with: one message when little comes, many at once when much does.
type inbox struct {
	mu     sync.Mutex
	now    batch
	filled chan struct{} // something came
	room   chan struct{} // it was emptied
}

func newInbox() *inbox {
	return &inbox{filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a message, waiting for room.
func (x *inbox) put(ctx context.Context, message []byte) error {
	for {
		x.mu.Lock()
		if len(x.now.b) < inboxSize {
			x.now.b = append(x.now.b, message...)
			x.now.ends = append(x.now.ends, len(x.now.b))
			x.mu.Unlock()
			nudge(x.filled)
			return nil
		}
		x.mu.Unlock()
		select {
		case <-x.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// swap gives all messages, and takes over an old batch to fill.
func (x *inbox) swap(old *batch) {
	old.b, old.ends = old.b[:0], old.ends[:0]
	x.mu.Lock()
	x.now, *old = *old, x.now
	x.mu.Unlock()
	nudge(x.room)
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// receive takes messages off the network until that fails.
func (x *inbox) receive(ctx context.Context, conn *websocket.Conn) (err error) {
	buf := make([]byte, 16<<10)
	for {
		var n int
		if buf, n, err = readMessage(conn, buf); err != nil {
			return err
		}
		if err := x.put(ctx, buf[:n]); err != nil {
			return err
		}
	}
}

// readMessage reads one message into buf, or a larger one. It reads without a context, whose watching would cost more than the message: whoever
// keeps the connection closes it instead.
func readMessage(conn *websocket.Conn, buf []byte) (_ []byte, n int, err error) {
	_, r, err := conn.Reader(context.Background())
	if err != nil {
		return buf, 0, err
	}
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		m, err := r.Read(buf[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return buf, n, nil
		}
		if err != nil {
			return buf, n, err
		}
	}
}
