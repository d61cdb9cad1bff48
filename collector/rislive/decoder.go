package rislive

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// MaxLine is the longest message that is read. The largest BGP message, 65,535 octets with its decoded form beside it, stays below.
const MaxLine = 1 << 20

// maxPeers bounds how many peers a feed may name; RIS has some thousands.
const maxPeers = 1 << 16

// Malformed is a message that could not be read. It was counted; its stream goes on.
type Malformed struct{ Err error }

// Error says what is wrong.
func (m *Malformed) Error() string { return "malformed RIS Live message: " + m.Err.Error() }

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// PassedOver tells of an error that only one message was passed over; after any other, the stream has ended.
func PassedOver(err error) bool {
	var message *Malformed
	var update *collector.Malformed
	return errors.As(err, &message) || errors.As(err, &update)
}

// Decoder takes the messages of one stream in their order. Not for concurrent use.
type Decoder struct {
	in     *collector.Intake
	reg    *collector.Registry
	ignore map[netip.Addr]bool
	peers  map[string]*peer
	scan   scanner
	key    []byte // room for a key of peers
	raw    []byte // room for a BGP message
	sent   time.Time
	talk   string
}

// peer is a peer of one of RIPE's collectors.
type peer struct {
	vantage *collector.Vantage
	reader  collector.Reader
	ignored bool
}

// NewDecoder begins a stream. Messages of ignored peers are counted and go no further.
func NewDecoder(in *collector.Intake, reg *collector.Registry, ignore []netip.Addr) *Decoder {
	d := &Decoder{in: in, reg: reg, peers: make(map[string]*peer)}
	d.Ignore(ignore)
	return d
}

// Ignore sets which peers are ignored from now on.
func (d *Decoder) Ignore(peers []netip.Addr) {
	d.ignore = make(map[netip.Addr]bool)
	for _, a := range peers {
		d.ignore[a.Unmap()] = true
	}
	for _, p := range d.peers {
		p.ignored = d.ignore[p.vantage.Peer]
	}
}

// Sent is the time that the sender gave the newest message; zero when it gave none.
func (d *Decoder) Sent() time.Time { return d.sent }

// Talk gives what the server said of itself in the newest message, "" when it was none of that kind: an error, an acknowledgement.
func (d *Decoder) Talk() string { return d.talk }

// Vantages lists the vantages met so far, by their numbers.
func (d *Decoder) Vantages() []*collector.Vantage {
	var out []*collector.Vantage
	for _, p := range d.peers {
		out = append(out, p.vantage)
	}
	slices.SortFunc(out, func(a, b *collector.Vantage) int { return int(a.ID) - int(b.ID) })
	return slices.CompactFunc(out, func(a, b *collector.Vantage) bool { return a.ID == b.ID })
}

// Line takes one message, with or without its envelope; an empty line is nothing. What has no credible time of its own gets that of its arrival.
// It returns a *Malformed or a *collector.Malformed for a message that was passed over, and any other error when the stream must end.
func (d *Decoder) Line(ctx context.Context, line []byte, arrived time.Time) error {
	if len(line) == 0 || line[0] != '{' && len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	d.in.Tally.Messages++
	d.sent, d.talk = time.Time{}, ""
	if len(line) > MaxLine {
		d.in.Tally.Malformed++
		return &Malformed{fmt.Errorf("%d octets; the longest that is read has %d", len(line), MaxLine)}
	}
	if d.scan.scan(line, d.in.Screen) {
		if done, err := d.quick(ctx, arrived); done {
			return err
		}
	}
	return d.slow(ctx, line, arrived)
}

// quick deals with what the scanner has seen through; done is false when the message must be decoded.
func (d *Decoder) quick(ctx context.Context, arrived time.Time) (done bool, err error) {
	s := &d.scan
	if s.wrapped && string(s.get(memberEnvelope)) != "ris_message" {
		return false, nil
	}
	switch string(s.kind()) {
	case "OPEN", "NOTIFICATION", "KEEPALIVE":
		d.sent, _ = parseTime(s.get(memberTimestamp))
		return true, nil
	case "UPDATE":
	default:
		return false, nil
	}
	if raw := s.get(memberRaw); len(raw) > 0 {
		return d.rawUpdate(ctx, raw, arrived)
	}
	if s.touches || s.announced > 0 && (s.ours || !s.hops) {
		return false, nil
	}
	p, err := d.peer(s.get(memberPeer), s.get(memberASN), s.get(memberHost))
	if err != nil {
		return false, nil
	}
	t := d.time(s.get(memberTimestamp), arrived)
	if p.ignored {
		d.count(s.announced + s.withdrawn)
		return true, nil
	}
	err = d.in.Decoded(ctx, p.vantage, t, nil) // counts an update without routes, and lets its vantage be heard
	d.in.Tally.Prefixes += uint64(s.announced + s.withdrawn)
	return true, err
}

