package openbmp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/bmp"
)

// What can be wrong with a frame.
var (
	ErrNoFrame = errors.New("it begins with no OpenBMP header")
	ErrVersion = errors.New("its OpenBMP header is not of version 1")
	ErrHeader  = errors.New("its OpenBMP header contradicts itself")
	ErrCut     = errors.New("it ends before its OpenBMP header says")
	ErrTooLong = fmt.Errorf("its OpenBMP header claims more than %d octets", MaxFrame)
)

// Limits of a frame: its BMP message, and the header in front, which of the binary kind has two names of at most 64 KiB.
const (
	maxHeader = 1 << 16
	MaxFrame  = bmp.MaxFrame + maxHeader
)

// The binary header: what all have, and how long it is with everything that a router adds but the names.
const (
	magic      = "OBMP"
	fixedLen   = 40 // up to the length of the collector's administrative name
	routerLen  = 34 // hash, address, and the length of the group's name
	typeRaw    = 12 // a BMP message
	flagRouter = 0x80
	flagIPv6   = 0x40
)

// textMagic begins the text header.
const textMagic = "V: "

// identity is which router a message is from, by which collector.
type identity struct {
	collector, router [16]byte
	ip                netip.Addr
}

// header is what the header of a frame says. Its slices point into the frame.
type header struct {
	identity
	raw   bool      // the body holds BMP messages of a router
	time  time.Time // of the collector; zero when it tells none
	admin []byte    // the collector's name
	group []byte    // of routers
	body  []byte
}

// starts tells whether a frame may begin here.
func starts(b []byte) bool {
	if len(b) >= 5 && b[4] == 1 && string(b[:4]) == magic {
		return true
	}
	return len(b) >= 4 && string(b[:3]) == textMagic && b[3] >= '0' && b[3] <= '9'
}

// extent gives the lengths of a frame's header and body; zero and no error when more octets are needed to tell.
func extent(b []byte) (head, body int, err error) {
	switch {
	case len(b) >= 3 && string(b[:3]) == textMagic:
		return textExtent(b)
	case len(b) >= 4 && string(b[:4]) != magic, len(b) == 0:
		return 0, 0, ErrNoFrame
	case len(b) < 12:
		return 0, 0, nil
	case b[4] != 1:
		return 0, 0, ErrVersion
	}
	head = int(binary.BigEndian.Uint16(b[6:]))
	n := binary.BigEndian.Uint32(b[8:])
	switch {
	case head < fixedLen:
		return 0, 0, ErrHeader
	case n > bmp.MaxFrame:
		return 0, 0, ErrTooLong
	}
	return head, int(n), nil
}

// textExtent does the same for the text header, whose length is told by the line "L: ".
func textExtent(b []byte) (head, body int, err error) {
	const longest = 4096
	end := bytes.Index(b[:min(len(b), longest)], []byte("\n\n"))
	if end < 0 {
		if len(b) >= longest {
			return 0, 0, ErrHeader
		}
		return 0, 0, nil
	}
	for line := range strings.Lines(string(b[:end])) {
		value, ok := strings.CutPrefix(line, "L:")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
		switch {
		case err != nil:
			return 0, 0, ErrHeader
		case n > bmp.MaxFrame:
			return 0, 0, ErrTooLong
		}
		return end + 2, int(n), nil
	}
	return 0, 0, ErrHeader
}

// parse reads a frame. Octets behind it are left. With ErrCut, the header is there all the same.
func parse(b []byte) (h header, err error) {
	head, body, err := extent(b)
	switch {
	case err != nil:
		return h, err
	case head == 0 && !starts(b):
		return h, ErrNoFrame
	case head == 0 || head > len(b):
		return h, ErrCut
	}
	if b[0] == magic[0] {
		err = h.binary(b[:head])
	} else {
		err = h.text(string(b[:head]))
	}
	if err != nil {
		return h, err
	}
	if head+body > len(b) {
		return h, ErrCut
	}
	h.body = b[head : head+body]
	return h, nil
}

// earliest is the first credible time of a message, 1990: what is older is no time.
const earliest = 631152000

func (h *header) binary(b []byte) error {
	sec, usec := binary.BigEndian.Uint32(b[14:]), binary.BigEndian.Uint32(b[18:])
	if sec >= earliest {
		h.time = time.Unix(int64(sec), int64(min(usec, 999_999))*1000).UTC()
	}
	h.collector = [16]byte(b[22:])
	flags, kind := b[12], b[13]
	b = b[fixedLen-2:]
	var ok bool
	if h.admin, b, ok = name(b); !ok {
		return ErrHeader
	}
	if flags&flagRouter == 0 || kind != typeRaw {
		return nil
	}
	if len(b) < routerLen {
		return ErrHeader
	}
	h.router = [16]byte(b)
	// An IPv4 address stands in the first four octets, and not in the last four as in an IPv4-mapped one.
	if flags&flagIPv6 != 0 {
		h.ip = netip.AddrFrom16([16]byte(b[16:])).Unmap()
	} else {
		h.ip = netip.AddrFrom4([4]byte(b[16:]))
	}
	if h.group, _, ok = name(b[routerLen-2:]); !ok {
		return ErrHeader
	}
	h.raw = true
	return nil
}

// name takes a name with its length in front off.
func name(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// text reads lines of "KEY: value". Those of the parsed feeds have other types, or no router.
func (h *header) text(s string) error {
	kind, router := "bmp_raw", false
	for line := range strings.Lines(s) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "V":
			if major, _, _ := strings.Cut(value, "."); major != "1" {
				return ErrVersion
			}
		case "C_HASH_ID":
			h.collector = digest(value)
		case "R_HASH":
			h.router, router = digest(value), true
		case "R_IP":
			ip, _ := netip.ParseAddr(value)
			h.ip = ip.Unmap().WithZone("")
			router = router || ip.IsValid()
		case "T":
			kind = value
		}
	}
	h.raw = router && kind == "bmp_raw"
	return nil
}

// digest reads a hash of 32 hexadecimal digits; any other text stands for itself, as far as it goes.
func digest(s string) (out [16]byte) {
	if b, err := hex.DecodeString(s); err == nil && len(b) == len(out) {
		return [16]byte(b)
	}
	copy(out[:], s)
	return out
}

// Time gives the time of a frame without handing it on: that of the peer in its first BMP message, else the collector's; false when it has neither.
func Time(frame []byte) (time.Time, bool) {
	h, err := parse(frame)
	if err != nil {
		return time.Time{}, false
	}
	const stamp, initiation, termination = 6 + 34, 4, 5 // RFC 7854 sections 4.1 and 4.2
	if b := h.body; h.raw && len(b) >= stamp+8 && b[5] != initiation && b[5] != termination {
		if sec := binary.BigEndian.Uint32(b[stamp:]); sec != 0 {
			return time.Unix(int64(sec), int64(min(binary.BigEndian.Uint32(b[stamp+4:]), 999_999))*1000).UTC(), true
		}
	}
	return h.time, !h.time.IsZero()
}
