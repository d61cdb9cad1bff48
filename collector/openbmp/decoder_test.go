package openbmp

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/bmp"
	"anywatch/collector/route"
)

const (
	peer1, peer2 = "10.9.0.1", "10.9.0.2"
	begun        = " gap (its table was shown before reading began)"
)

// TestStory: a router's beginning, routes and end, in both kinds of frames.
func TestStory(t *testing.T) {
	for name, wrap := range map[string]func([]byte) []byte{"binary": edge1.binaryFrame, "text": edge1.textFrame} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, DecoderConfig{})
			r.frames(wrap(initiate(t, "ams-edge1")), wrap(up(t, peer1)), wrap(monitor(t, peer1, "192.0.2.0/24")), wrap(monitor(t, peer1, "203.0.113.0/24")),
				wrap(down(t, peer1)), wrap(monitor(t, peer2, "192.0.2.0/24")), wrap(terminate(t)))
			r.expect("openbmp:ams-edge1/10.9.0.1/pre peer-up 1", "openbmp:ams-edge1/10.9.0.1/pre routes +192.0.2.0/24 [64999]",
				"openbmp:ams-edge1/10.9.0.1/pre peer-down (the peer closed the session without a NOTIFICATION)",
				"openbmp:ams-edge1/10.9.0.2/pre peer-up", "openbmp:ams-edge1/10.9.0.2/pre routes +192.0.2.0/24 [64999]",
				"openbmp:ams-edge1/10.9.0.2/pre feed-lost (the router ended the BMP session: no reason given)")
			want := collector.Vantage{ID: 1, Scope: collector.External, Local: 64500,
				Key: collector.Key{Source: "openbmp", Router: "ams-edge1", Peer: address(peer1), PeerAS: 64999, BGPID: address(peer1), View: collector.AdjInPre}}
			if r.vantages[0] != want {
				t.Errorf("vantage %+v\nwant %+v", r.vantages[0], want)
			}
			if got := r.decoder.Tally(); got != (collector.Tally{Messages: 7, Updates: 3, Prefixes: 3, Matched: 2, Skipped: 1}) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// TestRouterAddress: IPv4 stands in the first four octets; until a router says its name, it is called by its address, else by its group.
func TestRouterAddress(t *testing.T) {
	for _, c := range []struct {
		change func(*origin)
		want   string
	}{
		{func(*origin) {}, "10.0.0.1"},
		{func(o *origin) { o.ip = "2001:db8::1" }, "2001:db8::1"},
		{func(o *origin) { o.ip, o.group = "0.0.0.0", "edge\x00 \xFF routers" }, "edge  routers"},
		{func(o *origin) { o.ip = "0.0.0.0" }, "726f7574"},
	} {
		o := edge1
		c.change(&o)
		r := newRig(t, DecoderConfig{})
		r.frames(o.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
		r.expect("openbmp:"+c.want+"/10.9.0.1/pre"+begun, "openbmp:"+c.want+"/10.9.0.1/pre routes +192.0.2.0/24 [64999]")
	}
}

// TestMiddle: reading begins in the middle of a router's stream. A peer that comes up later shows its table.
func TestMiddle(t *testing.T) {
	r := newRig(t, DecoderConfig{})
	r.frames(edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")), edge1.binaryFrame(up(t, peer2)), edge1.binaryFrame(monitor(t, peer2, "192.0.2.0/24")),
		edge1.binaryFrame(up(t, peer1)))
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre"+begun, "openbmp:10.0.0.1/10.9.0.1/pre routes +192.0.2.0/24 [64999]",
		"openbmp:10.0.0.1/10.9.0.2/pre peer-up 1", "openbmp:10.0.0.1/10.9.0.2/pre routes +192.0.2.0/24 [64999]",
		"openbmp:10.0.0.1/10.9.0.1/pre peer-up 1")
}

