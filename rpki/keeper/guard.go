package keeper

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"anywatch/rpki"
)

// examples is how many VRPs are named as examples of many.
const examples = 5

// guard doubts trust anchors that fall. It sees every data set of one source.
type guard struct {
	set      *rpki.Set // the last data set
	believed *rpki.Set // with what vanished in the drops that stand: this is to be used
	counts   map[string]int
	drops    map[string]rpki.AnchorDrop // those that stand, by trust anchor
}

// take compares a data set with the one before. After no data at all, anything is believed.
func (g *guard) take(set *rpki.Set, source string, maxDrop float64, now time.Time) {
	switch {
	case set == nil:
		*g = guard{}
		return
	case g.set == nil:
		*g = guard{set: set, believed: set, counts: set.Anchors(), drops: map[string]rpki.AnchorDrop{}}
		return
	case set == g.set:
		return
	}
	before, counts := g.believed, set.Anchors()
	drops := map[string]rpki.AnchorDrop{}
	for anchor, was := range g.counts {
		d, standing := g.drops[anchor]
		if !standing {
			d = rpki.AnchorDrop{Anchor: anchor, Source: source, Was: was, Since: now}
		}
		if d.Is = counts[anchor]; fell(d, maxDrop) {
			drops[anchor] = d
			counts[anchor] = d.Is // it is still looked for when nothing is left of it
		}
	}
	g.set, g.counts, g.drops = set, counts, drops
	g.hold(before)
}

// fell tells that more is gone than a trust anchor may lose. The little more is for fractions that binary numbers can't hold.
func fell(d rpki.AnchorDrop, maxDrop float64) bool {
	return float64(d.Was-d.Is) > maxDrop*float64(d.Was)+1e-6
}

// hold keeps what was believed before, of the trust anchors that fell.
func (g *guard) hold(before *rpki.Set) {
	g.believed = g.set
	if len(g.drops) == 0 {
		return
	}
	held := before.Lost(g.set, slices.Collect(maps.Keys(g.drops)))
	for anchor, d := range g.drops {
		d.Lost, d.Held = first(held, anchor), held
		g.drops[anchor] = d
	}
	g.believed = rpki.Merge(g.set, held)
}

// first gives a few VRPs of a trust anchor.
func first(s *rpki.Set, anchor string) (out []rpki.VRP) {
	for v := range s.All() {
		if v.TA == anchor {
			if out = append(out, v); len(out) == examples {
				break
			}
		}
	}
	return out
}

// accept ends the doubt about drops that have lasted for so long, and gives them.
func (g *guard) accept(maxAge time.Duration, now time.Time) (accepted []rpki.AnchorDrop) {
	for _, d := range g.standing() {
		if maxAge > 0 && now.Sub(d.Since) >= maxAge {
			d.Accepted = true
			accepted = append(accepted, d)
			delete(g.drops, d.Anchor)
		}
	}
	if len(accepted) > 0 {
		g.hold(g.believed)
	}
	return accepted
}

// standing gives the drops that are doubted, by name.
func (g *guard) standing() []rpki.AnchorDrop {
	return slices.SortedFunc(maps.Values(g.drops), func(a, b rpki.AnchorDrop) int { return cmp.Compare(a.Anchor, b.Anchor) })
}
