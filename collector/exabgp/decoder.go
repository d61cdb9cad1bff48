package exabgp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// MaxLine is the longest line that is read. The largest BGP message, 65,535 octets in hexadecimal with its decoded form beside it, stays below.
const MaxLine = 1 << 20

// maxPeers bounds how many peers a feed may name; ExaBGP itself gets slow with some hundreds.
const maxPeers = 1 << 14

// Malformed is a line that could not be read. It was counted; its stream goes on.
type Malformed struct{ Err error }

// Error says what is wrong.
func (m *Malformed) Error() string { return "malformed ExaBGP line: " + m.Err.Error() }

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// PassedOver tells of an error that only one line was passed over; after any other, the stream has ended.
func PassedOver(err error) bool {
	var line *Malformed
	var update *collector.Malformed
	return errors.As(err, &line) || errors.As(err, &update)
}

// DecoderConfig says whose lines a decoder reads.
type DecoderConfig struct {
	Name string      // of the feed, the router of its vantages; "" takes the name of the host that each line tells, as files need it
	ASNs []route.ASN // ours: peers of these are of our own network
}

// Decoder takes the lines of one stream in their order. Not for concurrent use.
type Decoder struct {
	cfg   DecoderConfig
	in    *collector.Intake
	reg   *collector.Registry
	peers map[peerID]*peer
	order []*peer
	sent  time.Time
	raw   []byte // room for a BGP message
}

type peerID struct {
	router  string
	address netip.Addr
	asn     route.ASN
}

// peer is a peer of ExaBGP.
type peer struct {
	vantage  *collector.Vantage
	reader   collector.Reader
	families route.Family // that the session carries; zero when nobody told
	shown    bool         // it is up, or has shown something
	lost     string       // why it was lost without a word from ExaBGP; "" when it was not
	twice    bool         // the message was read from its octets, and comes again as ExaBGP decoded it
}

// NewDecoder begins a stream.
func NewDecoder(cfg DecoderConfig, in *collector.Intake, reg *collector.Registry) *Decoder {
	return &Decoder{cfg: cfg, in: in, reg: reg, peers: make(map[peerID]*peer)}
}

// Own sets which ASes are ours from now on.
func (d *Decoder) Own(asns []route.ASN) {
	if slices.Equal(d.cfg.ASNs, asns) {
		return
	}
	d.cfg.ASNs = asns
	for _, p := range d.order {
		d.place(p)
	}
}

// place gives a peer its vantage: of our own network when its AS is ours.
func (d *Decoder) place(p *peer) {
	v := *p.vantage
	if v.Scope = collector.External; slices.Contains(d.cfg.ASNs, v.PeerAS) {
		v.Scope = collector.Internal
	}
	p.vantage = d.reg.Register(v)
}

// Sent is the time that ExaBGP gave the newest line; zero when it gave none.
func (d *Decoder) Sent() time.Time { return d.sent }

// Time finds the time of a line without reading the rest of it; false when it has no credible one.
func Time(line []byte) (time.Time, bool) {
	const key = `"time"`
	at := bytes.Index(line, []byte(key))
	if at < 0 {
		return time.Time{}, false
	}
	b := bytes.TrimLeft(line[at+len(key):], ": \t")
	end := bytes.IndexFunc(b, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(b)
	}
	return parseTime(b[:end])
}

// Line takes one line; an empty one is nothing. What has no credible time of its own gets that of its arrival. It returns a *Malformed or a
// *collector.Malformed for a line that was passed over, and any other error when the stream must end.
func (d *Decoder) Line(ctx context.Context, line []byte, arrived time.Time) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil
	}
	d.in.Tally.Messages++
	d.sent = time.Time{}
	err := d.line(ctx, line, arrived)
	var bad *Malformed
	if errors.As(err, &bad) {
		d.in.Tally.Malformed++
	}
	return err
}

func (d *Decoder) line(ctx context.Context, line []byte, arrived time.Time) error {
	if len(line) > MaxLine {
		return malformed("%d octets; the longest that is read has %d", len(line), MaxLine)
	}
	switch string(line) {
	case "done", "error": // answers to commands that somebody gave ExaBGP over the same pipe
		return nil
	}
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return &Malformed{err}
	}
	t, ok := parseTime(e.Time)
	if d.sent = t; !ok {
		t = arrived
	}
	switch {
	case e.ExaBGP == "" && e.Answer != nil:
		return nil
	case e.ExaBGP == "":
		return malformed(`it has no key "exabgp"`)
	case strings.HasPrefix(e.ExaBGP, "3."):
		return malformed("it is of ExaBGP %s; lines of ExaBGP 4 and later are read", clip(e.ExaBGP))
	case e.Neighbor == nil && string(e.Notification) == `"shutdown"`:
		return d.lose(ctx, t, "ExaBGP is shutting down", "")
	case e.Neighbor == nil:
		return nil // of ExaBGP itself
	}
	return d.message(ctx, &e, t)
}

func malformed(format string, args ...any) error { return &Malformed{fmt.Errorf(format, args...)} }

// clip shortens what a line said for an error.
func clip(s string) string { return s[:min(len(s), 60)] }

