package exabgp

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// arrival is when all lines of the tests arrive.
var arrival = time.Unix(1700000100, 0).UTC()

// testWatch watches 192.0.2.0/24, 2001:db8::/32 and AS64500.
func testWatch() *screen.Live {
	return screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		[]route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19}))
}

// everything watches all routes.
func everything() *screen.Live {
	return screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil, screen.Shortest{}))
}

// rig is a decoder with everything around it, and what came out of it.
type rig struct {
	tb        testing.TB
	in        *collector.Intake
	decoder   *Decoder
	events    []string
	vantages  []collector.Vantage
	updates   []route.Update
	malformed []error
}

func newRig(tb testing.TB, live *screen.Live) *rig {
	r := &rig{tb: tb}
	sink := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard { // every vantage's first event; the tests are about what follows
			return nil
		}
		r.events = append(r.events, told(ev))
		r.vantages = append(r.vantages, *ev.Vantage)
		r.updates = append(r.updates, ev.Updates...)
		return nil
	})
	r.in = &collector.Intake{Screen: screen.New(live), Out: sink}
	r.decoder = NewDecoder(DecoderConfig{Name: "rs1", ASNs: []route.ASN{64500}}, r.in, collector.NewRegistry())
	return r
}

func (r *rig) line(text string) {
	r.tb.Helper()
	err := r.decoder.Line(context.Background(), []byte(text), arrival)
	switch {
	case err == nil:
	case PassedOver(err):
		r.malformed = append(r.malformed, err)
	default:
		r.tb.Fatalf("the stream ended: %v", err)
	}
}

// expect compares what came out since the last call.
func (r *rig) expect(want ...string) {
	r.tb.Helper()
	if got, want := strings.Join(r.events, "\n"), strings.Join(want, "\n"); got != want {
		r.tb.Errorf("events:\n%s\nwant:\n%s", got, want)
	}
	for _, err := range r.malformed {
		r.tb.Errorf("passed over: %v", err)
	}
	r.events, r.malformed = nil, nil
}

// refuses tells that exactly one line was passed over, with such an error.
func (r *rig) refuses(what string) {
	r.tb.Helper()
	if len(r.malformed) != 1 || !strings.Contains(r.malformed[0].Error(), what) {
		r.tb.Errorf("passed over: %v; want %q", r.malformed, what)
	}
	r.malformed = nil
	r.expect()
}

// told writes an event as the tests expect it.
func told(ev collector.Event) string {
	var b strings.Builder
	if ev.Vantage == nil {
		fmt.Fprintf(&b, "%s %s", ev.Kind, ev.Feed)
	} else {
		fmt.Fprintf(&b, "%s %s %s", ev.Time.Format("05.999"), ev.Vantage.Name(), ev.Kind)
	}
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			fmt.Fprintf(&b, " -%s", name(n))
		}
		for _, n := range u.Announced {
			fmt.Fprintf(&b, " +%s", name(n))
		}
		if a := u.Attrs; a != nil {
			fmt.Fprintf(&b, " [%s] via %s", a.Path, a.NextHop)
			for _, c := range a.CommunityStrings() {
				b.WriteString(" " + c)
			}
		}
	}
	if ev.Family != 0 {
		fmt.Fprintf(&b, " %d", ev.Family)
	}
	if ev.Reason != "" {
		fmt.Fprintf(&b, " (%s)", ev.Reason)
	}
	return b.String()
}

func name(n route.NLRI) string {
	if n.PathID == 0 {
		return n.Prefix.String()
	}
	return fmt.Sprintf("%v#%d", n.Prefix, n.PathID)
}

// line is a line as ExaBGP prints it, of a type and with what else a test gives its neighbor.
func line(kind, rest string) string {
	if rest != "" {
		rest = ", " + rest
	}
	return `{ "exabgp": "4.0.1", "time": 1700000000.25, "host" : "exa1", "pid" : 7, "ppid" : 1, "counter": 1, "type": "` + kind +
		`", "neighbor": { "address": { "local": "192.0.2.250", "peer": "198.51.100.1" }, "asn": { "local": 64500, "peer": 64501 }` + rest + ` } }`
}

// updated is an update that was received.
func updated(content string) string {
	return line("update", `"direction": "receive", "message": { "update": { `+content+` } }`)
}

// announcing is an update of one route.
func announcing(prefix string) string {
	return updated(`"attribute": { "origin": "igp", "as-path": [ 64501 ], "community": [ [ 64501, 7 ] ] }, "announce": { "ipv4 unicast": { "198.51.100.9": [ { "nlri": "` + prefix + `" } ] } }`)
}
