package mrt_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"

	"anywatch/collector"
	"anywatch/collector/mrt"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// ourAS is what the tests watch, with 192.0.2.0/24 and 2001:db8::/32.
const ourAS route.ASN = 64500

// rig is a stream with everything around it, and what came out of it.
type rig struct {
	tb        testing.TB
	in        *collector.Intake
	stream    *mrt.Stream
	events    []collector.Event
	malformed []error
	skipped   int // octets that were no record
}

// watched is compiled once: tests that read thousands of small inputs would spend their time on it.
var watched = sync.OnceValue(func() *screen.Live {
	return screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		[]route.ASN{ourAS}, screen.Shortest{IPv4: 8, IPv6: 19}))
})

func newRig(tb testing.TB) *rig {
	r := &rig{tb: tb}
	sink := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard { // every vantage's first event; the tests are about what follows
			return nil
		}
		r.events = append(r.events, ev)
		return nil
	})
	r.in = &collector.Intake{Screen: screen.New(watched()), Out: sink}
	r.stream = mrt.NewStream(r.in, collector.NewRegistry(), []route.ASN{ourAS}, mrt.NewTables())
	return r
}

// read takes a whole input apart.
func (r *rig) read(b []byte) {
	r.tb.Helper()
	for len(b) > 0 {
		skip, size := mrt.Split(b, true)
		if r.skipped += skip; skip > 0 {
			r.stream.Lost()
		}
		if size > 0 {
			r.record(b[skip : skip+size])
		}
		b = b[skip+size:]
	}
	if err := r.stream.Finish(context.Background()); err != nil {
		r.tb.Fatal(err)
	}
}

func (r *rig) record(b []byte) { r.must(r.stream.Record(context.Background(), b)) }

// must notes a record that was passed over; another error fails the test.
func (r *rig) must(err error) {
	r.tb.Helper()
	if err == nil {
		return
	}
	var own *mrt.Malformed
	var routes *collector.Malformed
	if !errors.As(err, &own) && !errors.As(err, &routes) {
		r.tb.Fatalf("the stream ended: %v", err)
	}
	r.malformed = append(r.malformed, err)
}
