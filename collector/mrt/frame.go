package mrt

import (
	"encoding/binary"
	"time"
)

// Record types (RFC 6396 section 4 and the older ones of its appendix B).
const (
	typeBGP         = 5
	typeOSPFv2      = 11
	typeTableDump   = 12
	typeTableDumpV2 = 13
	typeBGP4MP      = 16
	typeBGP4MPET    = 17
	typeISIS        = 32
	typeISISET      = 33
	typeOSPFv3      = 48
	typeOSPFv3ET    = 49
)

// headerSize is the length of the common header: timestamp, type, subtype, length (RFC 6396 section 2).
const headerSize = 12

// MaxRecord is the longest record that is believed, header included. The longest real ones, table entries of more than a thousand peers, have
// a few hundred thousand octets.
const MaxRecord = 4 << 20

// Window is how many octets Split may need to see at once: a record, another one inside its claimed extent that may reach out of it, and one after
// that.
const Window = 3*MaxRecord + 2*headerSize

// earliest is the first credible timestamp, 1990: BGP is hardly older, and zeros or text read as a time before it.
const earliest = 631152000

// Split finds the first record in b: skip octets before it are none, size octets are the record, header included. Size zero means that more
// octets are needed, or, when b goes to the end of the input, that nothing more can be read; either way skip octets can be given up.
//
// A record is believed when its header is credible and the next header too. When they contradict each other, the records found inside
// the first one's claimed extent decide: then its length is wrong; otherwise the noise comes after it. What is found behind noise must look like
// a record in its body, too.
func Split(b []byte, end bool) (skip, size int) {
	v, size := judge(b, end)
	switch {
	case v == credible:
		return 0, size
	case v == unsure:
		return 0, 0
	case size > 0 && size <= len(b):
		at, inner := search(b, size, end)
		switch {
		case inner > 0:
			return at, inner
		case at < size:
			return 0, 0 // whether there is an inner one takes more octets to tell
		}
		return 0, size
	}
	return search(b, len(b), end)
}

// Credible tells whether b begins with the header of an MRT record, whatever follows it.
func Credible(b []byte) bool {
	_, ok := header(b)
	return ok
}

// search finds the first credible record that begins after the first octet and before the limit; skip is the limit when there is none, and
// size zero when more octets are needed.
func search(b []byte, limit int, end bool) (skip, size int) {
	for skip = 1; skip < limit; skip++ {
		if !telling(b[skip:]) {
			continue
		}
		v, size := judge(b[skip:], end)
		switch {
		case v == unsure:
			return skip, 0
		case v == noRecord || !plausible(b[skip:skip+size]):
		case skip+headerSize > limit && limit < len(b) && !near(b, b[skip:]):
			// Its header lies across the end of the record before: either that one lost some octets, or this one did, of its own beginning. The
			// time tells: with octets of another record in it, it is far away.
		default:
			return skip, size
		}
	}
	return limit, 0
}

// near tells whether two headers are of times that are half a day apart at most.
func near(a, b []byte) bool {
	const halfDay = 12 * 60 * 60
	apart := int64(binary.BigEndian.Uint32(a)) - int64(binary.BigEndian.Uint32(b))
	return -halfDay <= apart && apart <= halfDay
}

// plausible tells whether the body of a record of a telling type looks like one.
func plausible(record []byte) bool {
	typ, subtype, b := binary.BigEndian.Uint16(record[4:]), binary.BigEndian.Uint16(record[6:]), record[headerSize:]
	var err error
	switch {
	case typ == typeBGP4MPET && len(b) < 4:
		return false
	case typ == typeBGP4MPET:
		return plausibleSession(subtype, b[4:])
	case typ == typeBGP4MP:
		return plausibleSession(subtype, b)
	case typ == typeTableDump && (subtype == dumpIPv4 || subtype == dumpIPv4AS4):
		return len(b) > 22 && b[8] <= 32
	case typ == typeTableDump:
		return len(b) > 46 && b[20] <= 128
	case typ == typeTableDumpV2 && (subtype == ribIPv4Unicast || subtype == ribIPv4UnicastPath):
		_, _, _, err = cutRoute(b[min(4, len(b)):], afiIPv4, safiUnicast)
	case typ == typeTableDumpV2 && (subtype == ribIPv6Unicast || subtype == ribIPv6UnicastPath):
		_, _, _, err = cutRoute(b[min(4, len(b)):], afiIPv6, safiUnicast)
	case typ == typeTableDumpV2 && subtype == peerIndexTable:
		return len(b) >= 8 && len(b) >= 8+int(binary.BigEndian.Uint16(b[4:]))
	}
	return err == nil
}

