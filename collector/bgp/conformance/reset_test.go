//go:build interop

package conformance

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
)

// TestResetInTheTable: the peer is killed while it sends its table. What came is stale and not complete; when it is back it shows another table,
// and at its End-of-RIB exactly that is left.
func TestResetInTheTable(t *testing.T) {
	for _, m := range everyMake {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			resetInTheTable(t, m)
		})
	}
}

// resetSize is how many routes the table has: more than the buffers of a connection hold, so that it can't be sent as a whole before its sender
// is killed. The slower the sender, the fewer are enough.
func resetSize(m peers.Make) int {
	if m == peers.BIRD || m == peers.OpenBGPD {
		return 300000
	}
	return 150000
}

func resetInTheTable(t *testing.T, m peers.Make) {
	at := newAddress()
	table := manyPrefixes(resetSize(m))
	var watch []netip.Prefix // every thousandth, so that one comes early, in whatever order the daemon sends them
	for i := 0; i < len(table); i += 1000 {
		watch = append(watch, table[i])
	}
	hold := newGate()
	s := startWith(t, config(over4, neighbor(at, ourAS)), watch, hold.pass)
	p, from := s.runTable(at, m, table)

	// The first watched route waits at the gate, and with it, by TCP, the peer.
	eventually(t, "the first route", hold.closed)
	p.Kill()
	hold.open()
	s.nth(collector.FeedLost, 1)
	stale := s.routes()
	eventually(t, "a count of what came", func() bool { return s.counters.Sessions.Load() == 0 && s.counters.Prefixes.Load() > 0 })
	if n := s.counters.Prefixes.Load(); n >= uint64(len(table)) || len(stale) == 0 || len(stale) >= len(watch) {
		t.Errorf("%d prefixes came before the peer was killed, %d watched ones: that is not the middle of the table", n, len(stale))
	}
	for _, r := range stale {
		if r[len(r)-5:] != "stale" {
			t.Errorf("%s, after the feed was lost", r)
		}
	}

	// It comes back with a third of the table.
	from.Kill()
	from.Spec.Table = table[:len(table)/3]
	from.Again()
	if p != from {
		p.Again()
	}
	s.nth(collector.PeerUp, 2)
	var want []string
	for _, w := range watch[:len(watch)/3] {
		want = append(want, w.String()+" []")
	}
	s.shows(want...)
	s.unharmed()
}

// gate stops the source at the first routes.
type gate struct {
	reached, opened chan struct{}
	once            sync.Once
}

func newGate() *gate { return &gate{reached: make(chan struct{}), opened: make(chan struct{})} }

// closed tells whether routes wait at the gate.
func (g *gate) closed() bool {
	select {
	case <-g.reached:
		return true
	default:
		return false
	}
}

func (g *gate) open() { close(g.opened) }

func (g *gate) pass(ctx context.Context, ev collector.Event) error {
	if ev.Kind != collector.Routes {
		return nil
	}
	g.once.Do(func() { close(g.reached) })
	select {
	case <-g.opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
