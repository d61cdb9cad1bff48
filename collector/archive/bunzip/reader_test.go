package bunzip

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// words are n octets of text that packs well.
func words(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for len(b) < n {
		b = append(b, []string{"prefix ", "origin ", "path ", "198.51.100.", "64500 ", "\n"}[rnd.IntN(6)]...)
		b = append(b, byte('0'+rnd.IntN(10)))
	}
	return b[:n]
}

func random(seed uint64, n int) []byte {
	rnd, b := rand.New(rand.NewPCG(seed, 2)), make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Int())
	}
	return b
}

// unpacked reads everything.
func unpacked(r io.Reader) ([]byte, error) {
	z := NewReader(r)
	defer z.Close()
	return io.ReadAll(z)
}

// torn is content whose table of used octets is the magic number of a block, or of the end of a stream.
func torn(magic uint64) []byte {
	var b []byte
	for i := range 48 {
		if magic>>(47-i)&1 != 0 {
			b = append(b, byte(64+i))
		}
	}
	return bytes.Repeat(b, 9)
}

// TestReader: what comes out is what went in, however it is divided.
func TestReader(t *testing.T) {
	many := func(blocks, size int) (list [][]byte) {
		for i := range blocks {
			list = append(list, words(uint64(i), 1+size/2+i*31%size))
		}
		return list
	}
	streams := func(list [][]byte) (out []byte) {
		for i, b := range list {
			out = append(out, packed('1'+byte(i%9), b)...)
		}
		return out
	}
	for name, c := range map[string]struct {
		packed  []byte
		content [][]byte
	}{
		"nothing":                {packed('9'), nil},
		"one octet":              {packed('9', []byte("x")), [][]byte{[]byte("x")}},
		"one block":              {packed('9', words(1, 20000)), [][]byte{words(1, 20000)}},
		"random":                 {packed('9', random(1, 5000), random(2, 7000)), [][]byte{random(1, 5000), random(2, 7000)}},
		"many blocks":            {packed('1', many(60, 3000)...), many(60, 3000)},
		"many streams":           {streams(many(60, 1000)), many(60, 1000)},
		"empty streams between":  {bytes.Join([][]byte{packed('1'), packed('2', words(1, 99)), packed('3'), packed('4'), packed('5', words(2, 99)), packed('6')}, nil), [][]byte{words(1, 99), words(2, 99)}},
		"runs":                   {packed('9', make([]byte, 40000), bytes.Repeat([]byte("aaaaab"), 500)), [][]byte{make([]byte, 40000), bytes.Repeat([]byte("aaaaab"), 500)}},
		"more than the pieces":   {packed('9', make([]byte, 3<<20), []byte("x"), make([]byte, 2<<20)), [][]byte{make([]byte, 3<<20), []byte("x"), make([]byte, 2<<20)}},
		"a block in two":         {packed('1', words(1, 99), torn(blockMagic), words(2, 99)), [][]byte{words(1, 99), torn(blockMagic), words(2, 99)}},
		"the last block in two":  {packed('1', torn(blockMagic)), [][]byte{torn(blockMagic)}},
		"an end that is none":    {packed('1', words(1, 99), torn(endMagic), words(2, 99)), [][]byte{words(1, 99), torn(endMagic), words(2, 99)}},
		"two blocks in two each": {packed('1', torn(blockMagic), torn(blockMagic)), [][]byte{torn(blockMagic), torn(blockMagic)}},
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.Join(c.content, nil)
			if std, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(c.packed))); err != nil || !bytes.Equal(std, want) {
				t.Fatalf("the test packs wrong: %d octets, want %d: %v", len(std), len(want), err)
			}
			for how, r := range map[string]io.Reader{
				"at once":     bytes.NewReader(c.packed),
				"by octets":   iotest.OneByteReader(bytes.NewReader(c.packed)),
				"end at once": iotest.DataErrReader(bytes.NewReader(c.packed)),
			} {
				got, err := unpacked(r)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d octets, want %d: %v", how, len(got), len(want), err)
				}
			}
		})
	}
}

// same compares with the decoder of the standard library: whether there is a fault, and without one, what comes out. With one it gives what came out.
func same(t *testing.T, what string, input []byte) []byte {
	t.Helper()
	want, fault := io.ReadAll(bzip2.NewReader(bytes.NewReader(input)))
	got, err := unpacked(bytes.NewReader(input))
	if (err == nil) != (fault == nil) || err == nil && !bytes.Equal(got, want) {
		t.Fatalf("%s: %d octets, %v; want %d, %v", what, len(got), err, len(want), fault)
	}
	return got
}

