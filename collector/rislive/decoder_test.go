package rislive

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
)

// rawUpdate is the hexadecimal form of an UPDATE that announces 192.0.2.0/24 with the path, of numbers of 2 or 4 octets.
func rawUpdate(width int, path ...int) string {
	hops := []byte{2, byte(len(path))}
	for _, n := range path {
		hops = append(hops, binary.BigEndian.AppendUint32(nil, uint32(n))[4-width:]...)
	}
	attrs := slices.Concat([]byte{0x40, 1, 1, 0, 0x40, 2, byte(len(hops))}, hops, []byte{0x40, 3, 4, 198, 51, 100, 9},
		[]byte{0xC0, 32, 12, 0, 0, 0xFB, 0xF4, 0, 0, 0, 1, 0, 0, 0, 2})
	body := slices.Concat([]byte{0, 0, 0, byte(len(attrs))}, attrs, []byte{24, 192, 0, 2})
	return strings.ToUpper(hex.EncodeToString(slices.Concat(bytes.Repeat([]byte{0xFF}, 16), []byte{0, byte(19 + len(body)), 2}, body)))
}

// TestLines: what each kind of message gives.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       string // the event, "" for none
		tally      collector.Tally
	}{
		{"an update that nobody watches", announcing("203.0.113.0/24", "[64501,64502]"), "", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Skipped: 1}},
		{"a watched prefix", announcing("192.0.2.0/24", "[64501,64502]"),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501 64502] via 198.51.100.9 64501:7", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"our AS in the path", announcing("203.0.113.0/24", "[64501,64500,64502]"),
			"20.25 rislive:rrc00/198.51.100.1 routes +203.0.113.0/24 [64501 64500 64502] via 198.51.100.9 64501:7", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"an AS_SET", announcing("192.0.2.0/24", "[64501,[64502,64503]]"),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501 {64502,64503}] via 198.51.100.9 64501:7", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"our AS in a set", announcing("203.0.113.0/24", "[64501,[64502,64500]]"),
			"20.25 rislive:rrc00/198.51.100.1 routes +203.0.113.0/24 [64501 {64502,64500}] via 198.51.100.9 64501:7", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"two next hops in one", message(`"type":"UPDATE","path":[64501],"announcements":[{"next_hop":"2001:db8:9::1,fe80::1","prefixes":["2001:db8:1::/48"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +2001:db8:1::/48 [64501] via 2001:db8:9::1 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"an IPv4 next hop mapped into IPv6", message(`"type":"UPDATE","path":[64501],"announcements":[{"next_hop":"::ffff:198.51.100.9","prefixes":["2001:db8:1::/48"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +2001:db8:1::/48 [64501] via 198.51.100.9 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"two next hops as two announcements", message(`"type":"UPDATE","path":[64501],"announcements":[{"next_hop":"fe80::1","prefixes":["2001:db8:1::/48"]},{"next_hop":"2001:db8:9::1","prefixes":["2001:db8:1::/48"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +2001:db8:1::/48 [64501] via 2001:db8:9::1 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"a withdrawal beside an announcement", message(`"type":"UPDATE","path":[64501],"announcements":[{"next_hop":"198.51.100.9","prefixes":["203.0.113.0/24"]}],"withdrawals":["192.0.2.0/25"]`),
			"20.25 rislive:rrc00/198.51.100.1 routes -192.0.2.0/25 +203.0.113.0/24 [64501] via 198.51.100.9 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 2, Matched: 1}},
		{"host bits are no part of a prefix", message(`"type":"UPDATE","withdrawals":["192.0.2.77/25"]`), "20.25 rislive:rrc00/198.51.100.1 routes -192.0.2.0/25", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"raw octets before their decoded form, with the large community that only they have", message(`"type":"UPDATE","raw":"` + rawUpdate(4, 64501, 200000) + `","path":[64501,200000],"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501 200000] via 198.51.100.9 64500:1:2", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"raw octets of a session with 2-octet numbers", message(`"type":"UPDATE","raw":"` + rawUpdate(2, 64501, 64502, 64503) + `","path":[64501,64502,64503],"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501 64502 64503] via 198.51.100.9 64500:1:2", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1, Redecoded: 1}},
		{"raw octets that can't be read", message(`"type":"UPDATE","raw":"FFXX","path":[64501],"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501] via 198.51.100.9 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"raw octets whose lengths contradict each other", message(`"type":"UPDATE","raw":"` + strings.Repeat("F", 32) + `001702FFFF0000","path":[64501],"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`),
			"20.25 rislive:rrc00/198.51.100.1 routes +192.0.2.0/24 [64501] via 198.51.100.9 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1, Redecoded: 1}},
		{"End-of-RIB of IPv4", message(`"type":"UPDATE","withdrawals":["eor"]`), "20.25 rislive:rrc00/198.51.100.1 end-of-rib 1", collector.Tally{Messages: 1, Updates: 1, Skipped: 1}},
		{"End-of-RIB of IPv6", message(`"type":"UPDATE","announcements":[{"next_hop":"2001:db8::1","prefixes":["eor"]}]`), "20.25 rislive:rrc00/198.51.100.1 end-of-rib 2", collector.Tally{Messages: 1, Updates: 1, Skipped: 1}},
		{"a peer went down", message(`"type":"RIS_PEER_STATE","state":"down"`), "20.25 rislive:rrc00/198.51.100.1 peer-down (RIS: down)", collector.Tally{Messages: 1}},
		{"a peer came up", message(`"type":"RIS_PEER_STATE","state":"connected"`), "20.25 rislive:rrc00/198.51.100.1 peer-up (RIS: connected)", collector.Tally{Messages: 1}},
		{"OPEN", message(`"type":"OPEN","direction":"sent","capabilities":{"1":{"name":"multiprotocol"}}`), "", collector.Tally{Messages: 1}},
		{"NOTIFICATION", message(`"type":"NOTIFICATION","notification":{"code":6,"subcode":5,"data":"0605"}`), "", collector.Tally{Messages: 1}},
		{"KEEPALIVE", message(`"type":"KEEPALIVE"`), "", collector.Tally{Messages: 1}},
		{"ris_error", `{"type":"ris_error","data":{"message":"no"}}`, "", collector.Tally{Messages: 1}},
		{"pong", `{"type":"pong","data":null}`, "", collector.Tally{Messages: 1}},
		{"an empty line", " \r\n", "", collector.Tally{}},
		{"without the envelope, with blanks", "{ \"type\" : \"UPDATE\" ,\t\"peer\" : \"198.51.100.1\",\"peer_asn\":\"64501\", \"timestamp\" : 1700000000, \"host\":\"rrc01\",\"withdrawals\" : [ \"192.0.2.0/24\" ] } \n",
			"20 rislive:rrc01/198.51.100.1 routes -192.0.2.0/24", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"escapes", message(`"type":"UPD\u0041TE","withdrawals":["192.0.2.0\/24"]`), "20.25 rislive:rrc00/198.51.100.1 routes -192.0.2.0/24", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"no time of its own", `{"type":"UPDATE","peer":"198.51.100.1","peer_asn":"64501","host":"rrc00","withdrawals":["192.0.2.0/24"]}`,
			"00 rislive:rrc00/198.51.100.1 routes -192.0.2.0/24", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{"an empty path means the peer", message(`"type":"UPDATE","peer":"198.51.100.2","peer_asn":"64500","path":[],"announcements":[{"next_hop":"198.51.100.2","prefixes":["203.0.113.0/24"]}]`),
			"20.25 rislive:rrc00/198.51.100.2 routes +203.0.113.0/24 [] via 198.51.100.2 ", collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, testWatch())
			r.line(c.line)
			if got := strings.Join(r.events, "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if r.in.Tally != c.tally {
				t.Errorf("counted %+v, want %+v", r.in.Tally, c.tally)
			}
			if len(r.malformed) > 0 {
				t.Error(r.malformed)
			}
		})
	}
}

// TestMalformedLines: each is counted and named, and the next message is read.
func TestMalformedLines(t *testing.T) {
	for _, c := range []struct{ name, line, says string }{
		{"no JSON", "hello", "invalid character"},
		{"a brace too few", strings.TrimSuffix(message(`"type":"KEEPALIVE"`), "}"), "unexpected end"},
		{"something after it", message(`"type":"KEEPALIVE"`) + "{}", "invalid character"},
		{"an array", `[1]`, "cannot unmarshal"},
		{"somebody else's object", `{"colour":"red"}`, "neither a BGP message"},
		{"an unknown envelope", `{"type":"other","data":{}}`, "envelope"},
		{"an envelope of nothing", `{"type":"ris_message","data":null}`, "null"},
		{"an envelope without data", `{"type":"ris_message"}`, "neither a BGP message"},
		{"an unknown type", message(`"type":"SONG"`), "SONG"},
		{"no peer", `{"type":"UPDATE","withdrawals":["192.0.2.0/24"]}`, "an address and a number"},
		{"no AS number", `{"type":"UPDATE","peer":"198.51.100.1","peer_asn":"x","withdrawals":["192.0.2.0/24"]}`, "an address and a number"},
		{"a prefix that is none", message(`"type":"UPDATE","withdrawals":["192.0.2.0/99"]`), "192.0.2.0/99"},
		{"an IPv4 prefix mapped into IPv6", message(`"type":"UPDATE","withdrawals":["::ffff:192.0.2.0/120"]`), "is no prefix"},
		{"a path of words", message(`"type":"UPDATE","path":["a"],"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`), "no AS number"},
		{"a path of large numbers", message(`"type":"UPDATE","path":[4294967296],"announcements":[{"next_hop":"198.51.100.9","prefixes":["203.0.113.0/24"]}]`), "no AS number"},
		{"a peer state that is none", message(`"type":"RIS_PEER_STATE","state":"sleepy"`), "sleepy"},
		{"deep nesting", message(`"type":"UPDATE","x":` + strings.Repeat("[", 200000)), "depth"},
		{"too long", message(`"type":"UPDATE","x":"` + strings.Repeat("x", MaxLine) + `"`), "longest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, testWatch())
			r.line(c.line)
			if len(r.malformed) != 1 || !strings.Contains(r.malformed[0].Error(), c.says) {
				t.Errorf("said %v, want %q", r.malformed, c.says)
			}
			r.line(announcing("192.0.2.0/24", "[64501]"))
			if got := r.in.Tally; got.Messages != 2 || got.Malformed != 1 || got.Matched != 1 || len(r.events) != 1 {
				t.Errorf("counted %+v, events %q", got, r.events)
			}
		})
	}
}

// TestIgnoredPeers: their messages are counted and go no further, whichever way they are read.
func TestIgnoredPeers(t *testing.T) {
	r := newRig(t, testWatch(), netip.MustParseAddr("198.51.100.1"))
	r.line(announcing("192.0.2.0/24", "[64501]"))
	r.line(announcing("203.0.113.0/24", "[64501]"))
	r.line(message(`"type":"UPDATE","raw":"` + rawUpdate(4, 64501) + `","announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]`))
	r.line(message(`"type":"RIS_PEER_STATE","state":"down"`))
	if want := (collector.Tally{Messages: 4, Updates: 3, Prefixes: 3, Skipped: 3}); r.in.Tally != want || len(r.events) > 0 {
		t.Errorf("counted %+v, want %+v; events %q", r.in.Tally, want, r.events)
	}
	r.decoder.Ignore(nil)
	r.line(announcing("192.0.2.0/24", "[64501]"))
	if len(r.events) != 1 {
		t.Errorf("no longer ignored, and no event: %q", r.events)
	}
}

func TestTalk(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(`{"type":"ris_error","data":{"message":"slow down"}}`)
	if got := r.decoder.Talk(); !strings.Contains(got, "slow down") {
		t.Errorf("the server said %q", got)
	}
	r.line(message(`"type":"KEEPALIVE"`))
	if got := r.decoder.Talk(); got != "" {
		t.Errorf("a BGP message is no talk: %q", got)
	}
	if got, want := r.decoder.Sent(), time.Unix(1700000000, 250e6).UTC(); got != want {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestVantages(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(announcing("192.0.2.0/24", "[64501]"))
	r.line(strings.Replace(announcing("192.0.2.0/24", "[64501]"), "rrc00", "rrc01", 1))
	r.line(strings.Replace(announcing("2001:db8::/32", "[64501]"), "198.51.100.1", "2001:DB8::1", 1))
	r.line(strings.Replace(announcing("2001:db8::/32", "[64501]"), "198.51.100.1", "2001:db8:0::1", 1))
	var names []string
	for _, v := range r.decoder.Vantages() {
		names = append(names, v.Name())
		if v.Scope != collector.External || v.Local != 64501 {
			t.Errorf("%s: scope %s, local %s", v.Name(), v.Scope, v.Local)
		}
	}
	if want := []string{"rislive:rrc00/198.51.100.1", "rislive:rrc01/198.51.100.1", "rislive:rrc00/2001:db8::1"}; !slices.Equal(names, want) {
		t.Errorf("vantages %q, want %q", names, want)
	}
}

// TestHeard: a vantage is heard with its first update, whatever that is about, and once.
func TestHeard(t *testing.T) {
	r := newRig(t, testWatch())
	var heard []string
	r.in.Out = collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		heard = append(heard, told(ev))
		return nil
	})
	for range 2 {
		r.line(announcing("203.0.113.0/24", "[64501]"))
		r.line(strings.Replace(announcing("203.0.113.0/24", "[64501]"), "rrc00", "rrc01", 1))
	}
	if want := []string{"20.25 rislive:rrc00/198.51.100.1 heard", "20.25 rislive:rrc01/198.51.100.1 heard"}; !slices.Equal(heard, want) {
		t.Errorf("got %q, want %q", heard, want)
	}
}

// TestRemembered: the withdrawal of a prefix that our AS originated names no AS, and is let through.
func TestRemembered(t *testing.T) {
	r := newRig(t, testWatch())
	r.line(announcing("203.0.113.0/24", "[64501,64500]"))
	r.line(message(`"type":"UPDATE","withdrawals":["203.0.113.0/24"]`))
	if len(r.events) != 2 || !strings.HasSuffix(r.events[1], "-203.0.113.0/24") {
		t.Errorf("events %q", r.events)
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // "" for none
	}{
		{"1700000000", "2023-11-14T22:13:20Z"}, {"1700000000.25", "2023-11-14T22:13:20.25Z"}, {"1558620047.08", "2019-05-23T14:00:47.08Z"},
		{"1700000000.1234567891", "2023-11-14T22:13:20.123456789Z"}, {"0", ""}, {"12", ""}, {"-1700000000", ""}, {"1.7e9", ""}, {"99999999999", ""}, {"", ""},
	} {
		got, ok := parseTime([]byte(c.text))
		if ok != (c.want != "") || ok && got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%q: %v, %v; want %q", c.text, got, ok, c.want)
		}
		found, ok := Time([]byte(`{"data":{"timestamp": ` + c.text + `,"peer":""}}`))
		if plain := !strings.ContainsAny(c.text, "e-"); plain && (ok != (c.want != "") || found != got) {
			t.Errorf("%q in a message: %v, %v", c.text, found, ok)
		}
	}
	if _, ok := Time([]byte(`{}`)); ok {
		t.Error("a time was found where there is none")
	}
}

// TestEndedStream: an error of the receiver is not taken for a malformed message.
func TestEndedStream(t *testing.T) {
	r := newRig(t, testWatch())
	r.in.Out = collector.SinkFunc(func(context.Context, collector.Event) error { return context.Canceled })
	for _, line := range []string{announcing("192.0.2.0/24", "[64501]"), message(`"type":"RIS_PEER_STATE","state":"down"`)} {
		if err := r.decoder.Line(context.Background(), []byte(line), arrival); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	}
	if r.in.Tally.Malformed != 0 {
		t.Errorf("counted %+v", r.in.Tally)
	}
}
