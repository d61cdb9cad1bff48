package archive

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anywatch/collector/archive/bunzip"
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

func openBzip2(r io.Reader) (io.Reader, func(), error) {
	z := bunzip.NewReader(r)
	return z, z.Close, nil
}

func openZstd(r io.Reader) (io.Reader, func(), error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, err
	}
	return z, z.Close, nil
}

// unpack gives the content of what is stored. What is damaged from its first octet on gives an empty content that ends with the fault; an
// error means that the packing is not read at all.
func unpack(stored io.Reader) (*ahead, error) {
	content := readAhead(stored, "", nil, func() {})
	for range maxLayers {
		p, found := packed(content.peek())
		switch {
		case !found:
			return content, nil
		case p.open == nil:
			content.close()
			return nil, fmt.Errorf("it is packed with %s, which is not read; unpack it first, or pack it with gzip, bzip2 or zstd", p.name)
		}
		inner, closed, err := p.open(content)
		if err != nil {
			inner, closed = faulty{err}, func() {}
		}
		content = readAhead(inner, p.name, content, closed)
	}
	return content, nil
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