func plausibleSession(subtype uint16, b []byte) bool {
	var wide bool
	switch subtype {
	case snapshot:
		return true
	case messageAS4, stateChangeAS4, messageAS4Local, messageAS4AddPath, messageAS4LocalAddPath:
		wide = true
	}
	_, rest, err := openSession(b, wide)
	return err == nil && len(rest) >= 4
}

// telling looks for the types that hold routes, which are hardly met by chance; the others have numbers that are small enough to be met in
// any zeros. Where the octets end, anything may follow.
func telling(b []byte) bool {
	if len(b) < headerSize {
		return true
	}
	switch typ := binary.BigEndian.Uint16(b[4:]); typ {
	case typeTableDump, typeTableDumpV2, typeBGP4MP, typeBGP4MPET:
		return true
	}
	return false
}

// verdict is what can be said of a place where a record may begin.
type verdict uint8

const (
	noRecord verdict = iota // no record, or one that the octets after it contradict
	unsure                  // more octets are needed to tell
	credible                // a record, and another header or the end of the input after it
)

// judge looks at a header and at the one after it. The size is that of the record that the first header claims, zero when it is none.
func judge(b []byte, end bool) (v verdict, size int) {
	size, ok := header(b)
	switch {
	case len(b) < headerSize && !end:
		return unsure, 0
	case !ok:
		return noRecord, 0
	}
	return follows(b, size, end), size
}

// follows tells whether a record of this size is followed by another one, or by the end. Headers of types that are easily met by chance must be
// followed by one more.
func follows(b []byte, size int, end bool) verdict {
	for range 2 {
		switch {
		case size == len(b) && end:
			return credible
		case len(b) < size+headerSize && end:
			return noRecord
		case len(b) < size+headerSize:
			return unsure
		}
		next, ok := header(b[size:])
		if !ok {
			return noRecord
		}
		if telling(b[size:]) {
			return credible
		}
		size += next
	}
	return credible
}

// header gives the size of the record that a header announces; false when its time, type, subtype or length is not credible.
func header(b []byte) (size int, ok bool) {
	if len(b) < headerSize {
		return 0, false
	}
	length := binary.BigEndian.Uint32(b[8:])
	if length > MaxRecord-headerSize || binary.BigEndian.Uint32(b) < earliest {
		return 0, false
	}
	if !known(binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])) {
		return 0, false
	}
	return headerSize + int(length), true
}

// known tells whether the subtype is defined for the type, or the type at all.
func known(typ, subtype uint16) bool {
	switch typ {
	case typeBGP4MP, typeBGP4MPET:
		return subtype <= messageAS4LocalAddPath
	case typeTableDumpV2:
		return subtype >= peerIndexTable && subtype <= ribGenericAddPath
	case typeTableDump:
		return subtype >= dumpIPv4 && subtype <= dumpIPv6AS4
	case typeOSPFv2, typeISIS, typeISISET, typeOSPFv3, typeOSPFv3ET:
		return subtype <= 1
	}
	return typ < typeOSPFv2 && subtype <= 7 // the deprecated types of RFC 6396 appendix B
}

// Time gives the time of a whole record, with microseconds where the type has them (RFC 6396 section 3).
func Time(record []byte) time.Time {
	sec := int64(binary.BigEndian.Uint32(record))
	switch binary.BigEndian.Uint16(record[4:]) {
	case typeBGP4MPET, typeISISET, typeOSPFv3ET:
		if len(record) >= headerSize+4 {
			if micro := int64(binary.BigEndian.Uint32(record[headerSize:])); micro < 1e6 {
				return time.Unix(sec, micro*1000).UTC()
			}
		}
	}
	return time.Unix(sec, 0).UTC()
}
