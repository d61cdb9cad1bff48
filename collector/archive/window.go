package archive

import "io"

// window is the part of an unpacked input that is looked at: it grows only as far as octets have really come.
type window struct {
	r      io.Reader
	buf    []byte
	start  int // what is there is buf[start:end]
	end    int
	limit  int   // how far it may grow
	offset int64 // of buf[start] in the unpacked input
	err    error // why nothing more comes: io.EOF, or a fault
}

const windowSize = 256 << 10

func newWindow(r io.Reader) *window {
	return &window{r: r, buf: make([]byte, windowSize), limit: windowSize}
}

func (w *window) bytes() []byte { return w.buf[w.start:w.end] }

// advance gives up octets.
func (w *window) advance(n int) {
	w.start += n
	w.offset += int64(n)
}

// ended tells that nothing comes after what is there.
func (w *window) ended() bool { return w.err != nil }

// fault is what was wrong with the input, nil when it ended as it should.
func (w *window) fault() error {
	if w.err == io.EOF {
		return nil
	}
	return w.err
}

// more gets at least one more octet, or finds the end. It gives false, too, when the window is full and may not grow.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	if w.end == len(w.buf) && !w.room() {
		return false
	}
	const patience = 100 // readers may give nothing without an error, but not for ever
	for range patience {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// room makes some: by moving what is there to the front, or by taking a larger buffer.
func (w *window) room() bool {
	have := w.end - w.start
	atLimit := len(w.buf) >= w.limit
	if atLimit && have == len(w.buf) {
		return false
	}
	into := w.buf
	if !atLimit && have > len(w.buf)/2 {
		into = make([]byte, min(2*len(w.buf), w.limit))
	}
	w.end = copy(into, w.bytes())
	w.buf, w.start = into, 0
	return true
}

// Read reads what is there, and then what comes: for who frames by itself. A fault reads as the end.
func (w *window) Read(b []byte) (int, error) {
	if w.start == w.end {
		w.start, w.end = 0, 0
		if !w.more() {
			return 0, io.EOF
		}
	}
	n := copy(b, w.bytes())
	w.advance(n)
	return n, nil
}
