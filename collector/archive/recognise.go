package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"anywatch/collector/bmp"
	"anywatch/collector/mrt"
	"anywatch/collector/openbmp"
)

// Format is what an input holds.
type Format string

// The formats that are read.
const (
	MRT     Format = "MRT"
	RISLive Format = "RIS Live JSON lines"
	BMP     Format = "BMP"
	OpenBMP Format = "OpenBMP frames"
	ExaBGP  Format = "ExaBGP JSON lines"
)

// ErrEmpty tells that there is nothing in an input: no fault, but perhaps not what was meant.
var ErrEmpty = errors.New("it is empty")

// sniffSize is how much of an input is looked at to tell its format.
const sniffSize = 64 << 10

const accepted = "MRT, raw BMP streams, OpenBMP frames, and JSON lines of RIS Live and ExaBGP are read, plain or packed with gzip, bzip2 or zstd"

// recognise tells the format from the first octets; end says that they are all there are. The error says what it is instead, if that is known,
// and what to do.
func recognise(b []byte, end bool) (Format, error) {
	if len(bytes.TrimSpace(b)) == 0 && end {
		return "", ErrEmpty
	}
	if name, advice := foreign(b); name != "" {
		return "", fmt.Errorf("it is %s: %s", name, advice)
	}
	switch {
	case mrt.Credible(b):
		return MRT, nil
	case bmpHeader(b, 3):
		return BMP, nil
	case openbmp.Credible(b):
		return OpenBMP, nil
	case bmpHeader(b, 4):
		return "", fmt.Errorf("it is a BMP stream of version 4: %w", bmp.ErrVersion4)
	}
	if format := lines(b); format != "" {
		return format, nil
	}
	if _, size := mrt.Split(b, end); size > 0 { // records behind a damaged beginning
		return MRT, nil
	}
	return "", fmt.Errorf("its content is of no known format: %s", accepted)
}

// foreign knows formats that are told apart by their first octets and not read.
func foreign(b []byte) (name, advice string) {
	const capture = "extract what the router sent over TCP first, for instance with tshark -r FILE -q -z follow,tcp,raw,0"
	for _, f := range []struct{ magic, name, advice string }{
		{"\xa1\xb2\xc3\xd4", "a packet capture", capture},
		{"\xd4\xc3\xb2\xa1", "a packet capture", capture},
		{"\xa1\xb2\x3c\x4d", "a packet capture", capture},
		{"\x4d\x3c\xb2\xa1", "a packet capture", capture},
		{"\x0a\x0d\x0d\x0a", "a packet capture", capture},
		{"\x89PNG", "a picture", accepted},
	} {
		if strings.HasPrefix(string(b[:min(len(b), 8)]), f.magic) {
			return f.name, f.advice
		}
	}
	return "", ""
}

// bmpHeader tells whether a BMP message of a version begins here, and another one after it as far as that can be seen.
func bmpHeader(b []byte, version byte) bool {
	const size, types = 6, 7
	sane := func(b []byte) bool {
		if len(b) < size || b[0] != version {
			return false
		}
		n := binary.BigEndian.Uint32(b[1:])
		return n >= size && n <= bmp.MaxFrame && b[5] < types
	}
	if !sane(b) {
		return false
	}
	n := int(binary.BigEndian.Uint32(b[1:]))
	return len(b) < n+size || sane(b[n:])
}

// lines looks for JSON lines, by the keys that all lines of a format have.
func lines(b []byte) Format {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' {
			continue
		}
		has := func(key string) bool { return bytes.Contains(line, []byte(`"`+key+`"`)) }
		switch {
		case has("exabgp"):
			return ExaBGP
		case has("ris_message"), has("ris_error"), has("peer_asn") && has("timestamp"):
			return RISLive
		}
	}
	return ""
}
