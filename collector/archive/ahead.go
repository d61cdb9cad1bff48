package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// ahead reads in a goroutine of its own, a few pieces ahead of who takes them. Whoever is waiting gets what is there, so that a pipe that brings little
// is not held up; else pieces are full.
type ahead struct {
	full  chan piece
	free  chan []byte
	stop  chan struct{}
	below *ahead // what this reads from, if that is read ahead too
	now   piece  // looked at, or read in part
}

// piece is what was read at one time, and why nothing comes after it, if nothing does. There are octets, or a reason, or both.
type piece struct {
	room []byte
	data []byte // somewhere in the room
	err  error
}

const (
	pieces    = 4
	pieceSize = 256 << 10
	// headroom is left before the data of a piece, for what remains of the piece before it.
	headroom = 64 << 10
	// least is the smallest piece, unless nothing follows: what packings are told by.
	least = 8
)

// readAhead begins to read. The name is for errors, below is what r reads from, and closed is called when nothing more is read.
func readAhead(r io.Reader, name string, below *ahead, closed func()) *ahead {
	a := &ahead{full: make(chan piece, pieces), free: make(chan []byte, pieces), stop: make(chan struct{}), below: below}
	for range pieces {
		a.free <- nil
	}
	go func() {
		defer closed()
		a.fill(r, name)
	}()
	return a
}

func (a *ahead) fill(r io.Reader, name string) {
	for {
		var p piece
		select {
		case p.room = <-a.free:
		case <-a.stop:
			return
		}
		if p.room == nil { // made when it is needed: small inputs need one
			p.room = make([]byte, headroom+pieceSize)
		}
		p.data, p.err = a.read(r, p.room[headroom:])
		ended := p.err != nil
		if ended && p.err != io.EOF && name != "" {
			p.err = damagedPacking(name, p.err)
		}
		select {
		case a.full <- p:
		case <-a.stop:
			return
		}
		if ended {
			return
		}
	}
}

// packingFault is why something can't be unpacked to its end.
type packingFault struct {
	name string
	err  error
}

// damagedPacking names the packing; where one packing is inside the other, the one that is at fault.
func damagedPacking(name string, err error) error {
	if inner := new(packingFault); errors.As(err, &inner) {
		return err
	}
	return &packingFault{name, err}
}

func (f *packingFault) Error() string {
	state := "damaged"
	if errors.Is(f.err, io.ErrUnexpectedEOF) {
		state = "cut"
	}
	return fmt.Sprintf("%s: %s; the file is %s: get it again", f.name, strings.TrimPrefix(f.err.Error(), f.name+": "), state)
}

func (f *packingFault) Unwrap() error { return f.err }

// read fills a buffer, or as much of it as there is when somebody waits.
func (a *ahead) read(r io.Reader, b []byte) ([]byte, error) {
	const patience = 100 // readers may give nothing without an error, but not for ever
	n, idle := 0, 0
	for n < len(b) && (n < least || len(a.full) > 0) {
		m, err := r.Read(b[n:])
		n += m
		if idle++; m > 0 {
			idle = 0
		}
		switch {
		case err != nil:
			return b[:n], err
		case idle == patience:
			return b[:n], io.ErrNoProgress
		}
	}
	return b[:n], nil
}

// next gives the next piece, whose room is to be released. After a piece with an error there is no other.
func (a *ahead) next() piece {
	if p := a.now; p.room != nil {
		a.now = piece{}
		return p
	}
	select {
	case p := <-a.full:
		return p
	case <-a.stop:
		return piece{err: io.ErrClosedPipe}
	}
}

// release takes the room of a piece back. It never waits: there is space for all.
func (a *ahead) release(room []byte) {
	if room != nil {
		a.free <- room
	}
}

// peek gives the first octets without taking them: a few, unless there are less.
func (a *ahead) peek() []byte {
	a.now = a.next()
	return a.now.data
}

// Read gives what was read ahead.
func (a *ahead) Read(b []byte) (int, error) {
	for len(a.now.data) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		a.release(a.now.room)
		a.now.room = nil
		a.now = a.next()
	}
	n := copy(b, a.now.data)
	a.now.data = a.now.data[n:]
	return n, nil
}

// close lets the goroutine end, and those below. It does not wait: a read from a pipe may never return.
func (a *ahead) close() {
	for ; a != nil; a = a.below {
		close(a.stop)
	}
}