// message takes a line about a peer.
func (d *Decoder) message(ctx context.Context, e *envelope, t time.Time) error {
	n := e.Neighbor
	switch e.Type {
	case "update", "state", "negotiated", "refresh", "route-refresh":
	default: // open, keepalive, notification, fsm, signal, operational: nothing about routes
		return nil
	}
	if n.sent() {
		return nil
	}
	p, err := d.peerOf(e)
	if err != nil {
		return err
	}
	if n.Negotiated != nil {
		d.agree(p, n.Negotiated)
	}
	switch e.Type {
	case "update":
		return d.update(ctx, p, e, t)
	case "state":
		return d.state(ctx, p, n, t)
	case "refresh", "route-refresh":
		return d.refresh(ctx, p, n.Refresh, t)
	}
	return nil
}

// peerOf finds the peer of a line, registering its vantage when it is new.
func (d *Decoder) peerOf(e *envelope) (*peer, error) {
	address, err := netip.ParseAddr(e.Neighbor.Address.Peer)
	if err != nil {
		return nil, malformed("its peer has the address %q", clip(e.Neighbor.Address.Peer))
	}
	id := peerID{cmp.Or(d.cfg.Name, e.Host), address.Unmap().WithZone(""), e.Neighbor.ASN.Peer}
	if p := d.peers[id]; p != nil {
		return p, nil
	}
	if len(d.peers) >= maxPeers {
		return nil, malformed("more peers than are believed")
	}
	p := &peer{reader: collector.Reader{Trial: true}}
	p.reader.Local = id.asn
	p.vantage = &collector.Vantage{Key: collector.Key{Source: "exabgp", Router: id.router, Peer: id.address, PeerAS: id.asn}, Local: id.asn}
	d.place(p)
	d.peers[id] = p
	d.order = append(d.order, p)
	return p, nil
}

// update takes an update: its octets where they came, else what ExaBGP made of it. A peer of whom "packets" and "parsed" come apart shows each
// update twice, octets first: then the second telling says nothing new.
func (d *Decoder) update(ctx context.Context, p *peer, e *envelope, t time.Time) error {
	if err := d.found(ctx, p, t); err != nil {
		return err
	}
	m, header, octets := e.Neighbor.Message, e.Header, e.Body
	apart := m != nil && m.Header != ""
	if apart {
		header, octets = m.Header, m.Body
	}
	if header != "" {
		done, err := d.octets(ctx, p, t, header, octets, m)
		if done {
			p.twice = apart && !unreadable(err)
			return err
		}
	}
	switch again := p.twice; {
	case m == nil:
		return malformed("an update without its message")
	case m.Update == nil && m.EOR == nil:
		return malformed("an update that holds neither routes nor the end of a table")
	case again:
		p.twice = false
		return nil
	}
	return d.decoded(ctx, p, m, t)
}

// octets reads an update from its octets. It is not done when they can't be read, and ExaBGP's own reading stands beside them.
func (d *Decoder) octets(ctx context.Context, p *peer, t time.Time, header, body string, m *message) (done bool, err error) {
	beside := m != nil && (m.Update != nil || m.EOR != nil)
	b, err := d.body(header, body)
	if err != nil {
		return !beside, &Malformed{err}
	}
	before := d.in.Tally
	err = d.in.Update(ctx, p.vantage, t, b, &p.reader)
	if beside && unreadable(err) {
		d.in.Tally = before
		d.in.Tally.Redecoded++
		return false, nil
	}
	return true, err
}

// unreadable tells that nothing could be made of the octets of an update.
func unreadable(err error) bool {
	var line *Malformed
	var update *collector.Malformed
	return errors.As(err, &line) || errors.As(err, &update) && update.Class == route.Unreadable
}

// body decodes the octets of an UPDATE, which ExaBGP writes as 0x00FF…, and gives what follows its header.
func (d *Decoder) body(header, body string) ([]byte, error) {
	const headerLen, kind = 19, 2
	h, err := hex.DecodeString(strings.TrimPrefix(header, "0x"))
	if err != nil || len(h) != headerLen || h[18] != kind {
		return nil, errors.New("its header is not that of an UPDATE")
	}
	body = strings.TrimPrefix(body, "0x")
	n := hex.DecodedLen(len(body))
	if n+headerLen > math.MaxUint16 || int(h[16])<<8|int(h[17]) != n+headerLen {
		return nil, errors.New("its body is not as long as its header says")
	}
	d.raw = slices.Grow(d.raw[:0], n)[:n]
	if _, err := hex.Decode(d.raw, []byte(body)); err != nil {
		return nil, err
	}
	return d.raw, nil
}

// decoded takes an update as ExaBGP decoded it.
func (d *Decoder) decoded(ctx context.Context, p *peer, m *message, t time.Time) error {
	var r routes
	if m.Update != nil {
		if err := r.read(m.Update); err != nil {
			return &Malformed{err}
		}
	}
	d.in.Tally.Prefixes += uint64(r.others)
	if err := d.in.Decoded(ctx, p.vantage, t, r.parts); err != nil || m.EOR == nil {
		return err
	}
	f, _ := familyOf(m.EOR.AFI + " " + m.EOR.SAFI)
	if f == 0 {
		return nil
	}
	return d.in.Out.Emit(ctx, collector.Event{Kind: collector.EndOfRIB, Time: t, Vantage: p.vantage, Family: f})
}
