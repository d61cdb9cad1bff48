package route

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// unhex reads hexadecimal with comments: everything after a # is for people.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	var clean strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		clean.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(clean.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// body puts the lengths of withdrawn routes and attributes in place.
func body(t *testing.T, withdrawn, attrs, nlri string) []byte {
	w, a := unhex(t, withdrawn), unhex(t, attrs)
	out := append([]byte{byte(len(w) >> 8), byte(len(w))}, w...)
	out = append(out, byte(len(a)>>8), byte(len(a)))
	return append(append(out, a...), unhex(t, nlri)...)
}

const usual = `
	40 01 01 00                          # ORIGIN IGP
	40 02 0a 02 02 0000fbf0 0000fbf4     # AS_PATH 64496 64500
	40 03 04 0a000001                    # NEXT_HOP 10.0.0.1
`

func prefixes(list []NLRI) string {
	var out []string
	for _, n := range list {
		text := n.Prefix.String()
		if n.PathID != 0 {
			text += fmt.Sprintf("#%d", n.PathID)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestDecodeEveryAttribute(t *testing.T) {
	d := Decode(body(t, `18 c63364`, usual+`
		80 04 04 00000007                    # MULTI_EXIT_DISC 7
		40 05 04 00000064                    # LOCAL_PREF 100
		40 06 00                             # ATOMIC_AGGREGATE
		c0 07 08 0000fbf4 c0000201           # AGGREGATOR AS64500 192.0.2.1
		c0 08 08 fbf40065 ffff0000           # COMMUNITIES 64500:101 GRACEFUL_SHUTDOWN
		80 09 04 0a000101                    # ORIGINATOR_ID
		80 0a 08 0a000001 0a000002           # CLUSTER_LIST
		c0 10 08 0002fbf400000064            # EXTENDED COMMUNITIES rt:64500:100
		c0 20 0c 0000fbf4 00000001 00000065  # LARGE_COMMUNITY 64500:1:101
		c0 23 04 0000fbf0                    # ONLY_TO_CUSTOMER
		c0 63 02 beef                        # unknown
	`, `18 c00002 19 cb007180`), Encoding{}, nil)
	if d.Class != Intact || len(d.Updates) != 1 {
		t.Fatalf("%v %v, %d updates", d.Class, d.Err, len(d.Updates))
	}
	u, a := d.Updates[0], d.Updates[0].Attrs
	got := fmt.Sprintf("w=%s a=%s path=%s nh=%s med=%d lp=%d atomic=%v agg=%v com=%v orig=%s cl=%v otc=%d unknown=%x",
		prefixes(u.Withdrawn), prefixes(u.Announced), a.Path, a.NextHop, a.MED, a.LocalPref, a.AtomicAggregate, a.Aggregator,
		a.CommunityStrings(), a.OriginatorID, a.ClusterList, a.OTC, a.Unknown[0].Value)
	want := "w=198.51.100.0/24 a=192.0.2.0/24 203.0.113.128/25 path=64496 64500 nh=10.0.0.1 med=7 lp=100 atomic=true agg={AS64500 192.0.2.1} " +
		"com=[64500:101 65535:0 64500:1:101 rt:64500:100] orig=10.0.1.1 cl=[10.0.0.1 10.0.0.2] otc=64496 unknown=beef"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !a.Has(GracefulShutdown) || !a.HasMED || !a.HasLocalPref || !a.HasOTC {
		t.Error("a flag is missing")
	}
}

func TestDecodeEncodings(t *testing.T) {
	for _, c := range []struct {
		name, attrs, nlri string
		enc               Encoding
		path, routes, hop string
	}{
		{"two octets, AS4_PATH replaces the tail", `40 01 01 00  40 02 08 02 03 fbf0 5ba0 5ba0  40 03 04 0a000001  c0 11 0a 02 02 00030d40 00030d41`, `18 c00002`,
			Encoding{TwoByteAS: true}, "64496 200000 200001", "192.0.2.0/24", "10.0.0.1"},
		{"two octets, AS4_PATH longer than the path is ignored", `40 01 01 00  40 02 04 02 01 fbf0  40 03 04 0a000001  c0 11 0a 02 02 00030d40 00030d41`, `18 c00002`,
			Encoding{TwoByteAS: true}, "64496", "192.0.2.0/24", "10.0.0.1"},
		{"path identifiers", usual, `00000005 18 c00002 00000006 18 c00002`, Encoding{AddPath: IPv4}, "64496 64500", "192.0.2.0/24#5 192.0.2.0/24#6", "10.0.0.1"},
		{"IPv6 in MP_REACH_NLRI", `40 01 01 00  40 02 00  80 0e 1c 0002 01 10 20010db8000000000000000000000001 00 30 20010db80053`, ``,
			Encoding{}, "", "2001:db8:53::/48", "2001:db8::1"},
		{"IPv6 with path identifiers", `40 01 01 00  40 02 00  80 0e 20 0002 01 10 20010db8000000000000000000000001 00 00000009 30 20010db80053`, ``,
			Encoding{AddPath: IPv6}, "", "2001:db8:53::/48#9", "2001:db8::1"},
		{"IPv4 with an IPv6 next hop", `40 01 01 00  40 02 00  80 0e 19 0001 01 10 20010db8000000000000000000000001 00 18 c00002`, ``,
			Encoding{}, "", "192.0.2.0/24", "2001:db8::1"},
		{"labelled unicast", `40 01 01 00  40 02 00  80 0e 10 0001 04 04 0a000001 00 30 001001 c00002`, ``, Encoding{}, "", "192.0.2.0/24", "10.0.0.1"},
		{"host bits are masked", usual, `18 c00002 17 c00003`, Encoding{}, "64496 64500", "192.0.2.0/24 192.0.2.0/23", "10.0.0.1"},
		{"sets and confederations", `40 01 01 00  40 02 16 03 01 0000fde9 02 01 0000fbf0 01 02 0000fbf4 0000fbf5  40 03 04 0a000001`, `18 c00002`,
			Encoding{}, "(65001) 64496 {64500,64501}", "192.0.2.0/24", "10.0.0.1"},
	} {
		d := Decode(body(t, "", c.attrs, c.nlri), c.enc, nil)
		if d.Class != Intact || len(d.Updates) != 1 {
			t.Errorf("%s: %v %v", c.name, d.Class, d.Err)
			continue
		}
		u := d.Updates[0]
		if got := u.Attrs.Path.String(); got != c.path {
			t.Errorf("%s: path %q, want %q", c.name, got, c.path)
		}
		if got := prefixes(u.Announced); got != c.routes {
			t.Errorf("%s: routes %s, want %s", c.name, got, c.routes)
		}
		if got := u.Attrs.NextHop.String(); got != c.hop {
			t.Errorf("%s: next hop %s, want %s", c.name, got, c.hop)
		}
	}
}

// TestDecodeClasses follows RFC 7606: no fault costs more than it must.
func TestDecodeClasses(t *testing.T) {
	for _, c := range []struct {
		name, attrs, nlri string
		class             Class
		says              string
		announced, gone   string
	}{
		{"ORIGIN of an unknown code", `40 01 01 09  40 02 00  40 03 04 0a000001`, `18 c00002`, TreatAsWithdraw, "ORIGIN", "", "192.0.2.0/24"},
		{"ORIGIN missing", `40 02 00  40 03 04 0a000001`, `18 c00002`, TreatAsWithdraw, "ORIGIN is missing", "", "192.0.2.0/24"},
		{"AS_PATH missing", `40 01 01 00  40 03 04 0a000001`, `18 c00002`, TreatAsWithdraw, "AS_PATH is missing", "", "192.0.2.0/24"},
		{"NEXT_HOP missing", `40 01 01 00  40 02 00`, `18 c00002`, TreatAsWithdraw, "NEXT_HOP is missing", "", "192.0.2.0/24"},
		{"AS_PATH overruns", `40 01 01 00  40 02 04 02 02 0000  40 03 04 0a000001`, `18 c00002`, TreatAsWithdraw, "AS_PATH", "", "192.0.2.0/24"},
		{"COMMUNITIES of three octets", usual + `c0 08 03 fbf400`, `18 c00002`, TreatAsWithdraw, "COMMUNITIES", "", "192.0.2.0/24"},
		{"AGGREGATOR too short", usual + `c0 07 03 fbf400`, `18 c00002`, AttributeDiscard, "AGGREGATOR", "192.0.2.0/24", ""},
		{"ONLY_TO_CUSTOMER too short", usual + `c0 23 02 fbf4`, `18 c00002`, TreatAsWithdraw, "35", "", "192.0.2.0/24"},
		{"an attribute twice: the second is dropped", usual + `40 02 06 02 01 0000fbff`, `18 c00002`, Intact, "", "192.0.2.0/24", ""},
		{"an attribute overruns all", `40 01 01 00  40 02 ff`, `18 c00002`, TreatAsWithdraw, "longer", "", "192.0.2.0/24"},
		{"a route of impossible length", usual, `21 c0000200`, Unreadable, "/33", "", ""},
	} {
		d := Decode(body(t, "", c.attrs, c.nlri), Encoding{}, nil)
		if d.Class != c.class || c.says != "" && (d.Err == nil || !strings.Contains(d.Err.Error(), c.says)) {
			t.Errorf("%s: %v, %v; want %v", c.name, d.Class, d.Err, c.class)
		}
		var announced, gone string
		for _, u := range d.Updates {
			announced += prefixes(u.Announced)
			gone += prefixes(u.Withdrawn)
		}
		if announced != c.announced || gone != c.gone {
			t.Errorf("%s: announced %q withdrawn %q", c.name, announced, gone)
		}
	}
}

// TestDecodeTwoNextHops: IPv4 and IPv6 routes in one message have a next hop each.
func TestDecodeTwoNextHops(t *testing.T) {
	d := Decode(body(t, "", usual+`80 0e 1c 0002 01 10 20010db8000000000000000000000001 00 30 20010db80053`, `18 c00002`), Encoding{}, nil)
	if len(d.Updates) != 2 || d.Updates[0].Attrs.NextHop.String() != "2001:db8::1" || d.Updates[1].Attrs.NextHop.String() != "10.0.0.1" {
		t.Errorf("%+v", d)
	}
}

func TestDecodeVPN(t *testing.T) {
	attrs := `40 01 01 00  40 02 00  80 0e 20 0001 80 0c 0000000000000000 0a000001 00 70 001001 0000fbf400000001 c00002`
	if d := Decode(body(t, "", attrs, ""), Encoding{}, nil); len(d.Updates) != 0 || d.Class != Intact {
		t.Errorf("unnamed: %+v", d)
	}
	d := Decode(body(t, "", attrs, ""), Encoding{}, func(rd uint64) bool { return rd == 64500<<32|1 })
	if len(d.Updates) != 1 || prefixes(d.Updates[0].Announced) != "192.0.2.0/24" {
		t.Errorf("named: %+v %v", d, d.Err)
	}
}

// TestDecodeVPNWithPathIdentifiers: SAFI 128 has an Add-Path capability of its own, for each family.
func TestDecodeVPNWithPathIdentifiers(t *testing.T) {
	head := `40 01 01 00  40 02 00  `
	for _, c := range []struct {
		name, attrs, announced, gone string
		enc                          Encoding
	}{
		{"IPv4", `80 0e 24 0001 80 0c 0000000000000000 0a000001 00 00000007 70 001001 0000fbf400000001 c00002`, "192.0.2.0/24#7", "", Encoding{AddPathVPN: IPv4}},
		{"IPv6", `80 0e 33 0002 80 18 0000000000000000 20010db8000000000000000000000001 00 00000009 88 001001 0000fbf400000001 20010db80053`,
			"2001:db8:53::/48#9", "", Encoding{AddPathVPN: IPv6}},
		{"withdrawn", `80 0f 16 0001 80 00000007 70 800000 0000fbf400000001 c00002`, "", "192.0.2.0/24#7", Encoding{AddPathVPN: IPv4}},
		{"only of the other family", `80 0f 12 0001 80 70 800000 0000fbf400000001 c00002`, "", "192.0.2.0/24", Encoding{AddPathVPN: IPv6, AddPath: IPv4, AddPathLabelled: IPv4}},
	} {
		d := Decode(body(t, "", head+c.attrs, ""), c.enc, func(rd uint64) bool { return rd == 64500<<32|1 })
		if len(d.Updates) != 1 || prefixes(d.Updates[0].Announced) != c.announced || prefixes(d.Updates[0].Withdrawn) != c.gone {
			t.Errorf("%s: %+v %v", c.name, d, d.Err)
		}
	}
}

func TestDecodeAttrsOfTable(t *testing.T) {
	a, class, err := DecodeAttrs(unhex(t, `40 01 01 00  40 02 06 02 01 0000fbf4  80 0e 11 10 20010db8000000000000000000000001`), Encoding{})
	if class != Intact || a.NextHop != netip.MustParseAddr("2001:db8::1") || a.Path.String() != "64500" {
		t.Errorf("%+v %v %v", a, class, err)
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		text, json, origin, neighbor string
	}{
		{"", "[]", "AS1", ""},
		{"64496 64500", "[64496,64500]", "AS64500", "AS64496"},
		{"64496 64500 64500 64500", "[64496,64500,64500,64500]", "AS64500", "AS64496"},
		{"64496 {64501,64500}", "[64496,[64501,64500]]", "{64500,64501}", "AS64496"},
		{"(65001 65002)", "[65001,65002]", "AS1", ""},
		{"(65001) 64496 64500", "[65001,64496,64500]", "AS64500", "AS64496"},
		{"64500", "[64500]", "AS64500", ""},
	} {
		p, err := ParsePath(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != c.text {
			t.Errorf("%q came back as %q", c.text, p)
		}
		if b, err := json.Marshal(p); string(b) != c.json || err != nil {
			t.Errorf("%q: JSON %s %v", c.text, b, err)
		}
		o := p.Origin(1)
		origin := o.AS.String()
		if o.Set != nil {
			origin = Path{{Kind: Set, ASNs: o.Set}}.String()
		}
		if origin != c.origin {
			t.Errorf("%q: origin %s, want %s", c.text, origin, c.origin)
		}
		n, ok := p.Neighbor()
		if ok != (c.neighbor != "") || ok && n.String() != c.neighbor {
			t.Errorf("%q: neighbour %v %v", c.text, n, ok)
		}
	}
	for _, bad := range []string{"AS", "64500 x", "{64500", "-1", "4294967296", "(1", "1_0"} {
		if p, err := ParsePath(bad); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
}

func TestParseASN(t *testing.T) {
	for text, want := range map[string]ASN{"64500": 64500, "AS64500": 64500, "as1": 1, "1.10": 65546, "AS4294967295": 4294967295, "0": 0} {
		if got, err := ParseASN(text); got != want || err != nil {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "AS", "+1", "1_000", "1.65536", ".1", "1.", "4294967296", "64500 ", "ASN1"} {
		if got, err := ParseASN(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func TestParseCommunities(t *testing.T) {
	if c, err := ParseCommunity("64500:101"); err != nil || c.String() != "64500:101" {
		t.Errorf("%v %v", c, err)
	}
	if c, err := ParseLargeCommunity("64500:1:4294967295"); err != nil || c.String() != "64500:1:4294967295" {
		t.Errorf("%v %v", c, err)
	}
	for _, bad := range []string{"70000:1", "1:65536", "1", "1:2:3", "a:b", ":", ""} {
		if c, err := ParseCommunity(bad); err == nil {
			t.Errorf("%q was read as %v", bad, c)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for _, bad := range []string{"192.0.2.0/33", "192.0.2.1/24", "192.0.2.0", "::ffff:192.0.2.0/120", "x/24", "2001:db8::1/32"} {
		if p, err := ParsePrefix(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v %v", bad, p, err)
		}
	}
}

func TestAttrsEqual(t *testing.T) {
	a := Attrs{Path: SequencePath(1, 2), Communities: []Community{1}}
	b := Attrs{Path: SequencePath(1, 2), Communities: []Community{1}}
	if !a.Equal(&b) {
		t.Error("the same attributes differ")
	}
	for name, change := range map[string]func(*Attrs){
		"path": func(x *Attrs) { x.Path = SequencePath(1, 3) }, "next hop": func(x *Attrs) { x.NextHop = netip.MustParseAddr("10.0.0.1") },
		"MED": func(x *Attrs) { x.HasMED = true }, "communities": func(x *Attrs) { x.Communities = nil },
		"unknown": func(x *Attrs) { x.Unknown = []RawAttr{{Type: 99}} }, "OTC": func(x *Attrs) { x.OTC = 1 },
	} {
		c := b
		change(&c)
		if a.Equal(&c) {
			t.Errorf("another %s is no change", name)
		}
	}
}
