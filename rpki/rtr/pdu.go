package rtr

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"

	wire "github.com/bgpfix/bgpfix/rtr"
)

const (
	headerSize = 8
	longestPDU = 64 << 10 // an ASPA with 16,000 providers; more is a fault of framing
	quoteSize  = 64       // how much of a bad PDU an Error Report quotes
)

// pdu is one message from the cache. Which fields count depends on the kind.
type pdu struct {
	version   byte
	kind      byte
	session   uint16 // in an Error Report the code of the error
	serial    uint32
	intervals intervals // of End of Data, zero in version 0
	announce  bool      // or withdraw
	vrp       rpki.VRP
	aspa      rpki.ASPA
	text      string // of an Error Report
}

// intervals are the cache's wishes about when to ask again (RFC 8210 section 6).
type intervals struct {
	refresh time.Duration // ask again this long after an End of Data
	retry   time.Duration // ask again this long after a query failed
	expire  time.Duration // use the data no longer than this after an End of Data
}

// bound is what an interval may be, in seconds.
type bound struct{ least, usual, most uint32 }

// RFC 8210 section 6.
var (
	refreshBound = bound{1, 3600, 86400}
	retryBound   = bound{1, 600, 7200}
	expireBound  = bound{600, 7200, 172800}
)

func (b bound) of(seconds uint32) time.Duration {
	return time.Duration(min(max(seconds, b.least), b.most)) * time.Second
}

// usualIntervals hold for version 0, which does not tell, and before the first End of Data.
func usualIntervals() intervals {
	return intervals{refreshBound.of(refreshBound.usual), retryBound.of(retryBound.usual), expireBound.of(expireBound.usual)}
}

// protocolError is a fault of the cache that ends the session; it is reported to the cache unless silent.
type protocolError struct {
	code uint16 // RFC 8210 section 12
	text string
	raw  []byte // the beginning of the PDU that has it
	aspa bool   // that is an ASPA
}

// Error says what the cache did wrong.
func (e *protocolError) Error() string { return "the cache breaks the protocol: " + e.text }

func corrupt(format string, args ...any) error {
	return &protocolError{code: wire.ErrCorruptData, text: fmt.Sprintf(format, args...)}
}

// readPDU reads one message. The error is that of the reader, or a *protocolError.
func readPDU(r *bufio.Reader) (pdu, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return pdu{}, err
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size < headerSize || size > longestPDU {
		return pdu{}, quoting(corrupt("a PDU of type %d gives its length as %d", head[1], size), head[:])
	}
	body := make([]byte, size-headerSize)
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return pdu{}, err
	}
	p := pdu{version: head[0], kind: head[1], session: binary.BigEndian.Uint16(head[2:])}
	if err := p.decode(body, head[2]); err != nil {
		return pdu{}, quoting(err, append(head[:], body...))
	}
	return p, nil
}

// quoting adds the PDU to an error about it.
func quoting(err error, raw []byte) error {
	if e, ok := err.(*protocolError); ok {
		e.raw = append([]byte(nil), raw[:min(len(raw), quoteSize)]...)
		e.aspa = raw[1] == wire.PDUAspa && len(raw) > headerSize
	}
	return err
}

func (p *pdu) decode(body []byte, flags byte) error {
	switch p.kind {
	case wire.PDUCacheResponse, wire.PDUCacheReset:
		return exactly(p.kind, body, 0)
	case wire.PDUSerialNotify:
		if err := exactly(p.kind, body, 4); err != nil {
			return err
		}
		p.serial = binary.BigEndian.Uint32(body)
		return nil
	case wire.PDUIPv4Prefix, wire.PDUIPv6Prefix:
		return p.decodePrefix(body)
	case wire.PDUEndOfData:
		return p.decodeEnd(body)
	case wire.PDUAspa:
		return p.decodeASPA(body, flags)
	case wire.PDUErrorReport:
		p.text = errorText(body)
		return nil
	case wire.PDURouterKey: // BGPsec, of no use here
		return nil
	}
	return &protocolError{code: wire.ErrUnsupPDUType, text: fmt.Sprintf("a cache does not send PDUs of type %d", p.kind)}
}

func exactly(kind byte, body []byte, size int) error {
	if len(body) != size {
		return corrupt("a PDU of type %d is %d octets long, where %d are right", kind, headerSize+len(body), headerSize+size)
	}
	return nil
}

