package detector

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

func staleSourceKey(name string) Key { return Key{Kind: RPKIStale, Subject: name} }

// tellStale raises an incident for each source whose data are too old.
func (e *Engine) tellStale() {
	s := &e.authority.snapshot
	stale, good := make(map[Key]bool), make(map[Key]time.Time)
	for i := range s.Sources {
		x := &s.Sources[i]
		key := staleSourceKey(x.Name)
		if x.TooOld {
			stale[key] = true
			e.ledger.raise(e.staleSource(x))
		} else {
			good[key] = x.Updated
		}
	}
	e.liftOthers(RPKIStale, stale, cause{}, func(k Key) string {
		at, there := good[k]
		if !there {
			return k.Subject + " was taken out of the configuration"
		}
		return k.Subject + " has fresh data again, of " + stamp(at)
	})
}

// staleSource says which source has had no fresh data for too long, and what that means: info while another one serves, a warning when none does.
func (e *Engine) staleSource(x *rpki.SourceStatus) Condition {
	c := Condition{Key: staleSourceKey(x.Name), Severity: Info, Since: x.Since}
	limit := HumanDuration(e.rules.RPKI.MaxAge)
	age := "has no VRPs since " + stamp(x.Since)
	if !x.Updated.IsZero() {
		c.Since = x.Updated.Add(e.rules.RPKI.MaxAge)
		age = fmt.Sprintf("has VRPs of %s and nothing newer", stamp(x.Updated))
	}
	none := e.blind() != ""
	c.Since = min2(c.Since, e.clock)
	means := "Other sources are fresh enough, and routes are judged by them."
	if none {
		c.Severity = Warning
		means = "No source is fresher: origins are judged by the configuration alone, and VRPs neither accuse nor excuse anybody."
	}
	c.Says = fmt.Sprintf("%s %s: that is longer ago than rpki.max_age (%s). %s", x.Name, age, limit, means)
	c.Was = fmt.Sprintf("%s had no VRPs younger than %s.", x.Name, limit)
	c.Why = []string{x.Name + " " + age, fmt.Sprintf("it is %s since %s%s", x.State, stamp(x.Since), because(x.Err)), "rpki.max_age is " + limit}
	c.Actions = []string{"Look at " + x.Name + ": does the validator behind it still run, can it fetch the repositories, does it reach us?"}
	if none {
		c.Actions = append(c.Actions, "Name a second cache under rpki.caches, of another validator: one may fail then")
	}
	c.About = fmt.Sprint(none)
	return c
}

// tellDrops raises an incident for each trust anchor that lost too many VRPs at once. What it lost is still in the table, so that no route is accused.
func (e *Engine) tellDrops() {
	s := &e.authority.snapshot
	standing, accepted := make(map[Key]bool), make(map[Key]bool)
	byKey := make(map[Key][]rpki.AnchorDrop)
	for _, d := range s.Drops {
		key := dropKey(d)
		if d.Accepted {
			accepted[key] = true
			continue
		}
		standing[key] = true
		byKey[key] = append(byKey[key], d)
	}
	for _, key := range sortedKeys(standing) {
		e.ledger.raise(e.anchorDrop(key, byKey[key]))
	}
	e.liftOthers(RPKIAnchorDrop, standing, cause{}, func(k Key) string {
		switch {
		case accepted[k]:
			return fmt.Sprintf("it lasted for rpki.max_age (%s) and is taken for the truth: what is gone is not used any more", HumanDuration(e.rules.RPKI.MaxAge))
		case s.Table.Len() == 0:
			return "its source holds nothing any more"
		}
		return "what was lost is back, or its source is not in use any more"
	})
}

func sortedKeys(m map[Key]bool) []Key {
	var keys []Key
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.compare)
	return keys
}

// dropKey names the trust anchor, and the source where that does not name its anchors.
func dropKey(d rpki.AnchorDrop) Key {
	return Key{Kind: RPKIAnchorDrop, Subject: cmp.Or(d.Anchor, d.Source)}
}

