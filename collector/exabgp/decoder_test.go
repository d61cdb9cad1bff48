package exabgp

import (
	"context"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

const vantage = "20.25 exabgp:rs1/198.51.100.1 "

// TestUpdate reads an update with all attributes that ExaBGP names, as version 4 and as version 5 write them.
func TestUpdate(t *testing.T) {
	const attributes = `"origin": "egp", "med": 7, "local-preference": 100, "atomic-aggregate": true, "aggregator": "64500:192.0.2.9", "community": [ [ 64501, 7 ], [ 65535, 666 ] ],
		"large-community": [ [ 64501, 1 , 2 ] ], "originator-id": "192.0.2.8", "cluster-list": [ "192.0.2.7", "192.0.2.6" ],
		"extended-community": [ { "value": 562992903094282, "string": "target:10:10" } ], "attribute-0x23-0xC0": "0x0000FBF5", "attribute-0x63-0xC0": "0x0102"`
	want := route.Attrs{Origin: route.EGP, MED: 7, HasMED: true, LocalPref: 100, HasLocalPref: true, AtomicAggregate: true,
		Aggregator: route.Aggregator{AS: 64500, Address: address("192.0.2.9")}, Communities: []route.Community{0xFBF50007, route.Blackhole},
		Large: []route.LargeCommunity{{Global: 64501, Local1: 1, Local2: 2}}, OriginatorID: address("192.0.2.8"),
		Extended: []route.ExtCommunity{{0, 2, 0, 10, 0, 0, 0, 10}}, HasOTC: true, OTC: 64501, NextHop: address("198.51.100.9"),
		Unknown: []route.RawAttr{{Flags: 0xD0, Type: 0x63, Value: []byte{1, 2}}}}
	want.ClusterList = append(want.ClusterList, address("192.0.2.7"), address("192.0.2.6"))
	for _, c := range []struct{ version, path, want string }{
		{"4", `"as-path": [ 64501, 3356 ], "as-set": [ 64500, 64510 ], "confederation-path": [ 65001 ]`, "(65001) 64501 3356 {64500,64510}"},
		{"4, nothing but ourselves", `"as-path": []`, ""},
		{"5", `"as-path": { "0": { "element": "as-confed-sequence", "value": [ 65001 ] }, "1": { "element": "as-sequence", "value": [ 64501, 3356 ] },
			"2": { "element": "as-set", "value": [ 64500, 64510 ] }, "10": { "element": "as-confed-set", "value": [ 65002 ] } }`, "(65001) 64501 3356 {64500,64510} [65002]"},
		{"5, a long path", `"as-path": { "0": { "element": "as-sequence", "value": [ 64501 ] }, "1": { "element": "as-sequence", "value": [ 64500 ] } }`, "64501 64500"},
		{"5, nothing but ourselves", `"as-path": {}`, ""},
	} {
		t.Run(c.version, func(t *testing.T) {
			r := newRig(t, testWatch())
			r.line(updated(`"attribute": { ` + attributes + `, ` + c.path + ` }, "announce": { "ipv4 unicast": { "198.51.100.9": [ { "nlri": "192.0.2.0/24" } ] } }`))
			if len(r.updates) != 1 {
				t.Fatalf("events %q, passed over %v", r.events, r.malformed)
			}
			var err error
			if want.Path, err = route.ParsePath(c.want); err != nil {
				t.Fatal(err)
			}
			if got := r.updates[0].Attrs; !got.Equal(&want) {
				t.Errorf("got  %+v\nwant %+v", *got, want)
			}
		})
	}
}

// TestRoutes: the ways of writing routes; families that are not read are counted.
func TestRoutes(t *testing.T) {
	const attrs = `"attribute": { "origin": "igp", "as-path": [ 64501 ] }, `
	for _, c := range []struct {
		name, content, want string
		prefixes            uint64
	}{
		{"objects", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": [ { "nlri": "192.0.2.0/24" }, { "nlri": "192.0.2.0/25" } ] } }`,
			"+192.0.2.0/24 +192.0.2.0/25 [64501] via 10.0.0.1", 2},
		{"compact", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": [ "192.0.2.0/24" ] } }`, "+192.0.2.0/24 [64501] via 10.0.0.1", 1},
		{"keys", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": { "192.0.2.0/24": { }, "192.0.2.0/25": { } } } }`,
			"+192.0.2.0/24 +192.0.2.0/25 [64501] via 10.0.0.1", 2},
		{"paths", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": [ { "nlri": "192.0.2.0/24", "path-information": "0.0.1.2" } ] } }`,
			"+192.0.2.0/24#258 [64501] via 10.0.0.1", 1},
		{"two next hops", attrs + `"announce": { "ipv4 unicast": { "10.0.0.2": [ "192.0.2.0/25" ], "10.0.0.1": [ "192.0.2.0/24" ] } }`,
			"+192.0.2.0/24 [64501] via 10.0.0.1 +192.0.2.0/25 [64501] via 10.0.0.2", 2},
		{"a link-local next hop beside a global one", attrs + `"announce": { "ipv6 unicast": { "fe80::1": [ "2001:db8::/32", "2001:db8:1::/48" ], "2001:db8::9": [ "2001:db8::/32" ] } }`,
			"+2001:db8::/32 [64501] via 2001:db8::9 +2001:db8:1::/48 [64501] via fe80::1", 3 - 1},
		{"labels", attrs + `"announce": { "ipv4 nlri-mpls": { "10.0.0.1": [ { "nlri": "192.0.2.0/24", "label": [ [ 3, 49 ] ] } ] } }`, "+192.0.2.0/24 [64501] via 10.0.0.1", 1},
		{"withdrawn", `"withdraw": { "ipv4 unicast": [ { "nlri": "192.0.2.0/24", "path-information": "0.0.0.1" } ], "ipv6 unicast": [ "2001:db8::/32" ] }`,
			"-192.0.2.0/24#1 -2001:db8::/32", 2},
		{"both", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": [ "192.0.2.0/24" ] } }, "withdraw": { "ipv4 unicast": [ "192.0.2.0/25" ] }`,
			"-192.0.2.0/25 +192.0.2.0/24 [64501] via 10.0.0.1", 2},
		{"other families", attrs + `"announce": { "ipv4 mpls-vpn": { "10.0.0.1": [ { "nlri": "192.0.2.0/24", "label": [ [ 3, 49 ] ], "rd": "4:100" } ] }, "ipv4 flow": { "no-nexthop": [ { "x": 1 }, { "y": 2 } ] } }`,
			"", 3},
		{"nobody's", attrs + `"announce": { "ipv4 unicast": { "10.0.0.1": [ "203.0.113.0/24" ] } }`, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, testWatch())
			r.line(updated(c.content))
			if c.want == "" {
				r.expect()
			} else {
				r.expect(vantage + "routes " + c.want)
			}
			if n := r.in.Tally.Prefixes; n != c.prefixes || r.in.Tally.Updates != 1 || r.in.Tally.Malformed != 0 {
				t.Errorf("counted %+v, want one update of %d prefixes", r.in.Tally, c.prefixes)
			}
		})
	}
}

