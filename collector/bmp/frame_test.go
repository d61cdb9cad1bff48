package bmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// raw makes a message of a type and length that says what it is told to say.
func raw(version byte, length uint32, typ byte, body ...byte) []byte {
	b := []byte{version, 0, 0, 0, 0, typ}
	binary.BigEndian.PutUint32(b[1:], length)
	return append(b, body...)
}

func TestNextWithoutResync(t *testing.T) {
	good := initiate(t, "r1")
	for _, c := range []struct {
		name   string
		bytes  []byte
		frames int
		want   error
	}{
		{"nothing", nil, 0, io.EOF},
		{"two messages", slices.Concat(good, good), 2, io.EOF},
		{"version 4", slices.Concat(good, raw(4, 6, 0)), 1, ErrVersion4},
		{"version 1", raw(1, 6, 0), 0, ErrOld},
		{"version 2", slices.Concat(good, raw(2, 6, 0)), 1, ErrOld},
		{"version 5", raw(5, 6, 0), 0, ErrVersion},
		{"length zero", raw(3, 0, 0), 0, ErrLength},
		{"length 5", raw(3, 5, 0), 0, ErrLength},
		{"length of 4 GiB", raw(3, 0xFFFFFFFF, 0), 0, ErrTooLong},
		{"just beyond the limit", raw(3, MaxFrame+1, 0), 0, ErrTooLong},
		{"cut in the header", good[:4], 0, ErrCut},
		{"cut in the body", slices.Concat(good, good[:9]), 1, ErrCut},
		{"cut in a long body", slices.Concat(good, raw(3, MaxFrame, 0), make([]byte, 100_000)), 1, ErrCut},
		{"unknown type", raw(3, 6, 99), 1, io.EOF},
		{"the longest", append(raw(3, MaxFrame, 0), make([]byte, MaxFrame-6)...), 1, io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(iotest.HalfReader(bytes.NewReader(c.bytes)), 0, false)
			n := 0
			for {
				f, err := r.Next()
				if err != nil {
					if !errors.Is(err, c.want) || n != c.frames {
						t.Errorf("%d messages, then %v; want %d, then %v", n, err, c.frames, c.want)
					}
					return
				}
				if int(binary.BigEndian.Uint32(f[1:])) != len(f) {
					t.Errorf("a message of %d octets that says %d", len(f), binary.BigEndian.Uint32(f[1:]))
				}
				n++
			}
		})
	}
}

// A header that claims a mebibyte costs no more than what came.
func TestMemoryFollowsWhatCame(t *testing.T) {
	r := NewReader(bytes.NewReader(append(raw(3, MaxFrame, 0), make([]byte, 1000)...)), 0, false)
	if _, err := r.Next(); !errors.Is(err, ErrCut) {
		t.Fatal(err)
	}
	if cap(r.big) > 4096 {
		t.Errorf("%d octets were reserved for 1,006 that came", cap(r.big))
	}
}

func TestResync(t *testing.T) {
	good := monitoring(t, header(), announce([]uint32{64999}, "10.0.0.0/8"))
	noise := bytes.Repeat([]byte{3, 0, 0, 0}, 30_000) // full of threes, longer than the buffer
	v4 := raw(4, 10, 0, 1, 2, 3, 4)
	for _, c := range []struct {
		name    string
		bytes   []byte
		frames  int
		faults  int
		offset  int64 // of the first fault
		skipped int64 // by the first fault
	}{
		{"noise before", slices.Concat([]byte{9, 9, 9}, good, good), 2, 1, 0, 3},
		{"noise between", slices.Concat(good, noise, good), 2, 1, int64(len(good)), int64(len(noise))},
		{"noise after", slices.Concat(good, []byte{0, 0, 0, 0, 0, 0, 0, 0}), 1, 1, int64(len(good)), 8},
		{"wrong length", slices.Concat(good, raw(3, 2, 0), good), 2, 1, int64(len(good)), 6},
		{"cut in the middle", slices.Concat(good, good[:50], good, good), 3, 1, int64(len(good)), 50},
		{"only noise", bytes.Repeat([]byte{1}, 200_000), 0, 1, 0, 200_000},
		{"version 4 between", slices.Concat(good, v4, v4, good), 2, 2, int64(len(good)), 10},
		{"version 4 that lies", slices.Concat(raw(4, 1<<30, 0), good), 1, 1, 0, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(c.bytes), 0, true)
			frames, faults := 0, 0
			for {
				_, err := r.Next()
				var fault *FrameError
				if errors.Is(err, io.EOF) {
					break
				}
				if errors.As(err, &fault) {
					if faults++; faults == 1 && (fault.Offset != c.offset || fault.Skipped != c.skipped) {
						t.Errorf("%v; want octet %d, %d skipped", fault, c.offset, c.skipped)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				frames++
			}
			if frames != c.frames || faults != c.faults {
				t.Errorf("%d messages and %d faults, want %d and %d", frames, faults, c.frames, c.faults)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	good := initiate(f, "r1")
	f.Add(slices.Concat(good, []byte{3, 3, 3}, good), true)
	f.Add(raw(3, 0xFFFFFFFF, 0), false)
	f.Add(raw(4, 6, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, resync bool) {
		r := NewReader(bytes.NewReader(b), 0, resync)
		read := int64(0)
		for {
			frame, err := r.Next()
			var fault *FrameError
			switch {
			case errors.Is(err, io.EOF):
				if read != int64(len(b)) {
					t.Errorf("%d of %d octets are accounted for", read, len(b))
				}
				return
			case errors.As(err, &fault):
				if fault.Offset != read {
					t.Errorf("a fault at octet %d, and %d were read", fault.Offset, read)
				}
				if fault.Skipped == 0 {
					return
				}
				read += fault.Skipped
			case err != nil:
				t.Fatal(err)
			default:
				read += int64(len(frame))
			}
		}
	})
}