// anchorDrop says what a trust anchor lost, where, what it would do to routes if it was believed, and how long it is not.
func (e *Engine) anchorDrop(key Key, drops []rpki.AnchorDrop) Condition {
	d := drops[0]
	c := Condition{Key: key, Severity: Info, Since: min2(d.Since, e.clock)}
	until := "until it comes back"
	if age := e.rules.RPKI.MaxAge; age > 0 {
		until = "until it comes back, or at the longest until " + stamp(d.Since.Add(age))
	}
	who := "Trust anchor " + d.Anchor
	if d.Anchor == "" {
		who = d.Source
	}
	c.Says = fmt.Sprintf("%s lost %d of its %d VRPs at once. What is gone stays in use %s: no route is accused because of it.", who, d.Was-d.Is, d.Was, until)
	c.Was = fmt.Sprintf("%s lost %d of its %d VRPs at once.", who, d.Was-d.Is, d.Was)
	for _, x := range drops {
		c.Why = append(c.Why, fmt.Sprintf("%s: %d VRPs before %s, %d since", x.Source, x.Was, stamp(x.Since), x.Is))
		c.Since = min2(c.Since, x.Since)
	}
	ws, facts := e.heldBack(drops)
	c.Why = append(c.Why, facts...)
	if len(ws) > 0 {
		c.Severity, c.Watched, c.Prefixes = Warning, ws[0], nets(ws)
		c.Says += " It concerns " + labels(ws) + "."
	} else {
		c.Says += " No watched prefix is concerned."
	}
	c.Actions = []string{
		"Look whether the repository of " + key.Subject + " fails: compare with another validator, and with its own status page",
		"If you hold ROAs there, do not act on what validators say of them until it is mended",
	}
	c.About = fmt.Sprint(len(drops), len(ws))
	return c
}

// heldBack gives the watched prefixes that the lost VRPs are about, and what would become of what is announced there without them.
func (e *Engine) heldBack(drops []rpki.AnchorDrop) (ws []*rules.Prefix, facts []string) {
	lost := make(map[rpki.VRP]bool)
	seen := make(map[*rules.Prefix]bool)
	var all []*announcement
	told := make(map[*announcement]bool)
	for v := range allLost(drops) {
		touched := e.touched(v)
		if len(touched) == 0 {
			continue
		}
		lost[bare(v)] = true
		if len(facts) < evidenceShown {
			facts = append(facts, "VRP "+v.String()+" is gone, and held")
		}
		for _, w := range touched {
			if !seen[w] {
				seen[w] = true
				ws = append(ws, w)
			}
		}
		if all == nil {
			all = e.announcements()
		}
		for _, a := range inside(all, announcedPrefix, v.Prefix) {
			told[a] = true
		}
	}
	slices.SortFunc(ws, func(a, b *rules.Prefix) int { return comparePlace(a.Prefix, b.Prefix) })
	for _, a := range all {
		if !told[a] || len(facts) >= 2*evidenceShown {
			continue
		}
		is := e.vrps.Validate(a.prefix, a.origin).State
		if without := judgeBy(e.vrps.Covering(a.prefix), lost, a); without != is && is != rpki.NotChecked {
			facts = append(facts, fmt.Sprintf("without what is held, %s would be %s, and is %s; %s", a, without, is, seenBy(a)))
		}
	}
	return ws, facts
}

// allLost gives what vanished: all of it, or the examples where no more is known.
func allLost(drops []rpki.AnchorDrop) iter.Seq[rpki.VRP] {
	return func(yield func(rpki.VRP) bool) {
		for _, d := range drops {
			lost := slices.Values(d.Lost)
			if d.Held != nil {
				lost = d.Held.All()
			}
			for v := range lost {
				if v.TA == d.Anchor && !yield(v) {
					return
				}
			}
		}
	}
}

// bare leaves of a VRP what makes it the same one in one trust anchor.
func bare(v rpki.VRP) rpki.VRP {
	v.Expires = time.Time{}
	return v
}

// judgeBy judges an announcement by the VRPs that cover it, some of them left out (RFC 6811 section 2).
func judgeBy(covering []rpki.VRP, without map[rpki.VRP]bool, a *announcement) rpki.State {
	state := rpki.NotFound
	for _, v := range covering {
		if without[bare(v)] {
			continue
		}
		if a.origin.Set == nil && a.origin.AS == v.ASN && v.ASN != route.ASZero && a.prefix.Bits() <= int(v.MaxLength) {
			return rpki.Valid
		}
		state = rpki.Invalid
	}
	return state
}

func seenBy(a *announcement) string {
	verb := "show"
	if a.vantages == 1 {
		verb = "shows"
	}
	return strings.Join([]string{vantageCount(a.vantages), verb, "it"}, " ")
}