// TestBeganAnew: a second Initiation ends what the router showed before, live and in a replay.
func TestBeganAnew(t *testing.T) {
	for _, replay := range []bool{false, true} {
		r := newRig(t, DecoderConfig{Replay: replay})
		again := [][]byte{edge1.binaryFrame(initiate(t, "ams-edge1")), edge1.binaryFrame(up(t, peer1)), edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24"))}
		r.frames(again...)
		r.frames(again...)
		shown := []string{"openbmp:ams-edge1/10.9.0.1/pre peer-up 1", "openbmp:ams-edge1/10.9.0.1/pre routes +192.0.2.0/24 [64999]"}
		r.expect(slices.Concat(shown, []string{"openbmp:ams-edge1/10.9.0.1/pre feed-lost (the router began anew)"}, shown)...)
	}
}

// TestRoutersApart: two routers of one name don't get mixed up, nor do two collectors of one router.
func TestRoutersApart(t *testing.T) {
	other, third, fourth := edge1, edge1, edge1
	other.router, other.ip = "router-2", "10.0.0.2"
	third.collector, third.admin = "collector-2", "rv-nrt"
	fourth.collector, fourth.admin = "collector-3", ""
	r := newRig(t, DecoderConfig{})
	for _, o := range []origin{edge1, other, third, fourth, edge1} {
		r.frames(o.binaryFrame(initiate(t, "edge")), o.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	}
	seen := make(map[string]collector.VantageID)
	for _, v := range r.vantages {
		seen[v.Name()] = v.ID
	}
	if len(seen) != 4 || seen["openbmp:edge/10.9.0.1/pre"] != 1 || seen["openbmp:edge@rv-ams/10.9.0.1/pre"] != 2 ||
		seen["openbmp:edge@rv-nrt/10.9.0.1/pre"] != 3 || seen["openbmp:edge@636f6c6c/10.9.0.1/pre"] != 4 {
		t.Errorf("vantages %v", seen)
	}
}

// TestSeveralInOne: a frame may hold more than one BMP message.
func TestSeveralInOne(t *testing.T) {
	r := newRig(t, DecoderConfig{})
	r.frames(edge1.textFrame(slices.Concat(initiate(t, "e"), up(t, peer1), monitor(t, peer1, "192.0.2.0/24"))))
	r.expect("openbmp:e/10.9.0.1/pre peer-up 1", "openbmp:e/10.9.0.1/pre routes +192.0.2.0/24 [64999]")
}

// TestPassesBy: records that are about no router, or of the parsed feeds, are counted and pass.
func TestPassesBy(t *testing.T) {
	collectorRecord := edge1.binaryFrame([]byte("heartbeat"))
	collectorRecord[12] = 0
	peerRecord := edge1.binaryFrame([]byte("add\t1\n"))
	peerRecord[13] = 2
	r := newRig(t, DecoderConfig{})
	r.frames(collectorRecord, peerRecord, []byte("V: 1.7\nC_HASH_ID: x\nT: unicast_prefix\nL: 4\nR: 1\n\nadd\t"), []byte("V: 1.7\nC_HASH_ID: x\nT: collector\nL: 0\n\n"),
		[]byte("V: 1.5\nC_HASH_ID: x\nL: 3\n\nabc"))
	r.expect()
	if got := r.decoder.Tally(); got != (collector.Tally{Messages: 5}) {
		t.Errorf("counted %+v", got)
	}
}

// TestMalformed: what can't be read is counted and says what is wrong; when the router is known, its vantages have a Gap.
func TestMalformed(t *testing.T) {
	whole := edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24"))
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], to)
		return b
	}
	head := len(edge1.binaryFrame(nil))
	inside := func(at int, to ...byte) []byte { return change(head+at, to...) }
	const gap = "openbmp:10.0.0.1/10.9.0.1/pre gap (a message of the router can't be read: "
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
		gap   bool
	}{
		{"nothing", nil, ErrNoFrame, false},
		{"garbage", []byte("garbage"), ErrNoFrame, false},
		{"a letter", []byte("V"), ErrNoFrame, false},
		{"the beginning of a header", whole[:8], ErrCut, false},
		{"half a header", whole[:head-1], ErrCut, false},
		{"half a message", whole[:head+20], ErrCut, true},
		{"another version", change(4, 2), ErrVersion, false},
		{"a header too short", change(6, 0, 13), ErrHeader, false},
		{"a name too long", change(38, 0xFF), ErrHeader, false},
		{"a message too long", change(8, 0xFF), ErrTooLong, false},
		{"no message", edge1.binaryFrame(nil), errEmpty, true},
		{"no BMP", inside(0, 9), bmp.ErrVersion, true},
		{"BMP version 4", inside(0, 4), bmp.ErrVersion4, true},
		{"BMP too short", inside(1, 0, 0, 0, 5), bmp.ErrLength, true},
		{"BMP too long", inside(1, 0, 1), bmp.ErrCut, true},
		{"half a BMP header", edge1.binaryFrame([]byte{3, 0}), bmp.ErrCut, true},
		{"text without a length", []byte("V: 1.7\nR_HASH: x\n\n"), ErrHeader, false},
		{"text with a strange length", []byte("V: 1.7\nR_HASH: x\nL: -1\n\n"), ErrHeader, false},
		{"text with too long a length", []byte("V: 1.7\nR_HASH: x\nL: 4000000000\n\n"), ErrTooLong, false},
		{"text of another version", []byte("V: 2.0\nR_HASH: x\nL: 1\n\nx"), ErrVersion, false},
		{"text without end", []byte("V: 1.7\n" + strings.Repeat("X: y\n", 1000)), ErrHeader, false},
		{"half a text header", []byte("V: 1.7\nR_HASH: x\n"), ErrCut, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, DecoderConfig{})
			r.frames(whole)
			r.events = nil
			before := r.decoder.Tally()
			r.frames(c.frame)
			if len(r.malformed) != 1 || !errors.Is(r.malformed[0], c.want) {
				t.Errorf("passed over %v, want %v", r.malformed, c.want)
			}
			after := r.decoder.Tally()
			if after.Messages != before.Messages+1 || after.Malformed != before.Malformed+1 {
				t.Errorf("counted %+v, then %+v", before, after)
			}
			if got := len(r.events) == 1 && strings.HasPrefix(r.events[0], gap); got != c.gap || !c.gap && len(r.events) > 0 {
				t.Errorf("events %q", r.events)
			}
		})
	}
}