// TestSession tells a session from its beginning to its end.
func TestSession(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(line("state", `"state": "connected"`))
	r.line(line("state", `"state": "down", "reason": "out loop, no route to host"`))
	r.expect()
	r.line(line("negotiated", `"negotiated": { "message_size": 4096, "hold_time": 180, "asn4": true, "families": [ "ipv4 unicast" ,"ipv6 unicast" ,"ipv4 flow" ], "add_path": { "send": [  ], "receive": [ "ipv4 unicast", "ipv6 unicast" ] } } `))
	r.line(line("state", `"state": "up"`))
	r.expect(vantage + "peer-up 3")
	if v := r.vantages[0]; v.Scope != collector.External || v.Local != 64501 || !v.AllPaths {
		t.Errorf("vantage %+v", v)
	}
	r.line(announcing("192.0.2.0/24"))
	r.expect(vantage + "routes +192.0.2.0/24 [64501] via 198.51.100.9 64501:7")
	r.line(line("update", `"direction": "receive", "message": { "eor": { "afi" : "ipv4", "safi" : "unicast" } }`))
	r.expect(vantage + "end-of-rib 1")
	r.line(line("update", `"direction": "receive", "message": { "eor": { "afi" : "ipv4", "safi" : "flow" } }`))
	r.expect()
	r.line(line("refresh", `"direction": "receive", "route-refresh": { "afi": "ipv6", "safi": "unicast", "subtype": "begin" }`))
	r.line(line("refresh", `"direction": "receive", "route-refresh": { "afi": "ipv6", "safi": "unicast", "subtype": "end" }`))
	r.line(line("refresh", `"direction": "receive", "route-refresh": { "afi": "ipv6", "safi": "unicast", "subtype": "query" }`))
	r.expect(vantage+"table-begins 2", vantage+"end-of-rib 2")
	r.line(line("state", `"state": "down", "reason": "peer reset, message (notification sent (6,2)) error (the peer \"left\")"`))
	r.line(line("state", `"state": "down", "reason": "out loop"`))
	r.expect(vantage + `feed-lost (ExaBGP lost its session: peer reset, message (notification sent (6,2)) error (the peer "left"))`)
	r.line(line("state", `"state": "up"`))
	r.expect(vantage + "peer-up")
}