// decodePrefix follows RFC 8210 sections 5.6 and 5.7.
func (p *pdu) decodePrefix(body []byte) error {
	size := 4
	if p.kind == wire.PDUIPv6Prefix {
		size = 16
	}
	if err := exactly(p.kind, body, 8+size); err != nil {
		return err
	}
	addr, _ := netip.AddrFromSlice(body[4 : 4+size])
	prefix, err := addr.Prefix(int(body[1]))
	if err != nil {
		return corrupt("a prefix of %s is %d bits long", addr, body[1])
	}
	p.announce = body[0]&wire.FlagAnnounce != 0
	p.vrp = rpki.VRP{Prefix: prefix, MaxLength: body[2], ASN: route.ASN(binary.BigEndian.Uint32(body[4+size:]))}
	if err := p.vrp.Check(); err != nil {
		return corrupt("%v", err)
	}
	return nil
}

// decodeEnd follows RFC 8210 section 5.8. Values outside of the bounds are taken as the nearest bound; an Expire interval must be
// longer than the two others.
func (p *pdu) decodeEnd(body []byte) error {
	if p.version == 0 {
		if err := exactly(p.kind, body, 4); err != nil {
			return err
		}
		p.serial, p.intervals = binary.BigEndian.Uint32(body), usualIntervals()
		return nil
	}
	if err := exactly(p.kind, body, 16); err != nil {
		return err
	}
	p.serial = binary.BigEndian.Uint32(body)
	p.intervals = intervals{
		refresh: refreshBound.of(binary.BigEndian.Uint32(body[4:])),
		retry:   retryBound.of(binary.BigEndian.Uint32(body[8:])),
		expire:  expireBound.of(binary.BigEndian.Uint32(body[12:])),
	}
	p.intervals.expire = max(p.intervals.expire, p.intervals.refresh+time.Second, p.intervals.retry+time.Second)
	return nil
}

// decodeASPA follows draft-ietf-sidrops-8210bis section 5.12: a withdrawal names no provider, and AS0 stands alone.
func (p *pdu) decodeASPA(body []byte, flags byte) error {
	if len(body) < 4 || len(body)%4 != 0 {
		return corrupt("an ASPA PDU is %d octets long", headerSize+len(body))
	}
	p.announce = flags&wire.FlagAnnounce != 0
	p.aspa.Customer = route.ASN(binary.BigEndian.Uint32(body))
	zero := false
	for rest := body[4:]; len(rest) > 0; rest = rest[4:] {
		provider := route.ASN(binary.BigEndian.Uint32(rest))
		zero = zero || provider == route.ASZero
		p.aspa.Providers = append(p.aspa.Providers, provider)
	}
	text := ""
	switch n := len(p.aspa.Providers); {
	case !p.announce && n > 0:
		text = fmt.Sprintf("the withdrawal of the ASPA of %s names providers", p.aspa.Customer)
	case p.announce && zero && n > 1:
		text = fmt.Sprintf("the ASPA of %s names AS0 beside other providers", p.aspa.Customer)
	case p.announce:
		if err := p.aspa.Check(); err != nil {
			text = err.Error()
		}
	}
	if text != "" {
		return &protocolError{code: wire.ErrASPAProvList, text: text}
	}
	return nil
}

// errorText finds the text of an Error Report (RFC 8210 section 5.11), as much of it as there is.
func errorText(body []byte) string {
	for range 2 { // first the PDU that is quoted, then the text
		if len(body) < 4 {
			return ""
		}
		n := int(min(binary.BigEndian.Uint32(body), uint32(len(body)-4)))
		if len(body) == 4+n {
			return string(body[4:])
		}
		body = body[4+n:]
	}
	return ""
}

// query gives a Serial Query, or a Reset Query when there is nothing to build on (RFC 8210 sections 5.3 and 5.4).
func query(version byte, full bool, session uint16, serial uint32) []byte {
	if full {
		return []byte{version, wire.PDUResetQuery, 0, 0, 0, 0, 0, headerSize}
	}
	b := []byte{version, wire.PDUSerialQuery}
	b = binary.BigEndian.AppendUint16(b, session)
	b = binary.BigEndian.AppendUint32(b, headerSize+4)
	return binary.BigEndian.AppendUint32(b, serial)
}

// report gives an Error Report about a PDU.
func report(version byte, e *protocolError) []byte {
	b := []byte{version, wire.PDUErrorReport}
	b = binary.BigEndian.AppendUint16(b, e.code)
	b = binary.BigEndian.AppendUint32(b, uint32(headerSize+4+len(e.raw)+4+len(e.text)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.raw)))
	b = append(b, e.raw...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.text)))
	return append(b, e.text...)
}

// older tells whether a serial number comes before another: they wrap around (RFC 1982 section 3.2).
func older(a, b uint32) bool { return int32(a-b) < 0 }
