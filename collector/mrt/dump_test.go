package mrt_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anywatch/collector"
	"anywatch/collector/mrt"
	"anywatch/collector/route"
)

// view is a peer index like peerIndex, of a named view.
func view(at int, name string) []byte {
	return record(at, 13, 1, addr("203.0.113.1"), u16(len(name)), []byte(name), u16(2),
		[]byte{2}, addr("198.51.100.1"), addr("198.51.100.1"), u32(64501),
		[]byte{2}, addr("198.51.100.2"), addr("198.51.100.2"), u32(64502))
}

// shows is a TABLE_DUMP_V2 record in which one peer of the index shows a prefix.
func shows(at, peer int, prefix string) []byte {
	subtype := 2
	if strings.Contains(prefix, ":") {
		subtype = 4
	}
	return record(at, 13, subtype, u32(0), nlri(0, prefix), u16(1), rib(peer, attributes(4, 64501+peer)))
}

// dumped is a TABLE_DUMP record of AS64501, with its number in the dump.
func dumped(at, seq int, prefix string) []byte {
	p, attrs := strings.Split(prefix, "/")[0], attributes(2, 64501)
	return record(at, 12, 1, u16(0), u16(seq), addr(p), []byte{24, 1}, u32(t0), addr("198.51.100.1"), u16(64501), u16(len(attrs)), attrs)
}