// TestOwnPeer: a peer of our own AS talks about our own network.
func TestOwnPeer(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(strings.Replace(announcing("192.0.2.0/24"), `"peer": 64501`, `"peer": 64500`, 1))
	if v := r.vantages[0]; v.Scope != collector.Internal || v.Local != 64500 || v.AllPaths {
		t.Errorf("vantage %+v", v)
	}
}

// TestPassesOver: what says nothing about routes says nothing.
func TestPassesOver(t *testing.T) {
	r := newRig(t, testWatch())
	for _, text := range []string{
		"", "  \r\n", "done", "error", `{"answer": "done", "message": "ok"}`,
		`{ "exabgp": "4.0.1", "time": 1, "type": "notification", "notification": "reloading" }`,
		line("open", `"direction": "receive", "open": { "version": 4 }`), line("keepalive", `"direction": "receive"`),
		line("notification", `"direction": "receive", "notification": { "code": 6, "subcode": 2, "data": "0x" } `),
		line("fsm", `"state": "IDLE"`), line("operational", `"direction": "receive"`),
		line("state", `"state": "connected"`),
		strings.ReplaceAll(announcing("192.0.2.0/24"), "receive", "send"), strings.ReplaceAll(announcing("192.0.2.0/24"), "receive", "out"),
		line("refresh", `"direction": "send", "route-refresh": { "afi": "ipv6", "safi": "unicast", "subtype": "begin" }`),
	} {
		r.line(text)
		r.expect()
	}
	if got := r.in.Tally; got != (collector.Tally{Messages: 13}) {
		t.Errorf("counted %+v", got)
	}
}

// TestRefuses: lines that can't be read are counted and say what is wrong; the stream goes on.
func TestRefuses(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`nonsense`, "invalid character"},
		{announcing("192.0.2.0/24")[:100], "unexpected end"},
		{`{"type": "update"}`, `it has no key "exabgp"`},
		{`{ "exabgp": "3.4.8", "type": "update", "neighbor": { "ip": "198.51.100.1" } }`, "ExaBGP 3.4.8"},
		{strings.Replace(announcing("192.0.2.0/24"), "198.51.100.1", "nobody", 1), `the address "nobody"`},
		{line("state", `"state": "sideways"`), "sideways"},
		{line("update", `"direction": "receive"`), "without its message"},
		{line("update", `"direction": "receive", "message": { }`), "neither routes nor"},
		{line("refresh", `"direction": "receive"`), "without its family"},
		{announcing("192.0.2.0/33"), `"192.0.2.0/33" is no prefix`},
		{announcing("::ffff:192.0.2.0/120"), "is no prefix"},
		{strings.Replace(announcing("192.0.2.0/24"), `[ 64501 ]`, `[ "x" ]`, 1), "as-path"},
		{strings.Replace(announcing("192.0.2.0/24"), `[ 64501 ]`, `{ "0": { "element": "as-circle", "value": [ 1 ] } }`, 1), "as-circle"},
		{strings.Replace(announcing("192.0.2.0/24"), `/24"`, `/24", "path-information": "x"`, 1), "path identifier"},
		{strings.Replace(announcing("192.0.2.0/24"), `"origin"`, `"attribute-0x23-0xC0": "0x01", "origin"`, 1), "type 35"},
		{`{ "exabgp": "` + strings.Repeat("x", MaxLine) + `" }`, "octets; the longest"},
	} {
		r := newRig(t, testWatch())
		r.line(c.line)
		r.refuses(c.want)
		if got := r.in.Tally; got.Messages != 1 || got.Malformed != 1 || got.Updates != 0 {
			t.Errorf("%s: counted %+v", c.want, got)
		}
		r.line(announcing("192.0.2.0/24"))
		r.expect(vantage + "routes +192.0.2.0/24 [64501] via 198.51.100.9 64501:7")
	}
}

