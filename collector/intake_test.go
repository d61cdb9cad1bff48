package collector

import (
	"context"
	"net/netip"
	"testing"

	"anywatch/collector/route"
)

// TestIntakeDiscarded: an update that loses an attribute keeps its routes, counts as an update, and is told of (RFC 7606 section 2).
func TestIntakeDiscarded(t *testing.T) {
	in, out, v := intake()
	var told []*Malformed
	in.Discarded = func(m *Malformed) { told = append(told, m) }
	body := update(false, []uint32{64496, 64500}, "192.0.2.0/24")
	attrs := int(body[3])
	odd := []byte{0x40, 6, 1, 0} // ATOMIC_AGGREGATE has no value
	broken := append([]byte{0, 0, 0, byte(attrs + len(odd))}, body[4:4+attrs]...)
	broken = append(append(broken, odd...), body[4+attrs:]...)
	if err := in.Update(context.Background(), v, at, broken, &Reader{}); err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Updates: 1, Prefixes: 1, Matched: 1, Discarded: 1}); in.Tally != want {
		t.Errorf("counted %+v, want %+v", in.Tally, want)
	}
	if len(told) != 1 || told[0].Class != route.AttributeDiscard || len(out.events) != 2 || len(out.events[1].Updates[0].Announced) != 1 {
		t.Errorf("told %v, events %+v", told, out.events)
	}
}

// flood announces many prefixes outside the watch along one path, and gives how many were handed on.
func flood(t *testing.T, in *Intake, out *collected, v *Vantage, path route.Path, first, n int) (handed int) {
	t.Helper()
	for i := first; i < first+n; i++ {
		before := len(out.events)
		u := route.Update{Announced: []route.NLRI{flooded(i)}, Attrs: &route.Attrs{Path: path}}
		if err := in.Decoded(context.Background(), v, at, []route.Update{u}); err != nil {
			t.Fatal(err)
		}
		for _, ev := range out.events[before:] {
			for _, u := range ev.Updates {
				handed += len(u.Announced)
			}
		}
	}
	return handed
}

func flooded(i int) route.NLRI {
	return route.NLRI{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
}

// withdrawn tells whether the withdrawal of a prefix is handed on.
func withdrawn(t *testing.T, in *Intake, out *collected, v *Vantage, n route.NLRI) bool {
	t.Helper()
	before := len(out.events)
	if err := in.Decoded(context.Background(), v, at, []route.Update{{Withdrawn: []route.NLRI{n}}}); err != nil {
		t.Fatal(err)
	}
	return len(out.events) > before
}

// TestIntakeBounds: a table that leaks through us, and a flood of prefixes with our AS as forged origin, are followed so far and no further; what is
// handed on can be ended, and what can't be ended is counted and not handed on. The watch itself is not bounded.
func TestIntakeBounds(t *testing.T) {
	in, out, v := intake()
	carried, forged := route.SequencePath(64496, 64500, 64511), route.SequencePath(64496, 64500)
	if got := flood(t, in, out, v, carried, 0, carriedKept+500); got != carriedKept || in.Tally.Unfollowed != 500 {
		t.Errorf("%d carried prefixes were handed on, %d passed over", got, in.Tally.Unfollowed)
	}
	if got := flood(t, in, out, v, carried, 0, 100); got != 100 || in.Tally.Unfollowed != 500 {
		t.Errorf("of 100 that are followed already %d were handed on, %d passed over", got, in.Tally.Unfollowed)
	}
	if got := flood(t, in, out, v, forged, 1<<20, ownKept+500); got != ownKept || in.Tally.Unfollowed != 1000 {
		t.Errorf("%d prefixes of our AS were handed on, %d passed over", got, in.Tally.Unfollowed)
	}
	for _, x := range []struct {
		n    route.NLRI
		want bool
	}{{flooded(0), true}, {flooded(carriedKept - 1), true}, {flooded(carriedKept), false}, {flooded(1<<20 + ownKept - 1), true}, {flooded(1<<20 + ownKept), false}} {
		if got := withdrawn(t, in, out, v, x.n); got != x.want {
			t.Errorf("the withdrawal of %s is handed on: %t, want %t", x.n.Prefix, got, x.want)
		}
	}
	if in.Screen.Touches(flooded(carriedKept).Prefix) {
		t.Error("what is not followed is remembered")
	}
	mixed := route.Update{Announced: []route.NLRI{flooded(1 << 22), {Prefix: netip.MustParsePrefix("192.0.2.0/25")}}, Attrs: &route.Attrs{Path: forged}}
	if err := in.Decoded(context.Background(), v, at, []route.Update{mixed}); err != nil {
		t.Fatal(err)
	}
	if last := out.events[len(out.events)-1].Updates[0].Announced; len(last) != 1 || last[0].Prefix.Bits() != 25 || len(mixed.Announced) != 2 {
		t.Errorf("of a watched prefix and one too many came %v", last)
	}
}
