package detector

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What makes a storm, and what ends it.
const (
	// stormAt incidents that open within stormWithin are a storm: nobody reads so many.
	stormAt     = 100
	stormWithin = 10 * time.Second
	// calm is how long no more than calmAt may open until the storm may be over. It is over when no more than stormLeft of its incidents are open:
	// so many can be told one by one.
	calm      = time.Minute
	calmAt    = 10
	stormLeft = 20
	// stormTold is how often the storm says how it goes on.
	stormTold = 30 * time.Second
)

// storms counts openings, to tell incidents from a storm of them.
type storms struct {
	times  []time.Time // of the last openings, stormAt at most, as a ring
	next   int
	root   *record // of the storm that rages; nil for none
	kinds  map[Kind]int
	opened int
	since  time.Time
	about  int // how often it has said how it goes on
}

// stormKey makes all storms the same incident.
var stormKey = Key{Kind: Storm, Subject: "incidents"}

// gust counts an opening, and gives the storm of which it is a part, if there is one.
func (e *Engine) gust(r *record) *record {
	s := &e.storms
	if r.key.Kind == Storm {
		return nil
	}
	if s.times == nil {
		s.times = make([]time.Time, stormAt)
	}
	first := s.times[s.next]
	s.times[s.next] = e.clock
	s.next = (s.next + 1) % stormAt
	if s.root == nil && !first.IsZero() && e.clock.Sub(first) < stormWithin {
		e.storm(first)
	}
	if s.root != nil {
		s.opened++
		s.kinds[r.key.Kind]++
	}
	return s.root
}

// storm begins one.
func (e *Engine) storm(since time.Time) {
	s := &e.storms
	s.kinds, s.opened, s.since, s.about = make(map[Kind]int), 0, since, 0
	e.ledger.raise(e.stormy())
	s.root = e.ledger.records[stormKey]
	e.weather()
}

// weather looks every while how the storm goes on, until it is over.
func (e *Engine) weather() {
	e.timers.set(e.clock.Add(stormTold), func() {
		s := &e.storms
		if s.root == nil {
			return
		}
		recent := 0
		for _, at := range s.times {
			if !at.IsZero() && e.clock.Sub(at) < calm {
				recent++
			}
		}
		if left := e.inStorm(); recent <= calmAt && left <= stormLeft {
			e.ledger.lift(stormKey, cause{says: fmt.Sprintf("no more than %d incidents opened in the last minute; %d of those in the storm are still open, and told one by one now", calmAt, left)})
			return
		}
		s.about++
		e.ledger.raise(e.stormy())
		e.weather()
	})
}

// inStorm counts the incidents of the storm that are open.
func (e *Engine) inStorm() (n int) {
	for _, r := range e.ledger.records {
		if r.root == e.storms.root && r.state == open {
			n++
		}
	}
	return n
}

// stormy puts the storm into words.
func (e *Engine) stormy() Condition {
	s := &e.storms
	kinds := slices.SortedFunc(maps.Keys(s.kinds), func(a, b Kind) int { return cmp.Or(s.kinds[b]-s.kinds[a], cmp.Compare(a, b)) })
	parts := make([]string, len(kinds))
	for i, k := range kinds {
		parts[i] = fmt.Sprintf("%d %s", s.kinds[k], k)
	}
	c := Condition{Key: stormKey, Severity: Critical, Since: s.since, About: fmt.Sprint(s.about),
		Says: fmt.Sprintf("A storm: more than %d incidents opened within %s. From here on they are counted, and not told one by one.", stormAt, HumanDuration(stormWithin)),
		Why:  []string{fmt.Sprintf("%d incidents opened within %s", stormAt, HumanDuration(stormWithin))},
		Actions: []string{
			"Look for what they have in common: one AS that announces much of what is yours, a feed that shows nonsense, a configuration that expects the wrong thing",
			"See them all with: anywatch incidents",
		},
	}
	c.Was = "a storm of incidents."
	if s.opened > 0 {
		c.Says = fmt.Sprintf("A storm: %d incidents have opened since %s that were not told one by one: %s. %d are open.", s.opened, s.since.UTC().Format(time.RFC3339), strings.Join(parts, ", "), e.inStorm())
		c.Was = fmt.Sprintf("a storm of %d incidents: %s.", s.opened, strings.Join(parts, ", "))
	}
	return c
}