// TestLost: what is not told by ExaBGP itself leaves a hole, and that is told before what comes next.
func TestLost(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(announcing("192.0.2.0/24"))
	r.line(strings.Replace(line("state", `"state": "up"`), "198.51.100.1", "198.51.100.2", 1))
	r.line(strings.Replace(line("state", `"state": "connected"`), "198.51.100.1", "198.51.100.3", 1))
	r.events = nil
	if err := r.decoder.Lost(context.Background(), arrival, "the command ended"); err != nil {
		t.Fatal(err)
	}
	r.expect("00 exabgp:rs1/198.51.100.1 feed-lost (the command ended)", "00 exabgp:rs1/198.51.100.2 feed-lost (the command ended)")
	if err := r.decoder.Lost(context.Background(), arrival, "again"); err != nil {
		t.Fatal(err)
	}
	r.expect()
	r.line(announcing("203.0.113.0/24"))
	r.line(announcing("192.0.2.0/25"))
	r.line(strings.Replace(line("state", `"state": "up"`), "198.51.100.1", "198.51.100.2", 1))
	r.expect(vantage+"gap (what came while nobody listened to ExaBGP was missed)", vantage+"routes +192.0.2.0/25 [64501] via 198.51.100.9 64501:7",
		"20.25 exabgp:rs1/198.51.100.2 peer-up")
	r.line(`{ "exabgp": "5.0.0", "time": 1700000003, "host" : "exa1", "pid" : 7, "ppid" : 1, "type": "notification", "notification": "shutdown" }`)
	r.expect("23 exabgp:rs1/198.51.100.1 feed-lost (ExaBGP is shutting down)", "23 exabgp:rs1/198.51.100.2 feed-lost (ExaBGP is shutting down)")
}

// TestFileNames: in a file, a feed is called by its host.
func TestFileNames(t *testing.T) {
	r := newRig(t, testWatch())
	r.decoder.cfg.Name = ""
	r.line(announcing("192.0.2.0/24"))
	r.line(strings.Replace(announcing("192.0.2.0/24"), `"exa1"`, `"exa2"`, 1))
	if r.vantages[0].Name() != "exabgp:exa1/198.51.100.1" || r.vantages[1].Name() != "exabgp:exa2/198.51.100.1" {
		t.Errorf("vantages %q", r.events)
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		line string
		want time.Time
	}{
		{announcing("192.0.2.0/24"), time.Unix(1700000000, 250e6)},
		{`{"exabgp":"5.0.0","time":1700000000.123456789}`, time.Unix(1700000000, 123456789)},
		{`{"time": 1700000000`, time.Unix(1700000000, 0)},
		{`{"time": 0}`, time.Time{}},
		{`{"time": 99999999999}`, time.Time{}},
		{`{"time": "now"}`, time.Time{}},
		{`{}`, time.Time{}},
	} {
		if got, ok := Time([]byte(c.line)); !got.Equal(c.want) || ok == c.want.IsZero() {
			t.Errorf("%s: %v, %v; want %v", c.line, got, ok, c.want)
		}
	}
	r := newRig(t, testWatch())
	r.line(strings.Replace(announcing("192.0.2.0/24"), `"time": 1700000000.25, `, "", 1))
	r.expect("00 exabgp:rs1/198.51.100.1 routes +192.0.2.0/24 [64501] via 198.51.100.9 64501:7")
	if !r.decoder.Sent().IsZero() {
		t.Errorf("sent %v", r.decoder.Sent())
	}
}
