package screen

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"anywatch/collector/route"
)

// twin is the slow and obviously right screen: it looks at the message as it was put together, and compares with every watched prefix in turn.
type twin struct {
	prefixes []netip.Prefix
	asns     []route.ASN
	shortest Shortest
	local    route.ASN
	named    bool // the VRF of the VPN routes is watched
}

func (w twin) overlaps(p netip.Prefix) bool {
	shortest := int(w.shortest.IPv4)
	if p.Addr().Is6() {
		shortest = int(w.shortest.IPv6)
	}
	for _, q := range w.prefixes {
		if q.Overlaps(p) && (q.Bits() <= p.Bits() || p.Bits() >= shortest) {
			return true
		}
	}
	return false
}

func (w twin) matches(m message) bool {
	lists := [][]route.NLRI{m.withdrawn, m.announced}
	if m.mpSAFI != safiVPN || w.named {
		lists = append(lists, m.mpAnnounced, m.mpWithdrawn)
	}
	for _, list := range lists {
		for _, n := range list {
			if w.overlaps(n.Prefix) {
				return true
			}
		}
	}
	for _, a := range w.asns {
		if m.path.Contains(a) {
			return true
		}
	}
	return w.ours(m)
}

func (w twin) ours(m message) bool {
	if len(m.announced)+len(m.mpAnnounced) == 0 {
		return false
	}
	external := slices.ContainsFunc(m.path, func(s route.Segment) bool { return s.Kind == route.Set || s.Kind == route.Sequence })
	if !external {
		return slices.Contains(w.asns, w.local)
	}
	last := m.path[len(m.path)-1]
	if last.Kind == route.Set {
		return slices.ContainsFunc(last.ASNs, func(a route.ASN) bool { return slices.Contains(w.asns, a) })
	}
	return slices.Contains(w.asns, last.ASNs[len(last.ASNs)-1])
}

// TestTwin compares the screen with its twin on random messages in every encoding.
func TestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		w := randomTwin(r)
		watch := NewWatch(w.prefixes, w.asns, w.shortest)
		for range 200 {
			ctx := Context{Local: w.local, Encoding: route.Encoding{TwoByteAS: r.IntN(2) == 0, AddPath: route.Family(r.IntN(4)),
				AddPathLabelled: route.Family(r.IntN(4)), AddPathVPN: route.Family(r.IntN(4))}}
			if w.named {
				ctx.VRF = func(rd uint64) bool { return rd == vrf }
			}
			m := randomMessage(r)
			var got Result
			New(NewLive(watch)).Update(m.bytes(ctx.Encoding), &ctx, &got)
			want := Result{Matched: w.matches(m), Announced: len(m.announced) + len(m.mpAnnounced), Withdrawn: len(m.withdrawn) + len(m.mpWithdrawn)}
			if got.Err != nil || got.Matched != want.Matched || got.Announced != want.Announced || got.Withdrawn != want.Withdrawn {
				t.Fatalf("watch %v, ASes %v, shortest %v, local %v, encoding %+v\nmessage %+v\ngot  %+v\nwant %+v", w.prefixes, w.asns, w.shortest, w.local, ctx.Encoding, m, got, want)
			}
			if len(m.path) > 0 && m.path[len(m.path)-1].Kind <= route.Sequence && got.Ours != w.ours(m) {
				t.Fatalf("ours is %v, want %v: %+v", got.Ours, w.ours(m), m)
			}
		}
	}
}

func randomTwin(r *rand.Rand) twin {
	w := twin{shortest: Shortest{uint8(r.IntN(12)), uint8(r.IntN(24))}, local: route.ASN(64490 + r.IntN(20)), named: r.IntN(2) == 0}
	for range r.IntN(3) {
		w.asns = append(w.asns, route.ASN(64490+r.IntN(20)))
	}
	for range 1 + r.IntN(4) {
		w.prefixes = append(w.prefixes, randomPrefix(r, r.IntN(2) == 0))
	}
	return w
}

// TestOverlapsTwin compares single prefixes, with larger watches than random messages reach.
func TestOverlapsTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		w := randomTwin(r)
		for range 50 {
			w.prefixes = append(w.prefixes, randomPrefix(r, r.IntN(2) == 0))
		}
		watch := NewWatch(w.prefixes, nil, w.shortest)
		for range 2000 {
			p := randomPrefix(r, r.IntN(2) == 0)
			if got, want := watch.Overlaps(p), w.overlaps(p); got != want {
				t.Fatalf("%s overlaps %v down to %v: %v, want %v", p, w.prefixes, w.shortest, got, want)
			}
		}
	}
}
