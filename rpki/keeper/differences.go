package keeper

import (
	"slices"
	"time"

	"anywatch/rpki"
)

// compare looks for differences between the cache in use and the others that have data. For how long two of them have differed is
// remembered, whichever of the two is in use.
func (b *book) compare(now time.Time) {
	old := b.differences
	b.differences = map[pair]rpki.Difference{}
	best := b.best()
	if best == nil {
		return
	}
	for _, other := range b.caches {
		if other == best || other.set() == nil {
			continue
		}
		key := pairOf(best.status.Name, other.status.Name)
		was, known := old[key]
		d := was
		if !known || was.Used != best.status.Name || moved(best) || moved(other) {
			d = difference(best, other)
			d.Since = now
			if differs(was) {
				d.Since = was.Since
			}
		}
		b.differences[key] = d // also when there is none, so that it need not be looked for again
	}
	for _, s := range b.caches {
		s.compared = s.set()
	}
}

// moved tells that a source has another set than when it was last compared.
func moved(s *source) bool { return s.compared != s.set() }

func differs(d rpki.Difference) bool { return d.Missing+d.Extra > 0 }

func difference(used, other *source) rpki.Difference {
	extra, missing := rpki.DiffAuthority(used.set(), other.set())
	d := rpki.Difference{Used: used.status.Name, Other: other.status.Name, Missing: len(missing), Extra: len(extra)}
	d.Examples = append(d.Examples, missing[:min(len(missing), examples)]...)
	d.Examples = append(d.Examples, extra[:min(len(extra), examples)]...)
	return d
}

// listed gives the differences in the order of the caches.
func (b *book) listed() (out []rpki.Difference) {
	for _, s := range b.caches {
		for _, d := range b.differences {
			if d.Other == s.status.Name && differs(d) {
				d.Examples = slices.Clone(d.Examples)
				out = append(out, d)
			}
		}
	}
	return out
}
