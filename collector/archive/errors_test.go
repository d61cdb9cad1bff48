package archive_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anywatch/collector/archive"
)

// TestErrorTexts: what can't be read is said with what it is, where, and what to do, word for word. FILE stands for the path.
func TestErrorTexts(t *testing.T) {
	plain := records(t0, 3)
	n := len(record(t0, 2))
	packed, err := base64.StdEncoding.DecodeString(bz2)
	if err != nil {
		t.Fatal(err)
	}
	zipped := gz(t, plain)
	damaged := bytes.Clone(packed)
	damaged[len(damaged)/2] ^= 0x10
	for _, c := range []struct {
		name    string
		content []byte
		errs    string   // what Read gives
		reports []string // what is told of the parts
	}{
		{"prose", []byte("routes\n"), "input FILE: its content is of no known format: " +
			"MRT, raw BMP streams, OpenBMP frames, and JSON lines of RIS Live and ExaBGP are read, plain or packed with gzip, bzip2 or zstd", nil},
		{"xz", []byte("\xfd7zXZ\x00 and so on"), "input FILE: it is packed with xz, which is not read; unpack it first, or pack it with gzip, bzip2 or zstd", nil},
		{"a capture", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00 and so on"),
			"input FILE: it is a packet capture: extract what the router sent over TCP first, for instance with tshark -r FILE -q -z follow,tcp,raw,0", nil},
		{"MRT without a record", record(t0, 2)[:50], "input FILE: it looks like MRT, but not one record of it can be read",
			[]string{"FILE: at octet 0: 50 octets can't be read: they are no record, or one that is cut"}},
		{"empty", nil, "", []string{"FILE: it is empty"}},
		{"MRT that is cut", plain[:2*n+40], "", []string{fmt.Sprintf("FILE: at octet %d: 40 octets can't be read: they are no record, or one that is cut", 2*n)}},
		{"noise in MRT", slices.Concat(plain, make([]byte, 77), plain), "", []string{fmt.Sprintf("FILE: at octet %d: 77 octets can't be read: they are no record, or one that is cut", 3*n)}},
		{"gzip that is cut between records", cut(gz(t, plain)), "", []string{fmt.Sprintf("FILE: at octet %d: gzip: unexpected EOF; the file is cut: get it again", 3*n)}},
		{"gzip that is cut in a record", gzOf(zipped, plain, n+40), "", []string{fmt.Sprintf("FILE: at octet %d: 40 octets can't be read: the input ends in them: gzip: unexpected EOF; the file is cut: get it again", n)}},
		{"gzip that is cut at once", zipped[:5], "input FILE: nothing of it can be unpacked: gzip: unexpected EOF; the file is cut: get it again", nil},
		{"gzip with a wrong checksum", wrong(zipped), "", []string{fmt.Sprintf("FILE: at octet %d: gzip: invalid checksum; the file is damaged: get it again", 3*n)}},
		{"gzip that is cut, in zstd", zst(t, cut(zipped)), "", []string{fmt.Sprintf("FILE: at octet %d: gzip: unexpected EOF; the file is cut: get it again", 3*n)}},
		{"bzip2 that is cut", packed[:len(packed)-20], "input FILE: nothing of it can be unpacked: bzip2: block 1, which begins at octet 4 of the packed file: it is cut: unexpected EOF; the file is cut: get it again", nil},
		{"bzip2 whose second stream is cut", slices.Concat(packed, packed[:30]), "",
			[]string{fmt.Sprintf("FILE: at octet %d: bzip2: block 2, which begins at octet %d of the packed file: it is cut: unexpected EOF; the file is cut: get it again", 3*n, len(packed)+4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			in := r.file("file", c.content)
			_, err := r.read(in)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), in.Name, "FILE")
			}
			if got != c.errs {
				t.Errorf("error\n%q, want\n%q", got, c.errs)
			}
			var reports []string
			for _, p := range r.problems {
				reports = append(reports, strings.ReplaceAll(p, in.Name, "FILE"))
			}
			if !slices.Equal(reports, c.reports) {
				t.Errorf("reported\n%q, want\n%q", reports, c.reports)
			}
		})
	}
}

// TestPathErrorTexts does the same for what is not there.
func TestPathErrorTexts(t *testing.T) {
	root := t.TempDir()
	hidden := filepath.Join(root, "hidden")
	if err := os.Mkdir(hidden, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(hidden, ".x"), records(t0, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(root, "missing"): ": no such file or directory; give a file or a directory that exists, or - for standard input",
		hidden:                         ": the directory holds no files, or only some whose names begin with a dot, which are passed over; give one that does",
	} {
		_, err := archive.Open(path, nil)
		if err == nil || err.Error() != "input "+path+want {
			t.Errorf("got %v, want input %s%s", err, path, want)
		}
	}
	r := newRig(t)
	gone := r.file("gone", records(t0, 1))
	if err := os.Remove(gone.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := r.read(gone); err == nil || err.Error() != "input "+gone.Name+": no such file or directory; give a file or a directory that exists, or - for standard input" {
		t.Errorf("vanished: %v", err)
	}
}

// wrong changes the checksum of a gzip member.
func wrong(b []byte) []byte {
	out := bytes.Clone(b)
	out[len(out)-8] ^= 1
	return out
}

// gzOf packs so many octets with gzip without packing them, so that a cut leaves exactly them.
func gzOf(member, plain []byte, n int) []byte {
	header := member[:10]
	stored := slices.Concat([]byte{0, byte(len(plain)), byte(len(plain) >> 8), ^byte(len(plain)), ^byte(len(plain) >> 8)}, plain[:n])
	return slices.Concat(header, stored)
}
