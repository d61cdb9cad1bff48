package openbmp

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

// cut takes a stream apart as a window does that grows octet by octet, or sees all at once.
func cut(tb testing.TB, b []byte, step int) (frames [][]byte, lost int) {
	tb.Helper()
	seen := min(step, len(b))
	for at, turns := 0, 0; at < len(b); turns++ {
		if turns > 20*len(b)+20 {
			tb.Fatalf("it does not get on at %d of %d", at, len(b))
		}
		end := seen == len(b)
		skip, size := Split(b[at:seen], end)
		if skip < 0 || size < 0 || skip+size > seen-at {
			tb.Fatalf("skip %d, size %d of %d", skip, size, seen-at)
		}
		lost, at = lost+skip, at+skip
		switch {
		case size > 0:
			frames = append(frames, b[at:at+size])
			at += size
		case skip > 0:
		case end:
			tb.Fatalf("nothing is given up at the end: %q", b[at:seen])
		default:
			seen = min(seen+step, len(b))
		}
	}
	return frames, lost
}

func TestSplit(t *testing.T) {
	a, b, c := edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")), edge1.textFrame(up(t, peer1)), edge1.binaryFrame(initiate(t, "e"))
	long := bytes.Clone(a)
	long[11] += 100 // it claims to reach into the next
	huge := bytes.Clone(a)
	huge[8] = 0xFF
	for _, k := range []struct {
		name string
		in   []byte
		want [][]byte
		lost int
	}{
		{"nothing", nil, nil, 0},
		{"one", a, [][]byte{a}, 0},
		{"three", slices.Concat(a, b, c), [][]byte{a, b, c}, 0},
		{"garbage before", slices.Concat([]byte("OVOBMBMPV:"), a, b), [][]byte{a, b}, 10},
		{"garbage between", slices.Concat(a, []byte("OBMP\x02"), b), [][]byte{a, b}, 5},
		{"garbage behind", slices.Concat(a, b, []byte("OBM")), [][]byte{a, b}, 3},
		{"only garbage", []byte("nothing of this kind"), nil, 20},
		{"cut at the end", slices.Concat(a, b[:len(b)-1]), [][]byte{a}, len(b) - 1},
		{"cut header at the end", slices.Concat(a, b[:10]), [][]byte{a}, 10},
		{"cut in the middle", slices.Concat(a[:len(a)-7], b, c), [][]byte{b, c}, len(a) - 7},
		{"too long", slices.Concat(long, b, c, c, c, c), [][]byte{b, c, c, c, c}, len(a)},
		{"far too long", slices.Concat(huge, b), [][]byte{b}, len(a)},
	} {
		t.Run(k.name, func(t *testing.T) {
			for _, step := range []int{1, 3, 64, 1 << 20} {
				got, lost := cut(t, k.in, step)
				if !slices.EqualFunc(got, k.want, bytes.Equal) || lost != k.lost {
					t.Errorf("steps of %d: %d frames, %d octets lost; want %d and %d", step, len(got), lost, len(k.want), k.lost)
				}
			}
		})
	}
	if !Credible(a) || !Credible(b) || !Credible(a[:6]) || Credible(huge) || Credible([]byte("OBMP\x02")) || Credible(nil) {
		t.Error("what is credible is wrong")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(slices.Concat(edge1.binaryFrame(monitor(f, peer1, "192.0.2.0/24")), edge1.textFrame(up(f, peer1))))
	f.Add(slices.Concat([]byte("OBM"), edge1.binaryFrame(initiate(f, "e")), terminate(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 1500)] // the twin that goes octet by octet is slow
		all, lost := cut(t, b, len(b)+1)
		n := lost
		r := newRig(t, DecoderConfig{})
		for _, frame := range all {
			n += len(frame)
			r.frames(frame)
			Time(frame)
		}
		if n != len(b) {
			t.Errorf("%d octets of %d", n, len(b))
		}
		byOctet, lostByOctet := cut(t, b, 1)
		if len(byOctet) != len(all) || lostByOctet != lost {
			t.Errorf("octet by octet %d frames and %d lost, at once %d and %d", len(byOctet), lostByOctet, len(all), lost)
		}
		r.frames(b)
	})
}
