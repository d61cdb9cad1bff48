package rtrcache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/osrg/gobgp/v3/pkg/packet/rtr"
)

const (
	headerLen = 8
	// maxPDU bounds what a router may send. Its queries have 8 or 12 octets; only an Error Report, which carries a PDU and a text, is longer.
	maxPDU = 4096
	// maxVersion is the newest protocol version spoken (RFC 8210).
	maxVersion = 1
	// unexpectedVersion is the error code 8 of RFC 8210 section 12, which the packet library does not know.
	unexpectedVersion = 8
	endOfDataV1Len    = 24
)

// pdu is one message from a router, whole: header and body.
type pdu []byte

func (p pdu) version() uint8  { return p[0] }
func (p pdu) kind() uint8     { return p[1] }
func (p pdu) session() uint16 { return binary.BigEndian.Uint16(p[2:]) }
func (p pdu) serial() uint32  { return binary.BigEndian.Uint32(p[headerLen:]) }

var errPDULength = errors.New("the length field of the PDU is impossible")

// readPDU reads one message. With errPDULength, what was read of it comes along, to be quoted in the Error Report.
func readPDU(r io.Reader) (pdu, error) {
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[4:])
	if n < headerLen || n > maxPDU {
		return head, errPDULength
	}
	whole := append(head, make([]byte, n-headerLen)...)
	_, err := io.ReadFull(r, whole[headerLen:])
	return whole, err
}

// failure is an Error Report to be sent, after which the session ends.
type failure struct {
	code uint16
	text string
	pdu  pdu
}

func (f *failure) Error() string { return fmt.Sprintf("error %d: %s", f.code, f.text) }

// answer collects the PDUs of one reply, so that they go out in one write.
type answer struct {
	version uint8
	session uint16
	buf     []byte
}

func (a *answer) add(m rtr.RTRMessage) {
	// Serialize of these types only copies fields and has no way to fail.
	b, _ := m.Serialize()
	b[0] = a.version
	a.buf = append(a.buf, b...)
}

func (a *answer) cacheResponse() { a.add(rtr.NewRTRCacheResponse(a.session)) }

// cacheReset is the answer to a question that the cache cannot answer by a difference (RFC 8210 section 5.9).
func (a *answer) cacheReset() { a.add(rtr.NewRTRCacheReset()) }

func (a *answer) prefixes(vrps vrpSet, flags uint8) {
	for _, v := range vrps {
		a.add(rtr.NewRTRIPPrefix(v.Prefix.Addr().AsSlice(), uint8(v.Prefix.Bits()), uint8(v.MaxLength), v.ASN, flags))
	}
}

// endOfData ends a reply. Version 1 carries three timers behind the serial number (RFC 8210 section 5.8), version 0 does not.
func (a *answer) endOfData(serial uint32, t Timers) {
	start := len(a.buf)
	a.add(rtr.NewRTREndOfData(a.session, serial))
	if a.version == 0 {
		return
	}
	binary.BigEndian.PutUint32(a.buf[start+4:], endOfDataV1Len)
	for _, d := range []uint32{seconds(t.Refresh), seconds(t.Retry), seconds(t.Expire)} {
		a.buf = binary.BigEndian.AppendUint32(a.buf, d)
	}
}

func (a *answer) failed(f *failure) {
	if report := rtr.NewRTRErrorReport(f.code, f.pdu, []byte(f.text)); report != nil {
		a.add(report)
	}
}
