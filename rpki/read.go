package rpki

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Skipped tells of entries that a file has and that could not be used. One bad entry does not cost the others.
type Skipped struct {
	Count int
	First []string // what is wrong with the first few, each with its place
}

const (
	skippedShown = 10
	entrySize    = 100 // octets of JSON to a VRP, in a full set of rpki-client
)

func (k *Skipped) add(format string, args ...any) {
	if k.Count++; len(k.First) < skippedShown {
		k.First = append(k.First, fmt.Sprintf(format, args...))
	}
}

// Load reads files of VRPs and, unless its name is empty, a file of SLURM exceptions, and builds their table. Entries that have
// expired at now are left out; with a zero now none are. One file that can't be read is an error, and there is no table then.
func Load(files []string, slurm string, now time.Time) (*Table, error) {
	var exceptions *SLURM
	if slurm != "" {
		var err error
		if exceptions, err = ReadSLURM(slurm); err != nil {
			return nil, err
		}
	}
	var sources []Source
	for _, name := range files {
		s, err := ReadFile(name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return Build(now, exceptions, sources...), nil
}

// ReadFile reads VRPs and ASPAs as rpki-client, Routinator, StayRTR and their kin write them: JSON with a list of roas, a bare list
// of such entries, or CSV; plain or compressed with gzip, bzip2 or zstd. Where the data do not say when they were generated, the
// modification time of the file stands for it.
//
// Entries that are wrong in themselves are counted in Skipped. The error, which names the file, says that it can't be opened,
// is cut off or of another format, or that not one entry of it can be used.
func ReadFile(name string) (Source, error) {
	f, err := os.Open(name)
	if err != nil {
		return Source{}, fmt.Errorf("can't read VRPs: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Source{}, fmt.Errorf("can't tell the age of the VRPs: %w", err)
	}
	s, err := read(f, name, info.Size())
	if err != nil {
		return Source{}, err
	}
	if s.Generated.IsZero() {
		s.Generated = info.ModTime().UTC()
	}
	return s, nil
}

// Read reads what ReadFile reads from a stream; name is what errors call it. Generated stays zero where the data do not tell.
func Read(r io.Reader, name string) (Source, error) {
	return read(r, name, 0)
}

// read makes room for as many VRPs as a file of a size can be expected to hold: without, half of the time of a full set goes into
// moving what is there already.
func read(r io.Reader, name string, size int64) (Source, error) {
	in, err := unpacked(bufio.NewReaderSize(r, scanWindow))
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	s := Source{Name: name}
	b := NewBuilder()
	b.reserve(int(min(size/entrySize, 2_000_000)))
	first, err := firstOctet(in)
	switch {
	case err != nil:
	case first == '{' || first == '[':
		err = readJSON(in, b, &s)
	default:
		err = readCSV(in, b, &s)
	}
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	if b.Len() == 0 && s.Skipped.Count > 0 {
		return Source{}, fmt.Errorf("%s: none of its %d entries can be used; the first: %s", name, s.Skipped.Count, s.Skipped.First[0])
	}
	s.Set = b.Set()
	return s, nil
}

// unpacked recognises compression by the first octets.
func unpacked(r *bufio.Reader) (*bufio.Reader, error) {
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var plain io.Reader
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		plain, err = gzip.NewReader(r)
	case bytes.HasPrefix(magic, []byte("BZh")):
		plain, err = bzip2.NewReader(r), nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		// Without goroutines of its own the decoder needs no closing.
		plain, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	default:
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(plain, scanWindow), nil
}

// firstOctet passes over a byte order mark and white space and gives what comes then, without taking it.
func firstOctet(r *bufio.Reader) (byte, error) {
	if mark, err := r.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		r.Discard(3)
	}
	for {
		c, err := r.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			return 0, errors.New("the file is empty; a set without VRPs would be {\"roas\": []}")
		case err != nil:
			return 0, err
		case bytes.IndexByte([]byte(" \t\r\n"), c[0]) < 0:
			return c[0], nil
		}
		r.Discard(1)
	}
}
