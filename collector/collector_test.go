package collector

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anywatch/collector/route"
	"anywatch/collector/screen"
)

func update(ids bool, path []uint32, prefixes ...string) []byte {
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, byte(2 + 4*len(path)), 2, byte(len(path))}
	for _, a := range path {
		attrs = binary.BigEndian.AppendUint32(attrs, a)
	}
	attrs = append(attrs, 0x40, 3, 4, 10, 0, 0, 1)
	b := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attrs)))
	return append(append(b, attrs...), routes(ids, prefixes...)...)
}

func routes(ids bool, prefixes ...string) (b []byte) {
	for i, s := range prefixes {
		p := netip.MustParsePrefix(s)
		if ids {
			b = binary.BigEndian.AppendUint32(b, uint32(i+1))
		}
		b = append(append(b, byte(p.Bits())), p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	return b
}

func withdraw(prefixes ...string) []byte {
	w := routes(false, prefixes...)
	b := append(binary.BigEndian.AppendUint16(nil, uint16(len(w))), w...)
	return append(b, 0, 0)
}

type collected struct{ events []Event }

func (c *collected) Emit(_ context.Context, ev Event) error {
	c.events = append(c.events, ev)
	return nil
}

func intake() (*Intake, *collected, *Vantage) {
	watch := screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})
	out := &collected{}
	v := NewRegistry().Register(Vantage{Key: Key{Source: "mrt", PeerAS: 64496, Peer: netip.MustParseAddr("10.0.0.1")}, Local: 64496})
	return &Intake{Screen: screen.New(screen.NewLive(watch)), Out: out}, out, v
}

var at = time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)

// TestIntake: what does not touch the watch is counted and forgotten, what does is decoded and handed on, and what one of our ASes once
// originated is followed to its withdrawal.
func TestIntake(t *testing.T) {
	in, out, v := intake()
	ctx, rd := context.Background(), &Reader{}
	for _, m := range [][]byte{
		update(false, []uint32{64496, 64511}, "203.0.113.0/24", "198.51.100.0/24"),
		update(false, []uint32{64496, 64511}, "192.0.2.0/25"),
		withdraw("9.9.9.0/24"),
		update(false, []uint32{64496, 64500}, "9.9.9.0/24"),
		withdraw("9.9.9.0/24"),
		{0, 0, 0, 0},
	} {
		if err := in.Update(ctx, v, at, m, rd); err != nil {
			t.Fatal(err)
		}
	}
	want := Tally{Updates: 6, Prefixes: 6, Matched: 3, Skipped: 3}
	if in.Tally != want {
		t.Errorf("counted %+v, want %+v", in.Tally, want)
	}
	kinds := ""
	for _, ev := range out.events {
		kinds += ev.Kind.String() + " "
	}
	if kinds != "heard routes routes routes end-of-rib " {
		t.Fatalf("events: %s", kinds)
	}
	if u := out.events[3].Updates[0]; len(u.Withdrawn) != 1 || u.Withdrawn[0].Prefix.String() != "9.9.9.0/24" {
		t.Errorf("the withdrawal of our prefix: %+v", u)
	}
}

func TestIntakeMalformed(t *testing.T) {
	in, out, v := intake()
	var bad *Malformed
	if err := in.Update(context.Background(), v, at, []byte{0, 99, 0}, &Reader{}); !errors.As(err, &bad) || bad.Class != route.Unreadable {
		t.Errorf("unreadable: %v", err)
	}
	noOrigin := []byte{0, 0, 0, 16, 0x40, 2, 6, 2, 1, 0, 0, 0xFB, 0xF0, 0x40, 3, 4, 10, 0, 0, 1, 24, 192, 0, 2}
	err := in.Update(context.Background(), v, at, noOrigin, &Reader{})
	if !errors.As(err, &bad) || bad.Class != route.TreatAsWithdraw || !strings.Contains(err.Error(), "ORIGIN") {
		t.Errorf("treat-as-withdraw: %v", err)
	}
	if len(out.events) != 2 || len(out.events[1].Updates[0].Withdrawn) != 1 {
		t.Errorf("events: %+v", out.events)
	}
	if want := (Tally{Malformed: 2}); in.Tally != want {
		t.Errorf("counted %+v, want %+v", in.Tally, want)
	}
}

// TestTrial: path identifiers that nobody told us of are found out, and after a few messages expected.
func TestTrial(t *testing.T) {
	in, out, v := intake()
	rd := &Reader{Trial: true}
	for range 4 {
		if err := in.Update(context.Background(), v, at, update(true, []uint32{64496}, "192.0.2.0/24"), rd); err != nil {
			t.Fatal(err)
		}
	}
	if in.Tally.Redecoded != votesToSwitch || rd.Encoding.AddPath == 0 {
		t.Errorf("redecoded %d, encoding %+v", in.Tally.Redecoded, rd.Encoding)
	}
	if n := out.events[4].Updates[0].Announced[0]; n.PathID != 1 || n.Prefix.String() != "192.0.2.0/24" {
		t.Errorf("decoded as %+v", n)
	}
}

