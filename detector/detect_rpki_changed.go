package detector

import (
	"fmt"
	"slices"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// roaChange is a VRP that came, went, or has another maxLength than before.
type roaChange struct {
	was, is rpki.VRP // without a prefix where there is none
}

func (c *roaChange) vrp() rpki.VRP {
	if c.is.Prefix.IsValid() {
		return c.is
	}
	return c.was
}

// effect is what a change of the VRPs made of an announcement.
type effect struct {
	*announcement
	before, after rpki.Verdict
}

// tellChanged tells of the VRPs that changed, as far as they are about watched prefixes or name our ASes. A change is over as soon as it is made: what
// it leaves behind, an invalid announcement or a prefix without a ROA, is another incident, which lasts.
//
// VRPs inside a watched prefix count as well: whoever has a ROA made for a part of it can announce that part with RPKI on his side.
func (e *Engine) tellChanged(before *rpki.Table, added, removed []rpki.VRP) {
	changes := paired(e.relevant(added), e.relevant(removed))
	if len(changes) == 0 {
		return
	}
	all := e.announcements()
	for i := range changes {
		c := &changes[i]
		var effects []effect
		for _, a := range inside(all, announcedPrefix, c.vrp().Prefix) {
			effects = append(effects, effect{a, before.Validate(a.prefix, a.origin), e.vrps.Validate(a.prefix, a.origin)})
		}
		e.ledger.raise(e.roaChanged(c, before, effects))
	}
	e.settle()
	for i := range changes {
		e.ledger.lift(roaKey(ROAChanged, changes[i].vrp(), e.touched(changes[i].vrp())), cause{says: "a change is told once; what it leaves behind has incidents of its own"})
	}
}

// roaKey makes a VRP's incident the same one: by the first watched prefix that it is about, or its own, and the VRP itself.
func roaKey(k Kind, v rpki.VRP, ws []*rules.Prefix) Key {
	key := Key{Kind: k, Prefix: v.Prefix, Subject: v.String()}
	if len(ws) > 0 {
		key.Prefix = ws[0].Prefix
	}
	return key
}

// relevant gives the VRPs that are about watched prefixes, or name one of our ASes.
func (e *Engine) relevant(vrps []rpki.VRP) (out []rpki.VRP) {
	for _, v := range vrps {
		if e.rules.Ours(v.ASN) || len(e.touched(v)) > 0 {
			out = append(out, v)
		}
	}
	return out
}

// paired makes one change of a VRP that went and one of the same prefix and AS that came.
func paired(added, removed []rpki.VRP) (out []roaChange) {
	removed = slices.Clone(removed)
	for _, v := range added {
		c := roaChange{is: v}
		if i := slices.IndexFunc(removed, func(o rpki.VRP) bool { return o.Prefix == v.Prefix && o.ASN == v.ASN }); i >= 0 {
			c.was = removed[i]
			removed = slices.Delete(removed, i, i+1)
		}
		out = append(out, c)
	}
	for _, v := range removed {
		out = append(out, roaChange{was: v})
	}
	slices.SortStableFunc(out, func(a, b roaChange) int { return comparePlace(a.vrp().Prefix, b.vrp().Prefix) })
	return out
}

// says tells the change in a sentence.
func (c *roaChange) says(now time.Time) string {
	switch {
	case !c.was.Prefix.IsValid():
		return fmt.Sprintf("VRP %s was added.", c.is)
	case c.is.Prefix.IsValid():
		return fmt.Sprintf("The VRP of %s for %s changed: maxLength is %d, was %d.", c.is.Prefix, c.is.ASN, c.is.MaxLength, c.was.MaxLength)
	case !c.was.Expires.IsZero() && !c.was.Expires.After(now):
		return fmt.Sprintf("VRP %s expired.", c.was)
	}
	return fmt.Sprintf("VRP %s was removed.", c.was)
}

// roaChanged says what changed, and what that does to everything that is announced now.
func (e *Engine) roaChanged(c *roaChange, before *rpki.Table, effects []effect) Condition {
	v := c.vrp()
	ws := e.touched(v)
	says := c.says(e.clock)
	out := Condition{Key: roaKey(ROAChanged, v, ws), Severity: Info, Since: e.clock, Says: says + consequences(effects), Was: says}
	if len(ws) > 0 {
		out.Watched, out.Prefixes = ws[0], nets(ws)
	}
	for _, w := range ws[:min(len(ws), evidenceShown)] {
		out.Why = append(out.Why, declaration(ROAChanged, w),
			fmt.Sprintf("VRPs that cover %s before: %s; now: %s", w.Prefix, coverText(before, w), coverText(e.vrps, w)))
	}
	if len(ws) == 0 {
		out.Why = append(out.Why, fmt.Sprintf("%s is one of our ASes; %s is not in the configuration", v.ASN, v.Prefix))
	}
	for i := range effects[:min(len(effects), evidenceShown)] {
		out.Why = append(out.Why, effects[i].fact())
	}
	stranger := c.stranger(e.rules, ws)
	if stranger || slices.ContainsFunc(effects, (effect).worse) {
		out.Severity = Warning
	}
	for _, x := range effects {
		if x.ours() && out.Verdict.State == rpki.NotChecked || x.worse() {
			out.Verdict = x.after
		}
	}
	out.Actions = roaActions(c, stranger, effects)
	out.About = out.Says
	return out
}

func coverText(t *rpki.Table, w *rules.Prefix) string {
	if vrps := unanchored(t.Covering(w.Prefix)); len(vrps) > 0 {
		return vrpList(vrps)
	}
	return "none"
}

// unanchored shows a VRP once that several trust anchors assert: it lasts as long as the last of them.
func unanchored(vrps []rpki.VRP) (out []rpki.VRP) {
	for _, v := range vrps {
		i := slices.IndexFunc(out, func(o rpki.VRP) bool { return o.String() == v.String() })
		if i < 0 {
			out = append(out, v)
		} else if !out[i].Expires.IsZero() && (v.Expires.IsZero() || v.Expires.After(out[i].Expires)) {
			out[i].Expires = v.Expires
		}
	}
	return out
}

// consequences says what became of announcements, as a sentence for each of the first few.
func consequences(effects []effect) string {
	text, n := "", 0
	for i := range effects {
		x := &effects[i]
		if x.before.State == x.after.State {
			continue
		}
		if n++; n <= namesShown {
			text += fmt.Sprintf(" %s is %s now, was %s; %s.", x.announcement, stateText(x.after), x.before.State, seenBy(x.announcement))
		}
	}
	switch {
	case len(effects) == 0:
		return " Nothing that it covers is announced now."
	case n == 0:
		return " No announcement changes its state by that."
	case n > namesShown:
		text += fmt.Sprintf(" So do %d more announcements.", n-namesShown)
	}
	return text
}

func stateText(v rpki.Verdict) string {
	if v.Reason != "" {
		return v.State.String() + " (" + v.Reason + ")"
	}
	return v.State.String()
}

// fact says of one announcement what it was and is.
func (x *effect) fact() string {
	if describe(x.before) == describe(x.after) {
		return fmt.Sprintf("%s stays %s; %s", x.announcement, describe(x.after), seenBy(x.announcement))
	}
	return fmt.Sprintf("%s: before %s; now %s; %s", x.announcement, describe(x.before), describe(x.after), seenBy(x.announcement))
}

// worse tells that the change does harm: what we announce lost ground, or what somebody else announces there won some.
func (x effect) worse() bool {
	rank := func(s rpki.State) int {
		return [...]int{rpki.NotChecked: 1, rpki.NotFound: 1, rpki.Valid: 2, rpki.Invalid: 0}[s]
	}
	if x.ours() {
		return rank(x.after.State) < rank(x.before.State)
	}
	return x.watched != nil && rank(x.after.State) > rank(x.before.State)
}

// stranger tells that an AS outside the configuration may now announce a watched prefix, or a part of it, by a VRP that was not there before.
func (c *roaChange) stranger(set *rules.Set, ws []*rules.Prefix) bool {
	v := c.is
	if !v.Prefix.IsValid() || v.ASN == route.ASZero || set.Ours(v.ASN) {
		return false
	}
	return slices.ContainsFunc(ws, func(w *rules.Prefix) bool {
		return !w.Allows(v.ASN) && int(v.MaxLength) >= w.Prefix.Bits()
	})
}

// roaActions says what to do about a change.
func roaActions(c *roaChange, stranger bool, effects []effect) (out []string) {
	v := c.vrp()
	if stranger {
		out = append(out, fmt.Sprintf("Find out who had the ROA made that authorises %s: only who holds the address space, or a block around it, can", v.ASN),
			fmt.Sprintf("If %s may announce it, add it to origins in the configuration", v.ASN))
	}
	for i := range effects {
		if x := &effects[i]; x.ours() && x.worse() {
			out = append(out, fmt.Sprintf("Create a ROA for %s, maxLength %d, %s, unless the change is meant: networks that validate origins rely on it", x.prefix, x.prefix.Bits(), originText(x.origin)))
		}
	}
	if len(out) == 0 {
		out = append(out, "Nothing, if you know of the change; else ask whoever manages your ROAs at the registry")
	}
	return out[:min(len(out), evidenceShown)]
}