// count counts an update that goes no further.
func (d *Decoder) count(prefixes int) {
	d.in.Tally.Updates++
	d.in.Tally.Prefixes += uint64(prefixes)
	d.in.Tally.Skipped++
}

// rawUpdate reads the BGP message itself, which says more than its decoded form: large communities, sets as they stood. A message that can't be
// read from it is read from the decoded form.
func (d *Decoder) rawUpdate(ctx context.Context, raw []byte, arrived time.Time) (done bool, err error) {
	s := &d.scan
	body, ok := d.body(raw)
	if !ok {
		return false, nil
	}
	p, err := d.peer(s.get(memberPeer), s.get(memberASN), s.get(memberHost))
	if err != nil {
		return false, nil
	}
	if p.ignored {
		d.count(s.announced + s.withdrawn)
		return true, nil
	}
	before := d.in.Tally
	err = d.in.Update(ctx, p.vantage, d.time(s.get(memberTimestamp), arrived), body, &p.reader)
	if bad, _ := err.(*collector.Malformed); bad != nil && bad.Class == route.Unreadable && s.announced+s.withdrawn > 0 {
		d.in.Tally = before
		d.in.Tally.Redecoded++
		return false, nil
	}
	return true, err
}

// body decodes the octets of an UPDATE and gives what follows its header.
func (d *Decoder) body(raw []byte) ([]byte, bool) {
	const header = 19
	n := hex.DecodedLen(len(raw))
	if n < header || n > math.MaxUint16 {
		return nil, false
	}
	d.raw = slices.Grow(d.raw[:0], n)[:n]
	if _, err := hex.Decode(d.raw, raw); err != nil || int(d.raw[16])<<8|int(d.raw[17]) != n || d.raw[18] != 2 {
		return nil, false
	}
	return d.raw[header:], true
}

// peer finds the peer of a message, registering its vantage when it is new.
func (d *Decoder) peer(address, asn, host []byte) (*peer, error) {
	d.key = append(append(append(append(append(d.key[:0], address...), ' '), asn...), ' '), host...)
	if p := d.peers[string(d.key)]; p != nil {
		return p, nil
	}
	id, ok := parsePeer(address, asn)
	switch {
	case !ok:
		return nil, fmt.Errorf("peer %q of AS %q: an address and a number are needed", clip(address), clip(asn))
	case len(d.peers) >= maxPeers:
		return nil, errors.New("the feed names more peers than are believed")
	}
	p := &peer{vantage: d.reg.Register(collector.Vantage{
		Key:   collector.Key{Source: "rislive", Router: string(host), Peer: id.address, PeerAS: id.asn},
		Scope: collector.External, Local: id.asn,
	})}
	p.reader.Trial, p.reader.Local, p.ignored = true, id.asn, d.ignore[id.address]
	d.peers[string(d.key)] = p
	return p, nil
}

type peerID struct {
	address netip.Addr
	asn     route.ASN
}

func parsePeer(address, asn []byte) (id peerID, ok bool) {
	if id.asn, ok = parseASN(asn); !ok {
		return id, false
	}
	if id.address, ok = parse4(address); ok {
		return id, true
	}
	id.address, ok = parse6(address)
	id.address = id.address.Unmap()
	return id, ok
}

// parseASN reads an AS number from its digits.
func parseASN(b []byte) (route.ASN, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return route.ASN(n), n <= math.MaxUint32
}

// clip shortens what a message said for an error.
func clip(b []byte) []byte { return b[:min(len(b), 60)] }

// earliest is the first credible time of a message, 1990: what is older is no time.
const earliest = 631152000

// time gives the sender's time of a message, or that of its arrival when the sender gave none.
func (d *Decoder) time(text []byte, arrived time.Time) time.Time {
	t, ok := parseTime(text)
	d.sent = t
	if !ok {
		return arrived
	}
	return t
}

// parseTime reads seconds with a fraction, digit by digit: a float would not keep it.
func parseTime(b []byte) (time.Time, bool) {
	var sec, nsec int64
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if sec = 10*sec + int64(b[i]-'0'); sec > math.MaxUint32 {
			return time.Time{}, false
		}
	}
	if i < len(b) && b[i] == '.' {
		unit := int64(1e8)
		for i++; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			nsec += unit * int64(b[i]-'0')
			unit /= 10
		}
	}
	if i < len(b) || sec < earliest {
		return time.Time{}, false
	}
	return time.Unix(sec, nsec).UTC(), true
}

// Time finds the time of a message without reading the rest of it; false when it has no credible one.
func Time(line []byte) (time.Time, bool) {
	const key = `"timestamp"`
	at := bytes.Index(line, []byte(key))
	if at < 0 {
		return time.Time{}, false
	}
	b := bytes.TrimLeft(line[at+len(key):], ": \t")
	end := 0
	for end < len(b) && (b[end] == '.' || b[end] >= '0' && b[end] <= '9') {
		end++
	}
	return parseTime(b[:end])
}