// TestDamage: cut or changed at any place, a file gives all blocks before that place, and no others without a fault.
func TestDamage(t *testing.T) {
	content := [][]byte{words(1, 300), torn(blockMagic), words(2, 300), words(3, 200)}
	ends := []int{len(packed('1', content[:1]...)) - 11, len(packed('1', content[:2]...)) - 11, len(packed('1', content[:3]...))}
	good := append(packed('1', content[:3]...), packed('2', content[3])...)
	for i := range good {
		var before []byte
		for k, end := range ends {
			if i > end {
				before = append(before, content[k]...)
			}
		}
		check := func(what string, input []byte) {
			t.Helper()
			if got := same(t, what, input); !bytes.HasPrefix(got, before) {
				t.Fatalf("%s at octet %d: %d octets came out, want %d at least", what, i, len(got), len(before))
			}
		}
		check("cut", good[:i])
		for _, bit := range []byte{1, 0x10, 0x80} {
			damaged := bytes.Clone(good)
			damaged[i] ^= bit
			check("changed", damaged)
		}
	}
	same(t, "octets after it", append(bytes.Clone(good), "noise"...))
	same(t, "zeros after it", append(bytes.Clone(good), make([]byte, 512)...))
}

// TestErrors: the fault is told with its place.
func TestErrors(t *testing.T) {
	one, two := words(1, 300), words(2, 300)
	good := packed('1', one, two)
	wrongCRC, wrongAll := bytes.Clone(good), bytes.Clone(good)
	wrongCRC[10] ^= 1
	wrongAll[len(wrongAll)-2] ^= 0x10
	for _, c := range []struct {
		name  string
		input []byte
		says  string
		gives int
	}{
		{"no bzip2", []byte("these are plain octets"), "at octet 0 of the packed file: there is no header of bzip2", 0},
		{"no octets", nil, "at octet 0 of the packed file: it is cut: unexpected EOF", 0},
		{"cut in the second block", good[:len(good)-40], "block 2, which begins at octet 144 of the packed file: it is cut: unexpected EOF", 300},
		{"a block that was changed", wrongCRC, "block 1, which begins at octet 4 of the packed file: bzip2 data invalid: block checksum mismatch", 300},
		{"all that was changed", wrongAll, "the stream that ends at octet 291 of the packed file: the checksum of the stream does not match", 600},
		{"another stream that is none", append(bytes.Clone(good), "BZx9 and so on"...), "block 2, which begins at octet 144", 600},
	} {
		got, err := unpacked(bytes.NewReader(c.input))
		if err == nil || !strings.Contains(err.Error(), c.says) || len(got) != c.gives {
			t.Errorf("%s: %d octets, %v; want %d, %q", c.name, len(got), err, c.gives, c.says)
		}
	}
	if _, err := unpacked(io.MultiReader(bytes.NewReader(good[:100]), iotest.ErrReader(io.ErrClosedPipe))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("an input that can't be read: %v", err)
	}
	if _, err := unpacked(bytes.NewReader(good[:len(good)-40])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut input: %v", err)
	}
}

// TestClose: whoever stops in the middle leaves nothing behind that waits for ever.
func TestClose(t *testing.T) {
	var blocks [][]byte
	for i := range 50 {
		blocks = append(blocks, words(uint64(i), 500))
	}
	in, out := io.Pipe()
	z := NewReader(in)
	ended := make(chan error)
	go func() {
		_, err := out.Write(packed('1', blocks...))
		ended <- err
	}()
	if _, err := io.ReadFull(z, make([]byte, 700)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	in.Close()
	if err := <-ended; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	for range z.queue { // the goroutine that scans closes it when it ends
	}
}

// FuzzReader compares with the decoder of the standard library.
func FuzzReader(f *testing.F) {
	f.Add(packed('1', words(1, 50), words(2, 50)))
	f.Add(append(packed('1', torn(blockMagic)), packed('1', []byte("x"))...))
	f.Add(packed('3', torn(endMagic)))
	f.Add([]byte("BZh9"))
	f.Fuzz(func(t *testing.T, input []byte) { same(t, "input", input) })
}
