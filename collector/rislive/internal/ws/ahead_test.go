package ws

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/iotest"
)

// TestAhead: whatever the sizes, the octets come in their order, all of them before the error.
func TestAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 100_000)
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	broken := errors.New("broken")
	for name, stream := range map[string]io.Reader{
		"whole":                  io.MultiReader(bytes.NewReader(text), iotest.ErrReader(broken)),
		"one octet at a time":    io.MultiReader(iotest.OneByteReader(bytes.NewReader(text)), iotest.ErrReader(broken)),
		"error with the last":    iotest.DataErrReader(io.MultiReader(bytes.NewReader(text), iotest.ErrReader(broken))),
		"reads that bring none":  io.MultiReader(&hesitant{Reader: bytes.NewReader(text)}, iotest.ErrReader(broken)),
		"halves of what is read": io.MultiReader(iotest.HalfReader(bytes.NewReader(text)), iotest.ErrReader(broken)),
	} {
		a := newAhead(stream, 1000)
		var got []byte
		var err error
		for err == nil {
			var n int
			room := make([]byte, 1+r.IntN(1500))
			n, err = a.Read(room)
			got = append(got, room[:n]...)
		}
		if !bytes.Equal(got, text) || err != broken {
			t.Errorf("%s: %d octets of %d, %v", name, len(got), len(text), err)
		}
		if _, err := a.Read(make([]byte, 1)); err != broken {
			t.Errorf("%s: after the end: %v", name, err)
		}
	}
}

// hesitant is a stream whose every other read brings nothing.
type hesitant struct {
	io.Reader
	reads int
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.reads++; h.reads%2 == 0 {
		return 0, nil
	}
	return h.Reader.Read(b)
}

// endless is a stream that always has more, and tells when it is read.
type endless chan struct{}

func (e endless) Read(b []byte) (int, error) {
	e <- struct{}{}
	return len(b), nil
}

// TestAheadBounded: what nobody takes is not read without end, and reading stops when it is to stop.
func TestAheadBounded(t *testing.T) {
	stream := make(endless, 10*aheadPieces)
	a := newAhead(stream, 10)
	for range aheadPieces {
		<-stream
	}
	a.stop()
	a.stop()
	var pieces int
	for range a.full {
		pieces++
	}
	if pieces != aheadPieces || len(stream) > 0 {
		t.Errorf("%d pieces and %d more read, %d allowed", pieces, len(stream), aheadPieces)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAheadReuse: pieces are used again and again.
func TestAheadReuse(t *testing.T) {
	stream := make(endless, 10*aheadPieces)
	a := newAhead(stream, 10)
	defer a.stop()
	if n := testing.AllocsPerRun(100, func() {
		var room [10]byte
		<-stream
		if n, err := a.Read(room[:]); n != len(room) || err != nil {
			t.Fatal(n, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a piece", n)
	}
}
