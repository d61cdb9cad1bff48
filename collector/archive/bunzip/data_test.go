//go:build data

package bunzip

import (
	"bytes"
	"compress/bzip2"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// dataFiles reads the files that are packed with bzip2.
func dataFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		tb.Fatal("ANYWATCH_DATA is not set; set it to the folder of the test data")
	}
	files := map[string][]byte{}
	for _, pattern := range []string{"*/*.bz2", "*/*/*.bz2"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range paths {
			if files[path], err = os.ReadFile(path); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if len(files) == 0 {
		tb.Fatalf("no files packed with bzip2 in %s", root)
	}
	return files
}

// TestData: what comes out of real archives is what comes out of the decoder of the standard library, also when they are cut.
func TestData(t *testing.T) {
	for path, packed := range dataFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := unpacked(bytes.NewReader(packed))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d octets, want %d: %v", len(got), len(want), err)
			}
			got, err = unpacked(bytes.NewReader(packed[:2*len(packed)/3]))
			if err == nil || !bytes.HasPrefix(want, got) || len(got) < len(want)/2 && len(want) > 4<<20 {
				t.Errorf("cut: %d octets of %d: %v", len(got), len(want), err)
			}
		})
	}
}

// BenchmarkUnpack compares with the decoder of the standard library.
func BenchmarkUnpack(b *testing.B) {
	var largest []byte
	for _, packed := range dataFiles(b) {
		if len(packed) > len(largest) {
			largest = packed
		}
	}
	for name, unpack := range map[string]func() (int64, error){
		"standard": func() (int64, error) { return io.Copy(io.Discard, bzip2.NewReader(bytes.NewReader(largest))) },
		"parallel": func() (int64, error) {
			z := NewReader(bytes.NewReader(largest))
			defer z.Close()
			return io.Copy(io.Discard, z)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n, err := unpack()
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			}
		})
	}
}
