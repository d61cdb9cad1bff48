package rislive

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// arrival is when all messages of the tests arrive.
var arrival = time.Unix(1700000100, 0).UTC()

// testWatch watches 192.0.2.0/24, 2001:db8::/32 and AS64500.
func testWatch() *screen.Live {
	return screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		[]route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19}))
}

// rig is a decoder with everything around it, and what came out of it.
type rig struct {
	tb        testing.TB
	in        *collector.Intake
	decoder   *Decoder
	events    []string
	malformed []error
}

func newRig(tb testing.TB, live *screen.Live, ignore ...netip.Addr) *rig {
	r := &rig{tb: tb}
	sink := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard { // every vantage's first event; the tests are about what follows
			return nil
		}
		r.events = append(r.events, told(ev))
		return nil
	})
	r.in = &collector.Intake{Screen: screen.New(live), Out: sink}
	r.decoder = NewDecoder(r.in, collector.NewRegistry(), ignore)
	return r
}

func (r *rig) line(text string) { r.took(r.decoder.Line(context.Background(), []byte(text), arrival)) }

func (r *rig) took(err error) {
	if err == nil {
		return
	}
	var own *Malformed
	var routes *collector.Malformed
	if !errors.As(err, &own) && !errors.As(err, &routes) {
		r.tb.Fatalf("the stream ended: %v", err)
	}
	r.malformed = append(r.malformed, err)
}

// told writes an event as the tests expect it.
func told(ev collector.Event) string {
	var b strings.Builder
	about := ev.Feed
	if ev.Vantage != nil {
		about = ev.Vantage.Name()
	}
	fmt.Fprintf(&b, "%s %s %s", ev.Time.Format("05.999"), about, ev.Kind)
	for _, u := range ev.Updates {
		for _, n := range u.Withdrawn {
			fmt.Fprintf(&b, " -%s", n.Prefix)
		}
		for _, n := range u.Announced {
			fmt.Fprintf(&b, " +%s", n.Prefix)
		}
		if a := u.Attrs; a != nil {
			fmt.Fprintf(&b, " [%s] via %s %s", a.Path, a.NextHop, strings.Join(a.CommunityStrings(), ","))
		}
	}
	if ev.Kind == collector.EndOfRIB {
		fmt.Fprintf(&b, " %d", ev.Family)
	}
	if ev.Reason != "" {
		fmt.Fprintf(&b, " (%s)", ev.Reason)
	}
	return b.String()
}

// message is a line as RIS Live sends it, around the fields that a test gives.
func message(fields string) string {
	return `{"type":"ris_message","data":{"timestamp":1700000000.25,"peer":"198.51.100.1","peer_asn":"64501","id":"1","host":"rrc00",` + fields + `}}`
}

// announcing is an update of one route without its raw octets.
func announcing(prefix, path string) string {
	return message(`"type":"UPDATE","path":` + path + `,"community":[[64501,7]],"origin":"IGP","announcements":[{"next_hop":"198.51.100.9","prefixes":["` + prefix + `"]}],"withdrawals":[]`)
}
