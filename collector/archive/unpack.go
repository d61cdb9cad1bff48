package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLayers is how often an input may be packed, one packing inside the other.
const maxLayers = 3

// maxWindow bounds how far back a zstd stream may refer, and so the memory that it takes. Levels up to 19 need 8 MiB.
const maxWindow = 32 << 20

// packing is one way to pack a file.
type packing struct {
	magic string
	name  string
	open  func(io.Reader) (content io.Reader, closed func(), err error) // nil: it is known by name only
}

func packings() []packing {
	return []packing{
		{"\x1f\x8b", "gzip", openGzip},
		{"BZh", "bzip2", openBzip2},
		{"\x28\xb5\x2f\xfd", "zstd", openZstd},
		{"\xfd7zXZ\x00", "xz", nil},
		{"PK\x03\x04", "zip", nil},
		{"\x04\x22\x4d\x18", "lz4", nil},
		{"\x1f\x9d", "compress", nil},
		{"7z\xbc\xaf\x27\x1c", "7z", nil},
	}
}

func openGzip(r io.Reader) (io.Reader, func(), error) {
	z, err := gzip.NewReader(r)
	return z, func() {}, err
}

func openBzip2(r io.Reader) (io.Reader, func(), error) { return bzip2.NewReader(r), func() {}, nil }

func openZstd(r io.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

// unpack gives the content of what is stored. What is damaged from its first octet on gives an empty content that ends with the fault; an
// error means that the packing is not read at all.
func unpack(stored io.Reader) (content io.Reader, closed func(), err error) {
	content, closed = stored, func() {}
	for range maxLayers {
		br := bufio.NewReaderSize(content, 64<<10)
		content = br
		head, _ := br.Peek(8) // an error comes again with the first read
		p, found := packed(head)
		switch {
		case !found:
			return content, closed, nil
		case p.open == nil:
			closed()
			return nil, nil, fmt.Errorf("it is packed with %s, which is not read; unpack it first, or pack it with gzip, bzip2 or zstd", p.name)
		}
		inner, closeInner, err := p.open(br)
		if err != nil {
			return faulty{fmt.Errorf("%s: %w", p.name, err)}, closed, nil
		}
		a, outer := readAhead(inner, p.name, closeInner), closed
		content, closed = a, func() { a.close(); outer() }
	}
	return content, closed, nil
}

func packed(head []byte) (packing, bool) {
	for _, p := range packings() {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			return p, true
		}
	}
	return packing{}, false
}

// faulty is a content that can't be read at all.
type faulty struct{ err error }

func (f faulty) Read([]byte) (int, error) { return 0, f.err }

// ahead reads in a goroutine of its own, a few pieces ahead of who reads from it.
type ahead struct {
	full chan piece
	free chan []byte
	stop chan struct{}
	now  piece
}

// piece is what was read at one time, and why nothing comes after it, if nothing does.
type piece struct {
	room, rest []byte
	err        error
}

const (
	pieces    = 4
	pieceSize = 256 << 10
)

// readAhead begins to read; name is for errors, and closed is called when nothing more is read.
func readAhead(r io.Reader, name string, closed func()) *ahead {
	a := &ahead{full: make(chan piece, pieces), free: make(chan []byte, pieces), stop: make(chan struct{})}
	for range pieces {
		a.free <- make([]byte, pieceSize)
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
		n := 0
		for n < len(p.room) && p.err == nil {
			var m int
			m, p.err = r.Read(p.room[n:])
			n += m
		}
		p.rest = p.room[:n]
		ended := p.err != nil
		if ended && p.err != io.EOF {
			p.err = fmt.Errorf("%s: %w", name, p.err)
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

// Read gives what was read ahead.
func (a *ahead) Read(b []byte) (int, error) {
	for len(a.now.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.room != nil {
			a.free <- a.now.room // never waits: there is room for all pieces
		}
		select {
		case a.now = <-a.full:
		case <-a.stop:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(b, a.now.rest)
	a.now.rest = a.now.rest[n:]
	return n, nil
}

// close lets the goroutine end. It does not wait: a read from a pipe may never return.
func (a *ahead) close() { close(a.stop) }