// brief are events without what the tests below are not about: second, AS, kind, family or routes.
func brief(events []collector.Event) string {
	var out []string
	for _, ev := range events {
		s := fmt.Sprintf("%d %d %s", ev.Time.Unix()-t0, ev.Vantage.PeerAS, ev.Kind)
		if ev.Family != 0 {
			s += fmt.Sprintf(" v%d", 2+2*ev.Family)
		}
		for _, u := range ev.Updates {
			for _, n := range u.Announced {
				s += " +" + n.Prefix.String()
			}
			for _, n := range u.Withdrawn {
				s += " -" + n.Prefix.String()
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// TestTables: a table begins for all peers of its index with the first route of a family, and is complete at its end; only who showed routes is
// synchronised. What was not read is no table.
func TestTables(t *testing.T) {
	const a, b, six = "192.0.2.0/24", "192.0.2.128/25", "2001:db8:1::/48"
	whole := func(at int) string {
		return fmt.Sprintf("%d 64501 table-begins v4; %[1]d 64502 table-begins v4; %[1]d 64501 routes +192.0.2.0/24", at)
	}
	ends := func(at int) string {
		return fmt.Sprintf("; %d 64501 end-of-rib v4; %[1]d 64501 synchronised; %[1]d 64502 end-of-rib v4", at)
	}
	for _, c := range []struct {
		name    string
		records []byte
		want    string
	}{
		{"one table", join(view(t0, ""), shows(t0, 0, a)), whole(0) + ends(0)},
		{"both families", join(view(t0, ""), shows(t0, 0, a), shows(t0, 1, six)),
			whole(0) + "; 0 64501 table-begins v6; 0 64502 table-begins v6; 0 64502 routes +2001:db8:1::/48" +
				"; 0 64501 end-of-rib v4; 0 64501 end-of-rib v6; 0 64501 synchronised; 0 64502 end-of-rib v4; 0 64502 end-of-rib v6; 0 64502 synchronised"},
		{"a table of which nothing is watched", join(view(t0, ""), shows(t0, 0, "203.0.113.0/24")),
			"0 64501 table-begins v4; 0 64502 table-begins v4" + ends(0)},
		{"two tables", join(view(t0, ""), shows(t0, 0, a), view(t0+9, ""), shows(t0+9, 0, a)), whole(0) + ends(9) + "; " + whole(9) + ends(9)},
		{"two tables, the second of another peer", join(view(t0, ""), shows(t0, 0, a), view(t0+9, ""), shows(t0+9, 1, b)),
			whole(0) + ends(9) + "; 9 64501 table-begins v4; 9 64502 table-begins v4; 9 64502 routes +192.0.2.128/25" +
				"; 9 64501 end-of-rib v4; 9 64502 end-of-rib v4; 9 64502 synchronised"},
		{"two views are one table", join(view(t0, "x"), shows(t0, 0, a), view(t0, "y"), shows(t0, 0, b)), whole(0) + "; 0 64501 routes +192.0.2.128/25" + ends(0)},
		{"two views, twice", join(view(t0, "x"), shows(t0, 0, a), view(t0, "y"), view(t0+9, "x"), shows(t0+9, 0, a), view(t0+9, "y")),
			whole(0) + ends(9) + "; " + whole(9) + ends(9)},
		{"an index without a table", view(t0, ""), ""},
		{"where the peers are does not end it", join(view(t0, ""), shows(t0, 0, a), record(t0, 13, 7, u32(1)), shows(t0, 0, b)),
			whole(0) + "; 0 64501 routes +192.0.2.128/25" + ends(0)},
		{"multicast does not begin it", join(view(t0, ""), record(t0, 13, 3, u32(0), nlri(0, a), u16(1), rib(0, attributes(4, 64501)))), ""},
		{"an update ends it", join(view(t0, ""), shows(t0, 0, a), as4(t0+1, update(nlri(0, a), nil, nil))),
			whole(0) + ends(1) + "; 1 64501 routes -192.0.2.0/24"},
		{"an index that is cut", join(view(t0, ""), shows(t0, 0, a), record(t0+1, 13, 1, u32(0), u16(0), u16(2), []byte{0}), shows(t0+1, 0, b)), whole(0) + ends(1)},
		{"TABLE_DUMP", join(dumped(t0, 0, a), dumped(t0, 1, a)),
			"0 64501 table-begins v4; 0 64501 routes +192.0.2.0/24; 0 64501 routes +192.0.2.0/24; 0 64501 end-of-rib v4; 0 64501 synchronised"},
		{"TABLE_DUMP twice", join(dumped(t0, 0, a), dumped(t0, 1, a), dumped(t0+9, 0, a)),
			"0 64501 table-begins v4; 0 64501 routes +192.0.2.0/24; 0 64501 routes +192.0.2.0/24; 9 64501 end-of-rib v4; 9 64501 synchronised" +
				"; 9 64501 table-begins v4; 9 64501 routes +192.0.2.0/24; 9 64501 end-of-rib v4; 9 64501 synchronised"},
		{"TABLE_DUMP of more than 65535 routes", join(dumped(t0, 65535, a), dumped(t0, 0, a)),
			"0 64501 table-begins v4; 0 64501 routes +192.0.2.0/24; 0 64501 routes +192.0.2.0/24; 0 64501 end-of-rib v4; 0 64501 synchronised"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.read(c.records)
			if got := brief(r.events); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestLostPartOfTable: a table of which a part was lost or passed over says nothing about what is not in it, but the next one does.
func TestLostPartOfTable(t *testing.T) {
	const a = "192.0.2.0/24"
	heard := as4(t0, announce("203.0.113.0/24", 64501))
	begins, shown := "0 64501 table-begins v4; 0 64502 table-begins v4; ", "0 64501 routes +192.0.2.0/24"
	ends := "; 0 64501 end-of-rib v4; 0 64501 synchronised; 0 64502 end-of-rib v4"
	for _, c := range []struct {
		name  string
		steps []any // records, "lost", "leave"
		want  string
	}{
		{"in the middle", []any{view(t0, ""), shows(t0, 0, a), "lost", shows(t0, 0, a)}, begins + shown + "; 0 64501 gap; " + shown},
		{"at the end", []any{view(t0, ""), shows(t0, 0, a), "lost"}, begins + shown + "; 0 64501 gap"},
		{"before the first route", []any{view(t0, ""), "lost", shows(t0, 0, a)}, shown},
		{"before the index", []any{"lost", view(t0, ""), shows(t0, 0, a)}, begins + shown + ends},
		{"before a table", []any{heard, "lost", heard, view(t0, ""), shows(t0, 0, a)}, "0 64501 gap; " + begins + shown + ends},
		{"between updates, twice", []any{heard, "lost", "lost", heard, heard, "lost", heard}, "0 64501 gap; 0 64501 gap"},
		{"nobody was heard", []any{as4(t0, bgp(4)), "lost", heard}, ""},
		{"its first route is passed over", []any{view(t0, ""), "leave", shows(t0, 0, a), shows(t0, 0, a)}, shown},
		{"its last route is passed over", []any{view(t0, ""), shows(t0, 0, a), "leave", shows(t0, 0, a)}, begins + shown},
		{"an update after it is passed over", []any{view(t0, ""), shows(t0, 0, a), "leave", as4(t0, bgp(4))}, begins + shown + ends},
		{"its index is passed over", []any{"leave", view(t0, ""), shows(t0, 0, a)}, begins + shown + ends},
		{"of TABLE_DUMP", []any{"leave", dumped(t0, 0, a), dumped(t0, 1, a)}, shown},
		{"and a whole one after it", []any{view(t0, ""), shows(t0, 0, a), "lost", shows(t0, 0, a), view(t0, ""), shows(t0, 0, a)},
			begins + shown + "; 0 64501 gap; " + shown + "; " + begins + shown + ends},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			leave := false
			for _, step := range c.steps {
				b, isRecord := step.([]byte)
				switch {
				case step == "lost":
					r.stream.Lost()
				case step == "leave":
					leave = true
				case isRecord && leave:
					leave = false
					if err := r.stream.Leave(context.Background(), b); err != nil {
						t.Fatal(err)
					}
				default:
					r.record(b)
				}
			}
			r.read(nil)
			if got := brief(r.events); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestTablesSideBySide: two dumps of one vantage that overlap are one table, which ends when both have.
func TestTablesSideBySide(t *testing.T) {
	r := newRig(t)
	tables, reg := mrt.NewTables(), collector.NewRegistry()
	one, two := mrt.NewStream(r.in, reg, nil, tables), mrt.NewStream(r.in, reg, nil, tables)
	take := func(s *mrt.Stream, records ...[]byte) {
		t.Helper()
		for _, b := range records {
			if err := s.Record(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	finish := func(s *mrt.Stream) {
		t.Helper()
		if err := s.Finish(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	take(one, dumped(t0, 0, "192.0.2.0/24"))
	take(two, view(t0, ""), shows(t0+1, 0, "2001:db8:1::/48"), shows(t0+1, 0, "192.0.2.128/25"))
	take(one, dumped(t0+2, 1, "192.0.2.0/24"))
	finish(one)
	take(two, shows(t0+3, 0, "192.0.2.0/24"))
	finish(two)
	want := "0 64501 table-begins v4; 0 64501 routes +192.0.2.0/24; " +
		"1 64501 table-begins v6; 1 64502 table-begins v6; 1 64501 routes +2001:db8:1::/48; 1 64502 table-begins v4; 1 64501 routes +192.0.2.128/25; " +
		"2 64501 routes +192.0.2.0/24; 3 64501 routes +192.0.2.0/24; " +
		"3 64501 end-of-rib v4; 3 64501 end-of-rib v6; 3 64501 synchronised; 3 64502 end-of-rib v4; 3 64502 end-of-rib v6"
	if got := brief(r.events); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestStateChanges goes through all pairs of states: what leads to Established is a peer up, what leads away from it a peer down, and no other
// step is told.
func TestStateChanges(t *testing.T) {
	for _, wide := range []bool{false, true} {
		for from := range 10 {
			for to := range 10 {
				r := newRig(t)
				rec := record(t0, 16, 0, between(2, 64501, "198.51.100.1"), u16(from), u16(to))
				if wide {
					rec = record(t0, 16, 5, between(4, 64501, "198.51.100.1"), u16(from), u16(to))
				}
				r.read(rec)
				want := ""
				switch {
				case from == to || from > 8 || to > 8:
				case to == 6:
					want = "0 64501 peer-up"
				case from == 6:
					want = "0 64501 peer-down"
				}
				malformed := from > 8 || to > 8
				if got := brief(r.events); got != want || (len(r.malformed) == 1) != malformed || r.in.Tally.Messages != 1 {
					t.Errorf("from %d to %d: %q, malformed %v, want %q, malformed %v", from, to, got, r.malformed, want, malformed)
				}
			}
		}
	}
}

// TestTurned: a writer that puts itself in the place of the peer, in state changes and entries, is seen through.
func TestTurned(t *testing.T) {
	own, peer := addr("203.0.113.1"), addr("198.51.100.1")
	from := func(width, local int) []byte {
		return join(u32(64999)[4-width:], u32(local)[4-width:], u16(0), u16(1), own, peer)
	}
	up, down := join(u16(5), u16(6)), join(u16(6), u16(1))
	attrs := join(attribute(0x40, 1, []byte{0}), asPath(2, 64501))
	route := func(family int, hop []byte, prefix string) []byte {
		return record(t0, 16, 2, from(2, 64501), u16(0), u16(1), u32(t0), u16(family), []byte{1, byte(len(hop))}, hop, nlri(0, prefix), u16(len(attrs)), attrs)
	}
	for _, c := range []struct {
		name    string
		records []byte
		want    string
	}{
		{"it does not know the AS of its peer yet", join(record(t0, 16, 0, from(2, 0), u16(2), u16(4)), record(t0, 16, 5, from(4, 64501), up), record(t0, 16, 5, from(4, 64501), down)),
			"0 64501 peer-up; 0 64501 peer-down"},
		{"messages were heard", join(as4(t0, announce("203.0.113.0/24", 64501)), record(t0, 16, 5, from(4, 64501), down)), "0 64501 peer-down"},
		{"nothing tells", record(t0, 16, 5, from(4, 64501), down), "0 64999 peer-down"},
		{"who does it right", join(as4(t0, announce("203.0.113.0/24", 64501)), record(t0, 16, 5, between(4, 64501, "198.51.100.1"), down)), "0 64501 peer-down"},
		{"entries", route(1, addr("198.51.100.7"), "192.0.2.0/24"), "0 64501 table-begins v4; 0 64501 routes +192.0.2.0/24; 0 64501 end-of-rib v4; 0 64501 synchronised"},
		{"entries of IPv6", route(2, addr("2001:db8:9::7"), "2001:db8:1::/48"), "0 64501 table-begins v6; 0 64501 routes +2001:db8:1::/48; 0 64501 end-of-rib v6; 0 64501 synchronised"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.read(c.records)
			if got := brief(r.events); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for _, ev := range r.events {
				if got := ev.Vantage.Peer.String(); ev.Vantage.PeerAS == 64501 && got != "198.51.100.1" {
					t.Errorf("peer %s", got)
				}
				for _, u := range ev.Updates {
					if hop := u.Attrs.NextHop.String(); hop != "198.51.100.7" && hop != "2001:db8:9::7" {
						t.Errorf("next hop %s", hop)
					}
				}
			}
		})
	}
}

// TestOwnRoutes: a peer without address and AS number is the router that wrote the table; what it originates has our AS as its origin.
func TestOwnRoutes(t *testing.T) {
	r := newRig(t)
	index := record(t0, 13, 1, u32(1), u16(0), u16(1), []byte{2}, u32(0), u32(0), u32(0))
	r.read(join(index, shows(t0, 0, "203.0.113.0/24"), record(t0, 13, 2, u32(1), nlri(0, "192.0.2.0/24"), u16(1), rib(0, nil))))
	var own *collector.Event
	for _, ev := range r.events {
		if ev.Kind == collector.Routes {
			own = &ev
		}
	}
	if own == nil || own.Vantage.Scope != collector.Internal || own.Updates[0].Attrs.Path.Origin(own.Vantage.Local).AS != ourAS {
		t.Errorf("events %s", brief(r.events))
	}
}

// TestAddressInSixteenOctets: OpenBSD's bgpd writes the IPv4 address of a peer into the first octets of an IPv6 address; it is the same peer.
func TestAddressInSixteenOctets(t *testing.T) {
	r := newRig(t)
	attrs := attributes(2, 64501)
	peer := append(addr("198.51.100.1"), make([]byte, 12)...)
	r.read(join(dumped(t0, 0, "192.0.2.0/24"),
		record(t0, 12, 2, u16(0), u16(1), addr("2001:db8:1::"), []byte{48, 1}, u32(t0), peer, u16(64501), u16(len(attrs)), attrs)))
	var names []string
	for _, ev := range r.events {
		if ev.Kind == collector.Routes {
			names = append(names, ev.Vantage.Name())
		}
	}
	if want := []string{"mrt:AS64501/198.51.100.1", "mrt:AS64501/198.51.100.1"}; !slices.Equal(names, want) {
		t.Errorf("vantages %q, want %q", names, want)
	}
}

// TestPathIdentifierZero: a table in which paths have numbers may hold peers without: zero is none.
func TestPathIdentifierZero(t *testing.T) {
	r := newRig(t)
	r.read(join(view(t0, ""), record(t0, 13, 8, u32(0), nlri(0, "192.0.2.0/24"), u16(2), ribPath(0, 0, attributes(4, 64501)), ribPath(1, 7, attributes(4, 64502)))))
	got := map[route.ASN]bool{}
	for _, ev := range r.events {
		if ev.Kind == collector.Routes {
			got[ev.Vantage.PeerAS] = ev.Vantage.AllPaths
		}
	}
	if got[64501] || !got[64502] || len(got) != 2 {
		t.Errorf("looks past best paths: %v", got)
	}
}
