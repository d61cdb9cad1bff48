package exabgp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

// wire makes the octets of an update of one route, as ExaBGP writes them.
func wire(t *testing.T, prefix string, id uint32, asns ...uint32) (header, body string) {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	n := bgp.NewIPAddrPrefix(uint8(p.Bits()), p.Addr().String())
	n.SetPathLocalIdentifier(id)
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), bgp.NewPathAttributeNextHop("198.51.100.9"),
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, asns)})}
	var options []*bgp.MarshallingOption
	if id != 0 {
		options = append(options, &bgp.MarshallingOption{AddPath: map[bgp.RouteFamily]bgp.BGPAddPathMode{bgp.RF_IPv4_UC: bgp.BGP_ADD_PATH_BOTH}})
	}
	b, err := bgp.NewBGPUpdateMessage(nil, attrs, []*bgp.IPAddrPrefix{n}).Serialize(options...)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("0x%X", b[:19]), fmt.Sprintf("0x%X", b[19:])
}

// packets is a line of octets alone.
func packets(header, body string) string {
	return line("update", `"direction": "receive", "message": { "category": 2, "header": "`+header+`", "body": "`+body+`" } `)
}

// consolidated is a line of an update with its octets beside it.
func consolidated(header, body, parsed string) string {
	return strings.Replace(parsed, `"type": "update", `, `"type": "update", "header": "`+header+`", "body": "`+body+`", `, 1)
}

// TestOctets: the octets count, and not what ExaBGP made of them.
func TestOctets(t *testing.T) {
	h, b := wire(t, "192.0.2.0/24", 0, 64501, 70000)
	const want = vantage + "routes +192.0.2.0/24 [64501 70000] via 198.51.100.9"
	r := newRig(t, testWatch())
	r.line(packets(h, b))
	r.line(consolidated(h, b, announcing("192.0.2.0/25")))
	r.expect(want, want)
	if got := r.in.Tally; got.Updates != 2 || got.Matched != 2 || got.Malformed != 0 {
		t.Errorf("counted %+v", got)
	}
}

// TestOctetsTwice: where octets and their reading come in two lines, the update counts once.
func TestOctetsTwice(t *testing.T) {
	h, b := wire(t, "192.0.2.0/24", 0, 64501)
	r := newRig(t, testWatch())
	for range 2 {
		r.line(packets(h, b))
		r.line(announcing("192.0.2.0/24"))
	}
	r.expect(vantage+"routes +192.0.2.0/24 [64501] via 198.51.100.9", vantage+"routes +192.0.2.0/24 [64501] via 198.51.100.9")
	if got := r.in.Tally; got.Messages != 4 || got.Updates != 2 {
		t.Errorf("counted %+v", got)
	}
	r.line(announcing("192.0.2.0/25"))
	r.expect(vantage + "routes +192.0.2.0/25 [64501] via 198.51.100.9 64501:7")
}

// TestOctetsThatCannotBeRead: then what ExaBGP made of them has to do, where it is there.
func TestOctetsThatCannotBeRead(t *testing.T) {
	h, b := wire(t, "192.0.2.0/24", 0, 64501)
	short := strings.Replace(b, "0x0000", "0x0FFF", 1) // withdrawn routes that are longer than the message
	for _, c := range []struct{ header, body, want string }{
		{h, short, "shorter"}, {h, b[:len(b)-2], "its body is not as long"}, {h, b[:len(b)-2] + "XX", "invalid byte"},
		{"0x", b, "its header"}, {h[:len(h)-2] + "04", b, "its header"},
	} {
		r := newRig(t, testWatch())
		r.line(packets(c.header, c.body))
		if c.header == "0x" {
			r.refuses(c.want)
			continue
		}
		if len(r.malformed) != 1 || r.in.Tally.Malformed != 1 {
			t.Errorf("%s: passed over %v, counted %+v", c.want, r.malformed, r.in.Tally)
		}
		r.malformed = nil
		r.line(consolidated(c.header, c.body, announcing("192.0.2.0/24")))
		r.expect(vantage + "routes +192.0.2.0/24 [64501] via 198.51.100.9 64501:7")
		if r.in.Tally.Malformed != 1 {
			t.Errorf("%s: counted %+v", c.want, r.in.Tally)
		}
	}
}

// TestAgreed: octets are read as the two ends agreed, and by trial where nobody told how.
func TestAgreed(t *testing.T) {
	h, b := wire(t, "192.0.2.0/24", 7, 64501)
	const want = vantage + "routes +192.0.2.0/24#7 [64501] via 198.51.100.9"
	told := newRig(t, testWatch())
	told.line(line("negotiated", `"negotiated": { "asn4": true, "families": [ "ipv4 unicast" ], "add_path": { "send": [ ], "receive": [ "ipv4 unicast" ] } } `))
	told.line(packets(h, b))
	told.expect(want)
	trial := newRig(t, testWatch())
	trial.line(packets(h, b))
	trial.expect(want)
	if told.in.Tally.Redecoded != 0 || trial.in.Tally.Redecoded != 1 {
		t.Errorf("told %+v, by trial %+v", told.in.Tally, trial.in.Tally)
	}
}

func FuzzLine(f *testing.F) {
	f.Add(announcing("192.0.2.0/24"))
	f.Add(line("negotiated", `"negotiated": { "asn4": true, "families": [ "ipv4 unicast" ], "add_path": { "send": [ ], "receive": [ "ipv4 unicast" ] } } `))
	f.Add(packets("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001702", "0x00000000"))
	f.Add(line("state", `"state": "down"`))
	f.Fuzz(func(t *testing.T, text string) {
		r := newRig(t, everything())
		r.line(text)
		Time([]byte(text))
		if got := r.in.Tally; got.Malformed != uint64(len(r.malformed)) || got.Messages > 1 {
			t.Errorf("counted %+v, passed over %v", got, r.malformed)
		}
	})
}
