package ws

import (
	"io"
	"net"
	"sync"
)

// aheadPieces is how many pieces of the stream are read before the first of them is taken. Then the server has to wait.
const aheadPieces = 4

// ahead reads a stream in a goroutine of its own, so that the kernel's work and the waiting for the network take none of the time of the
// goroutine that deals with what came. The pieces keep their order, and what was read before the stream ended comes before its error.
type ahead struct {
	full, empty chan []byte
	err         error // why reading ended; set before full is closed
	stop        func()
	stopped     chan struct{}

	piece []byte // that Read is at
	taken int    // octets of it
}

func newAhead(stream io.Reader, size int) *ahead {
	a := &ahead{full: make(chan []byte, aheadPieces), empty: make(chan []byte, aheadPieces), stopped: make(chan struct{})}
	a.stop = sync.OnceFunc(func() { close(a.stopped) })
	for range aheadPieces {
		a.empty <- make([]byte, size)
	}
	go a.run(stream)
	return a
}

// run reads until the stream ends, or until nobody wants its pieces any more. Each channel has room for all pieces that there are, so that only
// the stream and the wait for an empty piece can hold it up.
func (a *ahead) run(stream io.Reader) {
	defer close(a.full)
	for {
		var piece []byte
		select {
		case piece = <-a.empty:
		case <-a.stopped:
			a.err = net.ErrClosed
			return
		}
		n, err := stream.Read(piece)
		if n > 0 {
			a.full <- piece[:n]
		} else {
			a.empty <- piece
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// Read gives what comes next. It waits only when there is nothing yet.
func (a *ahead) Read(into []byte) (int, error) {
	if a.piece == nil {
		piece, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.piece, a.taken = piece, 0
	}
	n := copy(into, a.piece[a.taken:])
	if a.taken += n; a.taken == len(a.piece) {
		a.empty <- a.piece[:cap(a.piece)]
		a.piece = nil
	}
	return n, nil
}
