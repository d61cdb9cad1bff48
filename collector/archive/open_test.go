package archive_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anywatch/collector/archive"
)

func gz(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(content, nil)
}

// bz2 is records(t0, 3), packed: the standard library does not pack bzip2.
const bz2 = "QlpoOTFBWSZTWcaF2PAAAEz/hf0kREAAAIgASAAIAAYAIABBCACAIgqgAGhHqTJAZAGmQI/VKhtJoxNqGmGpQYiMeKhsXFRihMwaKkyBAqKIjmLnI5q2fVKqKJSqwd1naHxLiGro9pcN4YOrdVslZytCiIzRFz+LuSKcKEhjQux4AA=="

// TestPackings: however an input is packed, the same comes out.
func TestPackings(t *testing.T) {
	plain := records(t0, 3)
	packed, err := base64.StdEncoding.DecodeString(bz2)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"plain": plain, "gzip": gz(t, plain), "bzip2": packed, "zstd": zst(t, plain),
		"gzip in zstd":          zst(t, gz(t, plain)),
		"members of gzip":       slices.Concat(gz(t, plain[:79]), gz(t, plain[79:100]), gz(t, plain[100:])),
		"frames of zstd":        slices.Concat(zst(t, plain[:79]), zst(t, plain[79:100]), zst(t, plain[100:])),
		"gzip of nothing first": slices.Concat(gz(t, nil), gz(t, plain)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.expect(content, 3, 3, 0)
			if want := []string{"0 mrt:AS64501/198.51.100.1 routes", "1 mrt:AS64501/198.51.100.1 routes", "2 mrt:AS64501/198.51.100.1 routes"}; !slices.Equal(r.events, want) {
				t.Errorf("events %q", r.events)
			}
		})
	}
	t.Run("members of bzip2", func(t *testing.T) { newRig(t).expect(slices.Concat(packed, packed), 6, 6, 0) })
}

// TestCutPackings: what can be unpacked is read, and the rest is one malformed record.
func TestCutPackings(t *testing.T) {
	var plain []byte // little alike, so that a cut loses little
	for i := range 5000 {
		plain = append(plain, record(t0+i, i*i%251)...)
	}
	for name, content := range map[string][]byte{"gzip": gz(t, plain), "zstd": zst(t, plain)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			stats, err := r.read(r.file("cut", content[:len(content)*2/3]))
			if err != nil {
				t.Fatal(err)
			}
			if stats.Malformed != 1 || stats.Updates < 1000 || stats.Updates != stats.Messages-1 || len(r.problems) != 1 {
				t.Errorf("counted %+v, reported %q", stats.Tally, r.problems)
			}
			r.says(name)
		})
	}
}

// TestFormats: the format is told from the content; what is not read is named, with what to do.
func TestFormats(t *testing.T) {
	text := strings.Repeat("these are not the routes you are looking for\n", 100)
	for _, c := range []struct {
		name    string
		content []byte
		says    string // "" when it is read
	}{
		{"MRT", records(t0, 2), ""},
		{"MRT with a damaged beginning", slices.Concat([]byte("noise noise noise"), records(t0, 2)), ""},
		{"RIS Live", line(t0), ""},
		{"RIS Live behind a line that is none", slices.Concat([]byte("{\n"), line(t0)), ""},
		{"BMP", bmpUpdate(t0), ""},
		{"BMP of version 4", slices.Concat([]byte{4}, bmpUpdate(t0)[1:]), "version 4"},
		{"ExaBGP", exaLine(t0), ""},
		{"ExaBGP without one message", []byte(`{ "exabgp": "5.0.0", ` + "\n"), "it looks like ExaBGP JSON lines"},
		{"OpenBMP with text headers", textFrame(bmpUpdate(t0)), ""},
		{"OpenBMP that is none", append([]byte("OBMP\x01\x07"), make([]byte, 100)...), "no known format"},
		{"a capture", append([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00"), make([]byte, 100)...), "TCP"},
		{"a capture of the newer kind", append([]byte("\x0a\x0d\x0d\x0a"), make([]byte, 100)...), "TCP"},
		{"xz", append([]byte("\xfd7zXZ\x00"), make([]byte, 100)...), "packed with xz"},
		{"prose", []byte(text), "no known format"},
		{"prose, packed", gz(t, []byte(text)), "no known format"},
		{"zeros", make([]byte, 50000), "no known format"},
		{"ones", bytes.Repeat([]byte{0xFF}, 50000), "no known format"},
		{"one octet", []byte{0}, "no known format"},
		{"JSON of somebody else", []byte(`{"colour": "red"}` + "\n"), "no known format"},
		{"BMP of no length", bytes.Repeat([]byte{3, 0, 0, 0, 0, 0}, 100), "no known format"},
		{"gzip, damaged at once", []byte("\x1f\x8b\x08"), "nothing of it can be unpacked"},
		{"MRT of an impossible length", slices.Concat(record(t0, 2)[:8], u32(-1), make([]byte, 1000)), "no known format"},
		{"MRT without one record", record(t0, 2)[:50], "not one record"},
		{"RIS Live without one message", []byte(`{"type":"ris_message","data":` + strings.Repeat("[", 100000) + "\n"), "not one record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			in := r.file("some-file", c.content)
			_, err := r.read(in)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says == "" && len(r.events) == 0:
				t.Error("nothing was read")
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), in.Name)):
				t.Errorf("error %v, want %q and the name of the file", err, c.says)
			}
		})
	}
}

// TestEmpty: an empty input is no fault, but told.
func TestEmpty(t *testing.T) {
	for _, content := range [][]byte{nil, gz(t, nil), zst(t, nil), []byte("\n \n")} {
		r := newRig(t)
		var told error
		r.deps.Report = func(p archive.Problem) { told = p }
		stats, err := r.read(r.file("empty", content))
		if err != nil || !errors.Is(told, archive.ErrEmpty) || stats.Messages != 0 {
			t.Errorf("%q: %v, told %v, counted %+v", content, err, told, stats.Tally)
		}
	}
}

// TestOpen: a directory stands for its files in the order of their names, a dash for standard input.
func TestOpen(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"b", "a.gz", "sub/c", ".hidden", ".git/x"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inputs, err := archive.Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, in := range inputs {
		names = append(names, strings.TrimPrefix(in.Name, root+"/"))
		if in.Size != 5 {
			t.Errorf("%s: %d octets", in.Name, in.Size)
		}
	}
	if want := []string{"a.gz", "b", "sub/c"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	for _, path := range []string{filepath.Join(root, "missing"), t.TempDir()} {
		if _, err := archive.Open(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	r := newRig(t)
	stdin, err := archive.Open("-", bytes.NewReader(records(t0, 2)))
	if err != nil {
		t.Fatal(err)
	}
	if stats, err := r.read(stdin...); err != nil || stats.Updates != 2 {
		t.Errorf("standard input: %+v, %v", stats, err)
	}
}

// TestVanished: a file that can't be opened when its turn comes makes an error, and the others are read.
func TestVanished(t *testing.T) {
	r := newRig(t)
	gone, there := r.file("gone", records(t0, 1)), r.file("there", records(t0, 1))
	if err := os.Remove(gone.Name); err != nil {
		t.Fatal(err)
	}
	stats, err := r.read(gone, there)
	if err == nil || !strings.Contains(err.Error(), gone.Name) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if stats.Updates != 1 {
		t.Errorf("counted %+v", stats.Tally)
	}
}
