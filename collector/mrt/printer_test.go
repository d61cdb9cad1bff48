//go:build data

package mrt_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector"
	"anywatch/collector/mrt"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// printer writes what a Stream makes of records as bgpdump -m writes it: one line for each route of an update or table, and for each change of
// state. It watches everything.
type printer struct {
	stream *mrt.Stream
	lines  []string
	head   string // type and time of the record at hand
	kind   string // A for updates, B for tables
	paths  bool   // path identifiers are written
	kinds  map[collector.Kind]int
	routes map[string][]string // by the address of the peer, each once
	note   string              // what is written behind each line that the stream alone would not give
}

func newPrinter() *printer {
	p := &printer{kinds: map[collector.Kind]int{}, routes: map[string][]string{}}
	all := screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil, screen.Shortest{})
	in := &collector.Intake{Screen: screen.New(screen.NewLive(all)), Out: collector.SinkFunc(p.event)}
	p.stream = mrt.NewStream(in, collector.NewRegistry(), nil, mrt.NewTables())
	return p
}

// all prints a whole input.
func (p *printer) all(input []byte) []string {
	for len(input) > 0 {
		skip, size := mrt.Split(input, true)
		if skip > 0 {
			p.lines = append(p.lines, fmt.Sprintf("%d octets are no record", skip))
		}
		p.record(input[skip : skip+size])
		input = input[skip+size:]
	}
	return p.lines
}

func (p *printer) record(b []byte) {
	typ, subtype, at := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), mrt.Time(b)
	p.kind, p.paths, p.note = "A", false, ""
	switch typ {
	case 12:
		p.head, p.kind = fmt.Sprintf("TABLE_DUMP|%d", at.Unix()), "B"
	case 13:
		p.head, p.kind = fmt.Sprintf("TABLE_DUMP2|%d", at.Unix()), "B"
		if p.paths = subtype >= 8; p.paths {
			p.head = fmt.Sprintf("TABLE_DUMP2_AP|%d", at.Unix())
		}
	case 17:
		p.head = fmt.Sprintf("BGP4MP_ET|%d.%06d", at.Unix(), at.Nanosecond()/1000)
	default:
		p.head = fmt.Sprintf("BGP4MP|%d", at.Unix())
	}
	if peer, asn, from, to, ok := mrt.StateChange(b); ok {
		p.line("STATE", peer, asn, fmt.Sprintf("%d|%d", from, to))
	}
	before := len(p.lines)
	p.take(b)
	if other := unicast(b); len(p.lines) == before && other != nil {
		p.note = " (multicast)"
		p.take(other)
	}
}

func (p *printer) take(record []byte) {
	if err := p.stream.Record(context.Background(), record); err != nil {
		p.lines = append(p.lines, p.head+" malformed")
	}
}

func (p *printer) event(_ context.Context, ev collector.Event) error {
	p.kinds[ev.Kind]++
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			p.line("W", ev.Vantage.Peer, ev.Vantage.PeerAS, prefix(n.Prefix))
		}
		for _, n := range u.Announced {
			peer := ev.Vantage.Peer.String()
			p.routes[peer] = append(p.routes[peer], n.Prefix.String())
			p.line(p.kind, ev.Vantage.Peer, ev.Vantage.PeerAS, p.announced(n, u.Attrs))
		}
	}
	return nil
}

// shown lists who showed which prefixes, a line for each peer.
func (p *printer) shown() string {
	var out []string
	for _, peer := range slices.Sorted(maps.Keys(p.routes)) {
		routes := p.routes[peer]
		slices.Sort(routes)
		out = append(out, peer+": "+strings.Join(slices.Compact(routes), " "))
	}
	return strings.Join(out, "\n")
}

func (p *printer) line(kind string, peer netip.Addr, asn route.ASN, rest string) {
	p.lines = append(p.lines, fmt.Sprintf("%s|%s|%s|%d|%s%s", p.head, kind, address(peer), asn, rest, p.note))
}

func (p *printer) announced(n route.NLRI, a *route.Attrs) string {
	path, atomic, aggregator, nextHop := a.Path.String(), "NAG", "", "255.255.255.255" // which means that there is none
	if p.paths {
		path = fmt.Sprintf("%d|%s", n.PathID, path)
	}
	if a.AtomicAggregate {
		atomic = "AG"
	}
	if a.Aggregator.Address.IsValid() {
		aggregator = fmt.Sprintf("%d %s", a.Aggregator.AS, a.Aggregator.Address)
	}
	if a.NextHop.IsValid() {
		nextHop = address(a.NextHop)
	}
	origin := [...]string{"IGP", "EGP", "INCOMPLETE"}[a.Origin]
	return fmt.Sprintf("%s|%s|%s|%s|%d|%d|%s|%s|%s|", prefix(n.Prefix), path, origin, nextHop, a.LocalPref, a.MED, communities(a), atomic, aggregator)
}

// communities are the standard ones; three of the well-known have names, in the manner of bgpdump.
func communities(a *route.Attrs) string {
	names := map[route.Community]string{route.NoExport: "no-export", route.NoAdvertise: "no-advertise", 0xFFFFFF03: "local-AS"}
	var out []string
	for _, c := range a.Communities {
		out = append(out, cmp.Or(names[c], c.String()))
	}
	return strings.Join(out, " ")
}

func prefix(p netip.Prefix) string { return fmt.Sprintf("%s/%d", address(p.Addr()), p.Bits()) }

// address writes an address as the C library of the expected text did: also a single group of zero is left out, where RFC 5952 section 4.2.2
// forbids that.
func address(a netip.Addr) string {
	s := a.String()
	if a.Is4() || strings.Contains(s, "::") {
		return s
	}
	return strings.Replace(s, ":0:", "::", 1)
}

// unicast gives a copy of an update of multicast routes (SAFI 2) that calls them unicast; nil when it has none. Multicast routes are counted and
// not watched: only as unicast ones they can be compared.
func unicast(record []byte) []byte {
	marker := bytes.Index(record, bytes.Repeat([]byte{0xFF}, 16))
	if marker < 0 || len(record) < marker+23 || record[marker+18] != 2 {
		return nil
	}
	out := bytes.Clone(record)
	b := out[marker+19:]
	b = b[2+int(binary.BigEndian.Uint16(b)):]
	n := int(binary.BigEndian.Uint16(b))
	found := false
	for b = b[2 : 2+n]; len(b) > 0; {
		typ, head, size := b[1], 3, int(b[2])
		if b[0]&0x10 != 0 {
			head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		if (typ == 14 || typ == 15) && b[head+2] == 2 {
			b[head+2], found = 1, true
		}
		b = b[head+size:]
	}
	if !found {
		return nil
	}
	return out
}
