package screen

import (
	"errors"
	"net/netip"
	"testing"

	"anywatch/collector/route"
)

func nlri(texts ...string) (list []route.NLRI) {
	for _, s := range texts {
		list = append(list, route.NLRI{Prefix: netip.MustParsePrefix(s), PathID: 7})
	}
	return list
}

func watchOf(asn route.ASN, prefixes ...string) *Screen {
	var nets []netip.Prefix
	for _, n := range nlri(prefixes...) {
		nets = append(nets, n.Prefix)
	}
	return New(NewLive(NewWatch(nets, []route.ASN{asn}, Shortest{8, 19})))
}

// TestNoAllocation: an unmatched message costs none, in any encoding.
func TestNoAllocation(t *testing.T) {
	s := watchOf(64500, "192.0.2.0/24", "2001:db8:53::/48")
	s.Remember(netip.MustParsePrefix("198.51.100.0/24"))
	m := message{announced: nlri("203.0.113.0/24", "8.0.0.0/9", "9.9.9.0/24"), withdrawn: nlri("198.18.0.0/15"),
		mpAnnounced: nlri("2001:db8:54::/48", "2a00::/12", "2001:db8:ffff::/64"), path: route.SequencePath(3356, 1299, 64501)}
	for _, enc := range []route.Encoding{{}, {TwoByteAS: true}, {AddPath: route.IPv4 | route.IPv6}} {
		body, ctx := m.bytes(enc), Context{Encoding: enc, Local: 64499}
		var r Result
		if n := testing.AllocsPerRun(100, func() { s.Update(body, &ctx, &r) }); n != 0 {
			t.Errorf("%+v: %v allocations", enc, n)
		}
		if r.Matched || r.Err != nil || r.Announced != 6 || r.Withdrawn != 1 {
			t.Errorf("%+v: %+v", enc, r)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		m    message
		want bool
	}{
		{"exactly", message{announced: nlri("192.0.2.0/24"), path: route.SequencePath(1)}, true},
		{"inside", message{announced: nlri("192.0.2.128/25"), path: route.SequencePath(1)}, true},
		{"one address", message{announced: nlri("192.0.2.1/32"), path: route.SequencePath(1)}, true},
		{"covering", message{announced: nlri("192.0.0.0/16"), path: route.SequencePath(1)}, true},
		{"covering, but nobody's hijack", message{announced: nlri("192.0.0.0/7"), path: route.SequencePath(1)}, false},
		{"default route", message{announced: nlri("0.0.0.0/0"), path: route.SequencePath(1)}, false},
		{"withdrawn", message{withdrawn: nlri("192.0.2.0/24")}, true},
		{"beside", message{announced: nlri("192.0.3.0/24"), path: route.SequencePath(1)}, false},
		{"IPv6", message{mpAnnounced: nlri("2001:db8:53:1::/64"), path: route.SequencePath(1)}, true},
		{"IPv4 in MP_REACH_NLRI", message{mpAnnounced: nlri("192.0.2.0/24"), mpIPv4: true, path: route.SequencePath(1)}, true},
		{"IPv6 withdrawn", message{mpWithdrawn: nlri("2001:db8:53::/48")}, true},
		{"our AS in the middle", message{announced: nlri("9.9.9.0/24"), path: route.SequencePath(1, 64500, 2)}, true},
		{"our AS as origin", message{announced: nlri("9.9.9.0/24"), path: route.SequencePath(1, 64500)}, true},
		{"empty path of our own router", message{announced: nlri("9.9.9.0/24")}, true},
		{"only a confederation before us", message{announced: nlri("9.9.9.0/24"), path: route.Path{{Kind: route.ConfedSequence, ASNs: []route.ASN{65001}}}}, true},
	} {
		s := watchOf(64500, "192.0.2.0/24", "2001:db8:53::/48")
		var r Result
		s.Update(c.m.bytes(route.Encoding{}), &Context{Local: 64500}, &r)
		if r.Matched != c.want || r.Err != nil {
			t.Errorf("%s: %+v, want matched %v", c.name, r, c.want)
		}
	}
}

// TestRemembered: what one of our ASes originated outside the watch is let through when it is withdrawn.
func TestRemembered(t *testing.T) {
	s := watchOf(64500, "192.0.2.0/24")
	gone := message{withdrawn: nlri("9.9.9.0/24"), mpWithdrawn: nlri("2001:db8:9::/48")}.bytes(route.Encoding{})
	var r Result
	if s.Update(gone, &Context{}, &r); r.Matched {
		t.Fatal("matched before it was announced")
	}
	s.Remember(netip.MustParsePrefix("2001:db8:9::/48"))
	if s.Update(gone, &Context{}, &r); !r.Matched {
		t.Fatal("the withdrawal was not let through")
	}
	s.Remember(netip.MustParsePrefix("198.18.64.0/18"))
	if s.Update([]byte{0, 4, 18, 198, 18, 127, 0, 0}, &Context{}, &r); !r.Matched {
		t.Fatal("host bits that are set hide a withdrawal")
	}
	if !s.Touches(netip.MustParsePrefix("2001:db8:9::/48")) || s.Touches(netip.MustParsePrefix("2001:db8:a::/48")) {
		t.Fatal("Touches disagrees")
	}
}

func TestEndOfRIB(t *testing.T) {
	s := watchOf(64500, "192.0.2.0/24")
	var r Result
	if s.Update([]byte{0, 0, 0, 0}, &Context{}, &r); r.EndOfRIB != route.IPv4 {
		t.Errorf("IPv4: %+v", r)
	}
	if s.Update([]byte{0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1}, &Context{}, &r); r.EndOfRIB != route.IPv6 || r.Err != nil {
		t.Errorf("IPv6: %+v", r)
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want error
	}{
		{"empty", nil, ErrShort},
		{"withdrawn too long", []byte{0, 9, 0, 0}, ErrShort},
		{"attributes too long", []byte{0, 0, 0, 9, 0, 0}, ErrShort},
		{"attribute cut", []byte{0, 0, 0, 2, 0x40, 2}, ErrAttributes},
		{"attribute overruns", []byte{0, 0, 0, 3, 0x40, 2, 1}, ErrAttributes},
		{"extended length cut", []byte{0, 0, 0, 3, 0x50, 2, 0}, ErrAttributes},
		{"path segment overruns", []byte{0, 0, 0, 7, 0x40, 2, 4, 2, 2, 0, 1}, ErrPath},
		{"unknown segment", []byte{0, 0, 0, 9, 0x40, 2, 6, 9, 1, 0, 0, 0, 1}, ErrPath},
		{"empty segment", []byte{0, 0, 0, 5, 0x40, 2, 2, 2, 0}, ErrPath},
		{"/33", []byte{0, 0, 0, 0, 33, 192, 0, 2, 0, 0}, ErrRoute},
		{"route cut", []byte{0, 0, 0, 0, 24, 192, 0}, ErrRoute},
		{"MP_REACH_NLRI cut", []byte{0, 0, 0, 7, 0x80, 14, 4, 0, 2, 1, 0}, ErrMP},
		{"next hop overruns", []byte{0, 0, 0, 8, 0x80, 14, 5, 0, 2, 1, 16, 0}, ErrMP},
		{"MP_UNREACH_NLRI cut", []byte{0, 0, 0, 5, 0x80, 15, 2, 0, 2}, ErrMP},
		{"IPv6 /129", []byte{0, 0, 0, 8, 0x80, 15, 5, 0, 2, 1, 129, 0}, ErrRoute},
	} {
		var r Result
		watchOf(64500, "192.0.2.0/24").Update(c.body, &Context{}, &r)
		if !errors.Is(r.Err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, r.Err, c.want)
		}
	}
}

