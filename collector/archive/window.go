package archive

import "io"

// window is the part of an unpacked input that is looked at. It lies in the pieces that were read ahead, without being copied, but for what remains of
// one piece when the next one comes.
type window struct {
	src    *ahead
	buf    []byte
	own    bool // the buffer is no piece: something longer than one is looked at
	start  int  // what is there is buf[start:end]
	end    int
	limit  int   // how much is looked at at once, but for a piece
	offset int64 // of buf[start] in the unpacked input
	err    error // why nothing more comes: io.EOF, or a fault
}

func newWindow(src *ahead) *window { return &window{src: src, limit: pieceSize} }

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
	if w.err != nil || w.end-w.start >= w.limit {
		return false
	}
	p := w.src.next()
	w.err = p.err
	switch {
	case len(p.data) == 0:
		w.src.release(p.room)
		return false
	case w.end-w.start <= headroom:
		w.move(p)
	default:
		w.join(p)
	}
	return true
}

// move goes on in another piece, with what remains of the one before it in front.
func (w *window) move(p piece) {
	have := w.bytes()
	start := headroom - len(have)
	copy(p.room[start:], have)
	w.leave()
	w.buf, w.own, w.start, w.end = p.room, false, start, headroom+len(p.data)
}

// join adds a piece to what is there, in a buffer of the window's own.
func (w *window) join(p piece) {
	have := w.bytes()
	if need := len(have) + len(p.data); !w.own || w.end+len(p.data) > len(w.buf) {
		into := w.buf
		if !w.own || need > len(w.buf) {
			into = make([]byte, min(2*need, w.limit+pieceSize))
		}
		copy(into, have)
		w.leave()
		w.buf, w.own, w.start, w.end = into, true, 0, len(have)
	}
	w.end += copy(w.buf[w.end:], p.data)
	w.src.release(p.room)
}

// leave gives the piece back, if it is in one.
func (w *window) leave() {
	if !w.own {
		w.src.release(w.buf)
	}
}

// Read reads what is there, and then what comes: for who frames by itself. A fault reads as the end.
func (w *window) Read(b []byte) (int, error) {
	if w.start == w.end && !w.more() {
		return 0, io.EOF
	}
	n := copy(b, w.bytes())
	w.advance(n)
	return n, nil
}