// TestBadInside: a BMP message that can't be decoded is its own affair.
func TestBadInside(t *testing.T) {
	r := newRig(t, DecoderConfig{})
	bad := monitor(t, peer1, "192.0.2.0/24")
	bad[6+42+18] = 9 // no UPDATE
	r.frames(edge1.binaryFrame(slices.Concat(bad, monitor(t, peer1, "192.0.2.0/24"))))
	r.refuses("it holds no BGP UPDATE")
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre"+begun, "openbmp:10.0.0.1/10.9.0.1/pre routes +192.0.2.0/24 [64999]")
}

// TestGapOnceASecond: damage that goes on is not told with each frame.
func TestGapOnceASecond(t *testing.T) {
	r := newRig(t, DecoderConfig{})
	r.frames(edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r.events = nil
	bad := edge1.binaryFrame(nil)
	late := edge1
	late.sec += 2
	r.frames(bad, bad, bad, late.binaryFrame(nil), late.binaryFrame(nil))
	if len(r.events) != 2 || len(r.malformed) != 5 {
		t.Errorf("events %q, passed over %d", r.events, len(r.malformed))
	}
}

// TestUnheard: when nothing can be heard, vantages are lost, and nothing is forgotten; who is heard again begins with a Gap.
func TestUnheard(t *testing.T) {
	ctx := context.Background()
	r := newRig(t, DecoderConfig{})
	other := edge1
	other.router, other.ip = "router-2", "10.0.0.2"
	r.frames(edge1.binaryFrame(initiate(t, "e1")), edge1.binaryFrame(up(t, peer1)), edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")),
		edge1.binaryFrame(monitor(t, peer2, "192.0.2.0/24")), other.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r.events = nil
	for range 2 {
		if err := r.decoder.Unheard(ctx, arrival, "no broker answers"); err != nil {
			t.Fatal(err)
		}
	}
	r.expect("openbmp:e1/10.9.0.1/pre feed-lost (no broker answers)", "openbmp:e1/10.9.0.2/pre feed-lost (no broker answers)",
		"openbmp:10.0.0.2/10.9.0.1/pre feed-lost (no broker answers)")
	const back = " gap (the router could not be heard for a while)"
	r.frames(edge1.binaryFrame(down(t, peer2)))
	r.expect("openbmp:e1/10.9.0.1/pre"+back, "openbmp:e1/10.9.0.2/pre"+back,
		"openbmp:e1/10.9.0.2/pre peer-down (the peer closed the session without a NOTIFICATION)")
	if n := r.decoder.shown(); n != 1 {
		t.Errorf("%d vantages", n)
	}
	if err := r.decoder.Lost(ctx, arrival, "over"); err != nil {
		t.Fatal(err)
	}
	r.expect("openbmp:e1/10.9.0.1/pre feed-lost (over)", "openbmp:10.0.0.2/10.9.0.1/pre feed-lost (over)")
	if got := r.decoder.Tally(); got.Messages != 6 || r.decoder.shown() != 0 {
		t.Errorf("counted %+v, %d vantages", got, r.decoder.shown())
	}
}

// TestLeave: of what is before the time wanted, only who the peers are is taken.
func TestLeave(t *testing.T) {
	r := newRig(t, DecoderConfig{Replay: true})
	for _, b := range [][]byte{initiate(t, "e"), up(t, peer1), monitor(t, peer1, "192.0.2.0/24")} {
		if err := r.decoder.Leave(context.Background(), edge1.binaryFrame(b), arrival); err != nil {
			t.Fatal(err)
		}
	}
	r.expect()
	r.frames(edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/25")))
	r.expect("openbmp:e/10.9.0.1/pre peer-up 1", "openbmp:e/10.9.0.1/pre routes +192.0.2.0/25 [64999]")
	if got := r.decoder.Tally(); got.Updates != 1 {
		t.Errorf("counted %+v", got)
	}
}

// TestAsBMP: the bag changes nothing: a stream of BMP messages tells the same without it.
func TestAsBMP(t *testing.T) {
	messages := [][]byte{initiate(t, "e"), up(t, peer1), up(t, peer2), monitor(t, peer1, "192.0.2.0/24"), monitor(t, peer2, "192.0.2.0/25"),
		monitor(t, peer1, "203.0.113.0/24"), down(t, peer2), monitor(t, peer1, "192.0.2.0/26"), terminate(t)}
	var want []string
	d := testDeps()
	plain := bmp.NewStream(bmp.StreamConfig{ASNs: []route.ASN{64500}, Replay: true}, bmp.Deps{Live: d.Live, Registry: d.Registry, Log: d.Log, Now: d.Now},
		collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind != collector.Heard {
				want = append(want, ev.Time.Format(time.TimeOnly)+" open"+told(ev))
			}
			return nil
		}))
	var got []string
	bagged := NewDecoder(DecoderConfig{ASNs: []route.ASN{64500}, Replay: true}, testDeps(), collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind != collector.Heard {
			got = append(got, ev.Time.Format(time.TimeOnly)+" "+told(ev))
		}
		return nil
	}))
	for _, b := range messages {
		if err := errors.Join(plain.Message(context.Background(), b, arrival), bagged.Frame(context.Background(), edge1.binaryFrame(b), arrival)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) || len(got) != 7 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if plain.Tally() != bagged.Tally() {
		t.Errorf("counted %+v, want %+v", bagged.Tally(), plain.Tally())
	}
}

// TestTime: the peer's time, else the collector's.
func TestTime(t *testing.T) {
	timeless := edge1
	timeless.sec = 0
	for _, c := range []struct {
		name  string
		frame []byte
		want  time.Time
	}{
		{"of the peer", edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")), arrival.Add(-5 * time.Second)},
		{"of the collector", edge1.binaryFrame(initiate(t, "e")), arrival.Add(250 * time.Millisecond)},
		{"none", timeless.binaryFrame(initiate(t, "e")), time.Time{}},
		{"none in text", edge1.textFrame(initiate(t, "e")), time.Time{}},
		{"garbage", []byte("garbage"), time.Time{}},
	} {
		if got, ok := Time(c.frame); !got.Equal(c.want) || ok == c.want.IsZero() {
			t.Errorf("%s: %v, %v; want %v", c.name, got, ok, c.want)
		}
	}
}

// shown is how many vantages are shown now.
func (d *Decoder) shown() (n int) {
	for _, r := range d.order {
		n += len(r.shown)
	}
	return n
}