func TestVantageName(t *testing.T) {
	peer := netip.MustParseAddr("10.9.0.1")
	for want, k := range map[string]Key{
		"bgp:rr1":                             {Source: "bgp", Router: "rr1", Peer: peer},
		"bmp:ams-edge1/10.9.0.1/pre":          {Source: "bmp", Router: "ams-edge1", Peer: peer, View: AdjInPre},
		"bmp:ams-edge1/10.9.0.1/64500:7/post": {Source: "bmp", Router: "ams-edge1", Peer: peer, View: AdjInPost, RD: 64500<<32 | 7},
		"bmp:ams-edge1/loc-rib":               {Source: "bmp", Router: "ams-edge1", Peer: netip.IPv4Unspecified(), View: LocRIB},
		"rislive:rrc00/10.9.0.1":              {Source: "rislive", Router: "rrc00", Peer: peer},
		"mrt:AS3356/10.9.0.1":                 {Source: "mrt", Peer: peer, PeerAS: 3356},
	} {
		v := Vantage{Key: k}
		if got := v.Name(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestRegister: a vantage keeps its number when its description changes, and the old description stays as it was.
func TestRegister(t *testing.T) {
	r := NewRegistry()
	k := Key{Source: "bgp", Router: "rr1"}
	first := r.Register(Vantage{Key: k})
	if again := r.Register(Vantage{Key: k}); again != first {
		t.Error("the same vantage twice")
	}
	changed := r.Register(Vantage{Key: k, AllPaths: true})
	other := r.Register(Vantage{Key: Key{Source: "bgp", Router: "rr2"}})
	if changed.ID != first.ID || !changed.AllPaths || first.AllPaths || other.ID == first.ID {
		t.Errorf("first %+v changed %+v other %+v", first, changed, other)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Max: 4 * time.Second}
	for _, most := range []time.Duration{1, 2, 4, 4} {
		if d := b.Next(); d > most*time.Second || d < most*time.Second*3/4 {
			t.Errorf("waits %s, want up to %ds", d, most)
		}
	}
	if b.Reset(); b.Next() > time.Second {
		t.Error("Reset does not begin anew")
	}
}

// failing fails twice and then ends its context.
type failing struct {
	runs int
	stop context.CancelFunc
}

func (*failing) Name() string { return "failing" }
func (f *failing) Run(context.Context, Sink) error {
	if f.runs++; f.runs == 2 {
		f.stop()
	}
	return nil
}

func TestSupervise(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	f := &failing{stop: stop}
	var log strings.Builder
	Supervise(ctx, f, &collected{}, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return at })
	if f.runs != 2 || !strings.Contains(log.String(), "source=failing") {
		t.Errorf("%d runs, log %q", f.runs, &log)
	}
}

func TestQueue(t *testing.T) {
	q := NewQueue(1)
	ctx, stop := context.WithCancel(context.Background())
	if err := q.Emit(ctx, Event{Kind: PeerUp}); err != nil || q.Depth() != 1 || q.Size() != 1 {
		t.Fatalf("%v, depth %d", err, q.Depth())
	}
	stop()
	if err := q.Emit(ctx, Event{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a full queue took an event: %v", err)
	}
	if ev := <-q.Events(); ev.Kind != PeerUp {
		t.Errorf("got %v", ev.Kind)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, NewQueue(5), func() time.Time { return at.Add(3 * time.Second) })
	c := m.Source("bgp")
	c.Add(&Tally{Messages: 7, Updates: 5, Prefixes: 9, Matched: 1, Skipped: 4, Malformed: 2})
	c.Arrived(at, at.Add(-time.Second))
	if m.Source("bgp") != c {
		t.Error("two counters for one source")
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	want := `
# HELP anywatch_feed_lag_seconds How long the newest message was under way, by its sender's time.
# TYPE anywatch_feed_lag_seconds gauge
anywatch_feed_lag_seconds{source="bgp"} 1
# HELP anywatch_feed_last_message_age_seconds Time since the newest message came.
# TYPE anywatch_feed_last_message_age_seconds gauge
anywatch_feed_last_message_age_seconds{source="bgp"} 3
# HELP anywatch_malformed_messages_total Records that could not be read or decoded.
# TYPE anywatch_malformed_messages_total counter
anywatch_malformed_messages_total{source="bgp"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "anywatch_feed_lag_seconds", "anywatch_feed_last_message_age_seconds", "anywatch_malformed_messages_total"); err != nil {
		t.Error(err)
	}
}