// TestSuspect: path identifiers that nobody told us of read like default routes.
func TestSuspect(t *testing.T) {
	body := message{announced: []route.NLRI{{Prefix: netip.MustParsePrefix("10.1.0.0/16"), PathID: 1}}, path: route.SequencePath(1)}
	var r Result
	s := watchOf(64500, "192.0.2.0/24")
	s.Update(body.bytes(route.Encoding{AddPath: route.IPv4}), &Context{}, &r)
	if !r.Suspect && r.Err == nil {
		t.Errorf("nothing looked wrong: %+v", r)
	}
	s.Update(message{announced: nlri("0.0.0.0/0"), path: route.SequencePath(1)}.bytes(route.Encoding{}), &Context{}, &r)
	if r.Suspect {
		t.Errorf("one default route is suspect: %+v", r)
	}
}

// TestOtherFamilies: labelled routes are looked at, VPN routes where their VRF is named, all others are counted.
func TestOtherFamilies(t *testing.T) {
	label := []byte{0x00, 0x10, 0x01}
	rd := []byte{0, 0, 0xFB, 0xF4, 0, 0, 0, 1}
	labelled := append(append([]byte{48}, label...), 192, 0, 2)
	vpn := append(append(append([]byte{112}, label...), rd...), 192, 0, 2)
	evpn := []byte{2, 3, 1, 2, 3, 3, 1, 9}
	named := func(x uint64) bool { return x == be64(rd) }
	for _, c := range []struct {
		name      string
		afi, safi byte
		routes    []byte
		vrf       func(uint64) bool
		matched   bool
		count     int
	}{
		{"labelled", 1, 4, labelled, nil, true, 1},
		{"VPN", 1, 128, vpn, nil, false, 1},
		{"VPN of a named VRF", 1, 128, vpn, named, true, 1},
		{"EVPN", 25, 70, evpn, nil, false, 2},
		{"flow specification", 1, 133, []byte{2, 1, 2, 1, 3}, nil, false, 2},
	} {
		v := append([]byte{0, c.afi, c.safi, 0, 0}, c.routes...)
		attrs := attribute(attribute(nil, 0x40, 2, pathBytes(route.SequencePath(1), false)), 0x80, 14, v)
		body := append([]byte{0, 0, 0, byte(len(attrs))}, attrs...)
		var r Result
		watchOf(64500, "192.0.2.0/24").Update(body, &Context{VRF: c.vrf}, &r)
		if r.Matched != c.matched || r.Announced != c.count || r.Err != nil {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestEntry(t *testing.T) {
	s := watchOf(64500, "192.0.2.0/24")
	abbreviated := attribute(attribute(nil, 0x40, 2, pathBytes(route.SequencePath(1, 2), false)), 0x80, 14, append([]byte{16}, make([]byte, 16)...))
	var r Result
	if s.Entry(netip.MustParsePrefix("192.0.2.0/25"), abbreviated, &Context{}, &r); !r.Matched || r.Err != nil {
		t.Errorf("watched: %+v", r)
	}
	if s.Entry(netip.MustParsePrefix("9.9.9.0/24"), abbreviated, &Context{}, &r); r.Matched || r.Err != nil {
		t.Errorf("not watched: %+v", r)
	}
}

func FuzzUpdate(f *testing.F) {
	m := message{announced: nlri("192.0.2.0/24"), mpWithdrawn: nlri("2001:db8::/32"), path: route.SequencePath(1, 64500)}
	f.Add(m.bytes(route.Encoding{}), uint8(0))
	f.Add(m.bytes(route.Encoding{TwoByteAS: true, AddPath: 3}), uint8(7))
	m.mpSAFI = safiVPN
	f.Add(m.bytes(route.Encoding{AddPathVPN: 3}), uint8(3<<5|128))
	s := watchOf(64500, "192.0.2.0/24", "2001:db8:53::/48", "::/0")
	f.Fuzz(func(t *testing.T, body []byte, how uint8) {
		enc := route.Encoding{TwoByteAS: how&1 != 0, AddPath: route.Family(how >> 1 & 3), AddPathLabelled: route.Family(how >> 3 & 3), AddPathVPN: route.Family(how >> 5 & 3)}
		ctx := Context{Encoding: enc, Local: 64500, VRF: func(uint64) bool { return how&128 != 0 }}
		var r Result
		// A slice without spare room makes every read past the end a panic.
		s.Update(append(make([]byte, 0, len(body)), body...)[:len(body):len(body)], &ctx, &r)
		d := route.Decode(body, enc, ctx.VRF)
		if r.Err == nil && d.Class == route.Unreadable {
			t.Fatalf("the screen reads what can't be decoded: %v", d.Err)
		}
		if r.Announced > len(body) || r.Withdrawn > len(body) {
			t.Fatalf("more routes than bytes: %+v", r)
		}
	})
}
