package mrt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"anywatch/collector"
)

// told writes an event as the tests below expect it.
func told(ev collector.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", ev.Time.Format("05.999999"), ev.Vantage.Name(), ev.Kind)
	if ev.Table {
		b.WriteString(" table")
	}
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			fmt.Fprintf(&b, " -%s", n.Prefix)
		}
		for _, n := range u.Announced {
			fmt.Fprintf(&b, " +%s", n.Prefix)
			if n.PathID != 0 {
				fmt.Fprintf(&b, "#%d", n.PathID)
			}
		}
		if u.Attrs != nil {
			fmt.Fprintf(&b, " [%s] via %s", u.Attrs.Path, u.Attrs.NextHop)
		}
	}
	if ev.Family != 0 {
		fmt.Fprintf(&b, " IPv%d", 2+2*ev.Family)
	}
	if ev.Reason != "" {
		fmt.Fprintf(&b, " (%s)", ev.Reason)
	}
	return b.String()
}

// TestRecords: what each kind of record gives, event by event.
func TestRecords(t *testing.T) {
	nextHop6 := attribute(0x80, 14, []byte{16}, addr("2001:db8:9::2"))
	full6 := attribute(0x80, 14, u16(2), []byte{1, 16}, addr("2001:db8:9::2"), []byte{0}, nlri(0, "2001:db8:1::/48"))
	origin := attribute(0x40, 1, []byte{0})
	labelled := join([]byte{24 + 24, 0, 0x10, 0x01}, addr("192.0.2.0")[:3])
	for _, c := range []struct {
		name    string
		records []byte
		want    []string
		tally   collector.Tally // of which messages, updates, prefixes, matched and malformed are compared
	}{
		{"an update that nobody watches", as4(t0, announce("203.0.113.0/24", 64501, 64502)), nil, collector.Tally{Messages: 1, Updates: 1, Prefixes: 1}},
		{"MESSAGE_AS4", as4(t0, announce("192.0.2.0/24", 64501, 200000)),
			[]string{"20 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24 [64501 200000] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"MESSAGE", record(t0, 16, 1, between(2, 64501, "198.51.100.1"), update(nil, attributes(2, 64501, 64502), nlri(0, "192.0.2.0/24"))),
			[]string{"20 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24 [64501 64502] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"BGP4MP_ET", record(t0, 17, 4, u32(250000), between(4, 64501, "198.51.100.1"), announce("192.0.2.0/24", 64501)),
			[]string{"20.25 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24 [64501] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"a peer on IPv6, and a withdrawal", record(t0, 16, 4, between(4, 200000, "2001:db8:9::2"), update(nlri(0, "192.0.2.0/25"), nil, nil)),
			[]string{"20 mrt:AS200000/2001:db8:9::2 routes -192.0.2.0/25"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"MESSAGE_AS4_ADDPATH", record(t0, 16, 9, between(4, 64501, "198.51.100.1"), update(nil, attributes(4, 64501), nlri(7, "192.0.2.0/24"))),
			[]string{"20 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24#7 [64501] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"MESSAGE_ADDPATH", record(t0, 16, 8, between(2, 64501, "198.51.100.1"), update(nil, attributes(2, 64501), nlri(8, "192.0.2.0/24"))),
			[]string{"20 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24#8 [64501] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"path identifiers that the subtype does not tell of", as4(t0, update(nil, attributes(4, 64501), nlri(1, "192.0.2.0/24", "192.0.2.128/25"))),
			[]string{"20 mrt:AS64501/198.51.100.1 routes +192.0.2.0/24#1 +192.0.2.128/25#1 [64501] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 2, Matched: 1}},
		{"what the collector itself sent is another vantage", record(t0, 16, 7, between(4, 64501, "198.51.100.1"), announce("192.0.2.0/24", 64999)),
			[]string{"20 mrt:AS64501/198.51.100.1/out-post routes +192.0.2.0/24 [64999] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"an empty path of our own AS", record(t0, 16, 4, between(4, 64500, "198.51.100.1"), update(nil, attributes(4), nlri(0, "203.0.113.0/24"))),
			[]string{"20 mrt:AS64500/198.51.100.1 routes +203.0.113.0/24 [] via 198.51.100.9"},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"End-of-RIB", as4(t0, update(nil, nil, nil)), []string{
			"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
		}, collector.Tally{Messages: 1, Updates: 1}},
		{"OPEN, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH", join(as4(t0, bgp(1, make([]byte, 10))), as4(t0, bgp(3, []byte{6, 4})), as4(t0, bgp(4)), as4(t0, bgp(5, u32(0)))),
			nil, collector.Tally{Messages: 4}},
		{"STATE_CHANGE up, STATE_CHANGE_AS4 down, and steps between", join(
			record(t0, 16, 0, between(2, 64501, "198.51.100.1"), u16(5), u16(6)),
			record(t0+1, 16, 5, between(4, 64501, "198.51.100.1"), u16(6), u16(1)),
			record(t0+2, 16, 5, between(4, 64501, "198.51.100.1"), u16(1), u16(3))),
			[]string{"20 mrt:AS64501/198.51.100.1 peer-up (OpenConfirm to Established)", "21 mrt:AS64501/198.51.100.1 peer-down (Established to Idle)"},
			collector.Tally{Messages: 3}},
		{"TABLE_DUMP", join(
			record(t0, 12, 1, u16(0), u16(1), addr("192.0.2.0"), []byte{24, 1}, u32(t0), addr("198.51.100.1"), u16(64501), u16(len(attributes(2, 64501))), attributes(2, 64501)),
			record(t0, 12, 2, u16(0), u16(2), addr("2001:db8:1::"), []byte{48, 1}, u32(t0), addr("2001:db8:9::2"), u16(64502), u16(len(attributes(2, 64502))), attributes(2, 64502))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24 [64501] via 198.51.100.9",
				"20 mrt:AS64502/2001:db8:9::2 table-begins IPv6",
				"20 mrt:AS64502/2001:db8:9::2 routes table +2001:db8:1::/48 [64502] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"20 mrt:AS64501/198.51.100.1 synchronised",
				"20 mrt:AS64502/2001:db8:9::2 end-of-rib IPv6",
				"20 mrt:AS64502/2001:db8:9::2 synchronised",
			},
			collector.Tally{Messages: 2, Updates: 2, Prefixes: 2, Matched: 2}},
		{"TABLE_DUMP_V2", join(peerIndex(t0), record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(2), rib(0, attributes(4, 64501)), rib(1, attributes(4, 200000)))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS200000/2001:db8:9::2 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24 [64501] via 198.51.100.9",
				"20 mrt:AS200000/2001:db8:9::2 routes table +192.0.2.0/24 [200000] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"20 mrt:AS64501/198.51.100.1 synchronised",
				"20 mrt:AS200000/2001:db8:9::2 end-of-rib IPv4",
				"20 mrt:AS200000/2001:db8:9::2 synchronised",
			},
			collector.Tally{Messages: 2, Updates: 2, Prefixes: 2, Matched: 2}},
		{"TABLE_DUMP_V2 of IPv6, next hop alone or the whole attribute", join(peerIndex(t0), record(t0, 13, 4, u32(0), nlri(0, "2001:db8:1::/48"), u16(2),
			rib(1, join(origin, asPath(4, 200000), nextHop6)), rib(1, join(origin, asPath(4, 200001), full6)))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv6",
				"20 mrt:AS200000/2001:db8:9::2 table-begins IPv6",
				"20 mrt:AS200000/2001:db8:9::2 routes table +2001:db8:1::/48 [200000] via 2001:db8:9::2",
				"20 mrt:AS200000/2001:db8:9::2 routes table +2001:db8:1::/48 [200001] via 2001:db8:9::2",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv6",
				"20 mrt:AS200000/2001:db8:9::2 end-of-rib IPv6",
				"20 mrt:AS200000/2001:db8:9::2 synchronised",
			},
			collector.Tally{Messages: 2, Updates: 2, Prefixes: 2, Matched: 2}},
		{"RIB_IPV4_UNICAST_ADDPATH", join(peerIndex(t0), record(t0, 13, 8, u32(0), nlri(0, "192.0.2.0/24"), u16(2), ribPath(0, 3, attributes(4, 64501)), ribPath(0, 4, attributes(4, 64501, 64502)))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS200000/2001:db8:9::2 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24#3 [64501] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24#4 [64501 64502] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"20 mrt:AS64501/198.51.100.1 synchronised",
				"20 mrt:AS200000/2001:db8:9::2 end-of-rib IPv4",
			},
			collector.Tally{Messages: 2, Updates: 2, Prefixes: 2, Matched: 2}},
		{"multicast and VPN routes are counted", join(peerIndex(t0), record(t0, 13, 3, u32(0), nlri(0, "192.0.2.0/24"), u16(1), rib(0, attributes(4, 64501))),
			record(t0, 13, 6, u32(0), u16(1), []byte{128}, []byte{112, 0, 0, 0x11}, make([]byte, 8), addr("192.0.2.0")[:3], u16(1), rib(0, attributes(4, 64501)))),
			nil, collector.Tally{Messages: 3, Updates: 2, Prefixes: 2}},
		{"labelled unicast in RIB_GENERIC counts as unicast", join(peerIndex(t0), record(t0, 13, 6, u32(0), u16(1), []byte{4}, labelled, u16(1), rib(0, attributes(4, 64501)))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS200000/2001:db8:9::2 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24 [64501] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"20 mrt:AS64501/198.51.100.1 synchronised",
				"20 mrt:AS200000/2001:db8:9::2 end-of-rib IPv4",
			},
			collector.Tally{Messages: 2, Updates: 1, Prefixes: 1, Matched: 1}},
		{"BGP4MP_ENTRY", record(t0, 16, 2, u16(64999), u16(64501), u16(0), u16(1), addr("203.0.113.1"), addr("198.51.100.1"), u16(0), u16(1), u32(t0), u16(1), []byte{1, 4}, addr("198.51.100.9"), nlri(0, "192.0.2.0/24"),
			u16(len(attributes(2, 64501))), attributes(2, 64501)),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24 [64501] via 198.51.100.9",
				"20 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"20 mrt:AS64501/198.51.100.1 synchronised",
			},
			collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"updates after a table: the table is complete", join(peerIndex(t0), record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(1), rib(0, attributes(4, 64501))), as4(t0+1, update(nlri(0, "192.0.2.0/24"), nil, nil))),
			[]string{
				"20 mrt:AS64501/198.51.100.1 table-begins IPv4",
				"20 mrt:AS200000/2001:db8:9::2 table-begins IPv4",
				"20 mrt:AS64501/198.51.100.1 routes table +192.0.2.0/24 [64501] via 198.51.100.9",
				"21 mrt:AS64501/198.51.100.1 end-of-rib IPv4",
				"21 mrt:AS64501/198.51.100.1 synchronised",
				"21 mrt:AS200000/2001:db8:9::2 end-of-rib IPv4",
				"21 mrt:AS64501/198.51.100.1 routes -192.0.2.0/24",
			},
			collector.Tally{Messages: 3, Updates: 2, Prefixes: 2, Matched: 2}},
		{"other protocols, and types of before BGP4MP", join(record(t0, 5, 1, make([]byte, 20)), record(t0, 11, 0, make([]byte, 20)), record(t0, 32, 0), record(t0, 49, 0, u32(1)), record(t0, 13, 7, u32(1))),
			nil, collector.Tally{Messages: 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.read(c.records)
			var got []string
			for _, ev := range r.events {
				got = append(got, told(ev))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			tally := r.in.Tally
			tally.Skipped, tally.Redecoded = 0, 0
			if tally != c.tally {
				t.Errorf("counted %+v, want %+v", tally, c.tally)
			}
			if r.skipped != 0 || len(r.malformed) != 0 {
				t.Errorf("%d octets skipped, malformed: %v", r.skipped, r.malformed)
			}
		})
	}
}

// TestScope: peers in our own ASes are internal, and Add-Path looks past best paths.
func TestScope(t *testing.T) {
	r := newRig(t)
	r.read(join(
		record(t0, 16, 4, between(4, 64500, "198.51.100.1"), announce("192.0.2.0/24", 64501)),
		as4(t0, announce("192.0.2.0/24", 64501)),
		record(t0, 16, 9, between(4, 64501, "198.51.100.1"), update(nil, attributes(4, 64501), nlri(7, "192.0.2.0/24")))))
	if len(r.events) != 3 {
		t.Fatalf("%d events, want 3", len(r.events))
	}
	own, other, paths := r.events[0].Vantage, r.events[1].Vantage, r.events[2].Vantage
	if own.Scope != collector.Internal || own.Local != 64500 {
		t.Errorf("AS64500: scope %s, local %s", own.Scope, own.Local)
	}
	if other.Scope != collector.External || other.Local != 64501 || other.AllPaths {
		t.Errorf("AS64501: scope %s, local %s, all paths %v", other.Scope, other.Local, other.AllPaths)
	}
	if !paths.AllPaths || paths.ID != other.ID {
		t.Errorf("with path identifiers: all paths %v, number %d, want true, %d", paths.AllPaths, paths.ID, other.ID)
	}
}

// TestMalformed: each fault is one malformed record, named, and the record after it is read.
func TestMalformed(t *testing.T) {
	good := as4(t0, announce("192.0.2.0/24", 64501))
	cutMessage := announce("192.0.2.0/24", 64501)
	noise := bgp(2, []byte(strings.Repeat("\xfe", 41)))
	for _, c := range []struct {
		name   string
		record []byte
		says   string
	}{
		{"no room for the session", record(t0, 16, 4, u32(1)), "shorter than its fields"},
		{"no room for addresses", record(t0, 16, 4, u32(1), u32(2), u16(0), u16(2), u32(3)), "shorter than its fields"},
		{"strange address family", record(t0, 16, 4, u32(1), u32(2), u16(0), u16(9), make([]byte, 60)), "neither IPv4 nor IPv6"},
		{"no BGP message", as4(t0, nil), "shorter than its fields"},
		{"no marker", as4(t0, make([]byte, 30)), "marker"},
		{"message cut by its record", as4(t0, cutMessage[:len(cutMessage)-1]), "longer than the record"},
		{"length below the header's", as4(t0, join(bgp(4)[:16], u16(18), []byte{4})), "impossible length"},
		{"OPEN too short", as4(t0, bgp(1)), "impossible length"},
		{"unknown BGP type", as4(t0, bgp(99)), "no known type"},
		{"UPDATE of noise", as4(t0, noise), "malformed update"},
		{"microseconds missing", record(t0, 17, 4, u16(1)), "shorter than its fields"},
		{"state change without states", record(t0, 16, 0, between(2, 64501, "198.51.100.1")), "shorter than its fields"},
		{"states that do not exist", record(t0, 16, 0, between(2, 64501, "198.51.100.1"), u16(6), u16(60000)), "state"},
		{"RIB entry of a peer without a table", record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(1), rib(7, attributes(4, 64501))), "no peer index table"},
		{"RIB entry cut", record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(1), u16(0)), "shorter than its fields"},
		{"RIB of a prefix too long", record(t0, 13, 2, u32(0), []byte{33}, make([]byte, 5), u16(0)), "longer than an address"},
		{"RIB without a prefix", record(t0, 13, 2, u32(0)), "shorter than its fields"},
		{"peer table cut", record(t0, 13, 1, u32(0), u16(0), u16(2), []byte{0}), "shorter than its fields"},
		{"view name longer than the record", record(t0, 13, 1, u32(0), u16(999), u16(2)), "shorter than its fields"},
		{"table dump cut", record(t0, 12, 1, make([]byte, 21)), "shorter than its fields"},
		{"labels without an end", record(t0, 13, 6, u32(0), u16(1), []byte{4, 24, 0, 0, 0}, u16(0)), "longer than an address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.read(join(c.record, good))
			if len(r.malformed) != 1 || !strings.Contains(r.malformed[0].Error(), c.says) {
				t.Errorf("said %v, want %q", r.malformed, c.says)
			}
			if got := r.in.Tally; got.Messages != 2 || got.Malformed != 1 || got.Updates != 1 || got.Matched != 1 {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// TestManyBadEntries: a record with several bad entries is one malformed record, and its good entries are read.
func TestManyBadEntries(t *testing.T) {
	r := newRig(t)
	broken := join(attribute(0x40, 1, []byte{0}), attribute(0x40, 2, []byte{9, 9, 9}))
	r.read(join(peerIndex(t0), record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(4),
		rib(0, broken), rib(1, broken), rib(9, attributes(4, 64501)), rib(1, attributes(4, 200000)))))
	if got := r.in.Tally; got.Malformed != 1 || got.Updates != 1 || got.Matched != 1 || len(r.malformed) != 1 {
		t.Errorf("counted %+v, said %v", got, r.malformed)
	}
}
