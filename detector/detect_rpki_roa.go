package detector

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// tellROAs looks at the ROAs of all watched prefixes: which of them have none, and which ROAs run out. While no VRPs can be used nobody knows. A cause
// that is given says why what is over is over.
func (e *Engine) tellROAs(why cause) {
	a := &e.authority
	switch {
	case !a.given:
	case e.vrps.Len() > 0:
		e.tellMissing(why)
		e.tellExpiring(why)
	case e.blind() != "":
		for _, k := range append(e.ledger.those(ROAMissing), e.ledger.those(ROAExpiring)...) {
			e.ledger.doubt(k)
		}
	default:
		gone := func(Key) string { return "there is no source of VRPs any more" }
		e.liftOthers(ROAMissing, nil, why, gone)
		e.liftOthers(ROAExpiring, nil, why, gone)
	}
}

// lookAtROAs looks again at a time, unless it will before.
func (e *Engine) lookAtROAs(at time.Time) {
	a := &e.authority
	if a.planned.After(e.clock) && !a.planned.After(at) {
		return
	}
	a.planned = at
	e.timers.set(at, func() {
		if a.planned.Equal(at) {
			a.planned = time.Time{}
			e.tellROAs(cause{})
		}
	})
}

// roasLater looks at the ROAs in a moment, when a prefix that may or may not be announced came or went.
func (e *Engine) roasLater(p netip.Prefix) {
	if !e.authority.given {
		return
	}
	if w := e.rules.Find(p); w != nil && w.Announced == rules.Optional {
		e.lookAtROAs(e.clock.Add(time.Second))
	}
}

// tellMissing raises an incident for each prefix that is announced, or should be, and that no VRP covers.
func (e *Engine) tellMissing(why cause) {
	missing := make(map[Key]bool)
	var all []*announcement
	if wait := e.began.Add(e.rules.InitialSync); e.awaited() && e.clock.Before(wait) {
		e.lookAtROAs(wait)
		for _, k := range e.ledger.those(ROAMissing) {
			missing[k] = missing[k] || e.roaLess(e.rules.Find(k.Prefix))
		}
	} else {
		for _, w := range e.rules.Prefixes() {
			if !e.roaLess(w) {
				continue
			}
			if all == nil {
				all = e.announcements()
			}
			c := e.roaMissing(w, all)
			missing[c.Key] = true
			e.ledger.raise(c)
		}
	}
	e.liftOthers(ROAMissing, missing, why, func(k Key) string {
		if vrps := unanchored(e.vrps.Covering(k.Prefix)); len(vrps) > 0 {
			return "it is covered by VRP " + vrpList(vrps)
		}
		return k.Prefix.String() + " is not announced any more, and need not be"
	})
}

// awaited tells that a source has not given anything yet: what it will give may be what lacks.
func (e *Engine) awaited() bool {
	return slices.ContainsFunc(e.authority.snapshot.Sources, func(s rpki.SourceStatus) bool { return s.State == rpki.SourceWaiting })
}

// roaLess tells that a watched prefix should have a ROA and has none. For private address space there are none.
func (e *Engine) roaLess(w *rules.Prefix) bool {
	if w == nil || w.Announced == rules.Never || private(w.Prefix) || e.vrps.State(w.Prefix, route.Origin{}) != rpki.NotFound {
		return false
	}
	return w.Announced == rules.Always || slices.ContainsFunc(e.rib.order, func(v *view) bool { return v.shown(w.Prefix) != nil })
}

func (e *Engine) roaMissing(w *rules.Prefix, all []*announcement) Condition {
	c := Condition{
		Key: Key{Kind: ROAMissing, Prefix: w.Prefix}, Severity: Info, Since: e.clock, Watched: w, Verdict: rpki.Verdict{State: rpki.NotFound},
		Says: fmt.Sprintf("No VRP covers %s: RPKI does not protect it, and an announcement by anybody is not-found instead of invalid.", w.Label()),
		Was:  fmt.Sprintf("No VRP covered %s.", w.Label()),
		Why:  []string{declaration(ROAMissing, w), fmt.Sprintf("none of %d VRPs covers %s", e.vrps.Len(), w.Prefix)},
	}
	origins := w.Origins
	for _, a := range inside(all, announcedPrefix, w.Prefix) {
		if a.prefix != w.Prefix {
			break
		}
		c.Why = append(c.Why, fmt.Sprintf("%s is announced now; %s", a, seenBy(a)))
		if w.AnyOrigin && a.origin.Set == nil {
			origins = append(origins[:len(origins):len(origins)], a.origin.AS)
		}
	}
	for _, as := range origins {
		c.Actions = append(c.Actions, fmt.Sprintf("Create a ROA for %s, maxLength %d, %s: as long as what is announced and no longer (RFC 9319)", w.Prefix, w.Prefix.Bits(), as))
	}
	if len(origins) > 0 {
		c.Origin = origins[0]
	}
	return c
}

// renewals is how the expiry of VRPs was put off so far. Many validators give as expiry the time when the first of all the signed objects above a ROA
// runs out, manifests and CRLs among them: those live for a day or so and are renewed all the time. Half of the ROAs of the world expire within 24
// hours, every hour of the day, and none of them does. So what was renewed before is told only when it is later than it ever was.
type renewals struct {
	expires map[string]time.Time     // by VRP, as it was last seen
	least   map[string]time.Duration // by VRP, the least that was left when it was renewed
}

func newRenewals() renewals {
	return renewals{expires: make(map[string]time.Time), least: make(map[string]time.Duration)}
}

// see notes the expiry of the VRPs there are now, and forgets those that are gone.
func (r *renewals) see(vrps map[string]*expiring, warning time.Duration, now time.Time) {
	next := newRenewals()
	for name, x := range vrps {
		least, known := r.least[name]
		if was, ok := r.expires[name]; ok && x.vrp.Expires.After(was) {
			if left := max(was.Sub(now), 0); left < warning && (!known || left < least) {
				least, known = left, true
			}
		}
		if known {
			next.least[name] = least
		}
		next.expires[name] = x.vrp.Expires
	}
	*r = next
}

// due is when the expiry of a VRP is to be told, and usual tells that the VRP was renewed in time before.
func (r *renewals) due(v rpki.VRP, warning time.Duration) (at time.Time, usual bool) {
	if least, ok := r.least[v.String()]; ok {
		return v.Expires.Add(-min(warning, least/2)), true
	}
	return v.Expires.Add(-warning), false
}

// expiring is a VRP with an expiry, and the watched prefixes that lose something with it.
type expiring struct {
	vrp rpki.VRP
	ws  []*rules.Prefix
}

// lastPart of the warning time makes of the notice that a VRP expires a warning.
const lastPart = 4

// tellExpiring raises an incident for each VRP that is about to run out with none to take its place, and plans the next look.
func (e *Engine) tellExpiring(why cause) {
	all, warning := e.expiringVRPs(), e.rules.RPKI.ExpiryWarning
	r := &e.authority.renewals
	r.see(all, warning, e.clock)
	told := make(map[string]Key)
	for _, k := range e.ledger.those(ROAExpiring) {
		told[k.Subject] = k
	}
	soon := make(map[Key]bool)
	for _, name := range sortedNames(all) {
		x := all[name]
		at, usual := r.due(x.vrp, warning)
		late := usual || e.clock.Sub(x.vrp.Expires.Add(-warning/lastPart)) >= 0
		if at.After(e.clock) || warning == 0 || len(x.ws) == 0 {
			if at.After(e.clock) && warning > 0 && len(x.ws) > 0 {
				e.lookAtROAs(at)
			}
			continue
		}
		if !late {
			e.lookAtROAs(x.vrp.Expires.Add(-warning / lastPart))
		}
		key, ok := told[name]
		if !ok {
			key = roaKey(ROAExpiring, x.vrp, x.ws)
		}
		soon[key] = true
		e.ledger.raise(e.roaExpiring(key, x, at, late, usual))
	}
	e.liftOthers(ROAExpiring, soon, why, func(k Key) string {
		switch x := all[k.Subject]; {
		case x == nil:
			return e.notExpiring(k)
		case len(x.ws) == 0:
			return "another VRP would take its place"
		default:
			return "it was renewed, and expires at " + stamp(x.vrp.Expires)
		}
	})
}

func sortedNames(all map[string]*expiring) []string {
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// notExpiring says what became of a VRP that has no expiry now.
func (e *Engine) notExpiring(k Key) string {
	for _, v := range e.vrps.Covering(k.Prefix) {
		if v.String() == k.Subject {
			return "it was renewed, and has no expiry any more"
		}
	}
	return "the VRP is gone"
}

// expiringVRPs gives the VRPs with an expiry that cover watched prefixes, by name.
func (e *Engine) expiringVRPs() map[string]*expiring {
	out := make(map[string]*expiring)
	for _, w := range e.rules.Prefixes() {
		covering := unanchored(e.vrps.Covering(w.Prefix))
		for _, v := range covering {
			if v.Expires.IsZero() {
				continue
			}
			x := out[v.String()]
			if x == nil {
				x = &expiring{vrp: v}
				out[v.String()] = x
			}
			if leavesGap(w, v, covering) {
				x.ws = append(x.ws, w)
			}
		}
	}
	return out
}

// leavesGap tells that a watched prefix loses something when a VRP goes: an origin that may announce it is not authorised any more, or nothing covers
// it any more. A VRP that lasts longer and allows as much takes its place.
func leavesGap(w *rules.Prefix, v rpki.VRP, covering []rpki.VRP) bool {
	alone, authorises := true, w.Announced != rules.Never && v.ASN != route.ASZero && w.Allows(v.ASN) && int(v.MaxLength) >= w.Prefix.Bits()
	needed := min(int(v.MaxLength), longest(w))
	for _, o := range covering {
		if o == v || !o.Expires.IsZero() && !o.Expires.After(v.Expires) {
			continue
		}
		alone = false
		if o.ASN == v.ASN && int(o.MaxLength) >= needed {
			authorises = false
		}
	}
	return alone || authorises
}

// longest is the length of the most specific announcement that the configuration allows in a watched prefix.
func longest(w *rules.Prefix) int {
	bits := max(w.Prefix.Bits(), w.MoreSpecifics.UpTo)
	for _, p := range w.MoreSpecifics.List {
		bits = max(bits, p.Bits())
	}
	return bits
}

func (e *Engine) roaExpiring(key Key, x *expiring, since time.Time, late, usual bool) Condition {
	v := x.vrp
	c := Condition{
		Key: key, Severity: Info, Since: min2(since, e.clock), Watched: x.ws[0], Prefixes: nets(x.ws), About: fmt.Sprint(v.Expires.Unix(), labels(x.ws)),
		Says: fmt.Sprintf("VRP %s expires at %s, and no other takes its place: %s.", v, stamp(v.Expires), e.without(v, x.ws)),
		Was:  fmt.Sprintf("VRP %s was to expire.", v),
		Why:  []string{declaration(ROAExpiring, x.ws[0]), fmt.Sprintf("VRP %s covers %s, and expires in %s", v, labels(x.ws), HumanDuration(max(v.Expires.Sub(e.clock), 0)))},
		Actions: []string{
			"Look at the ROA where you made it: when does it end, and is it renewed by itself?",
			"If it has long to live, something above it runs out: the manifest or the CRL of the repository. Ask its operator, if it is not renewed in the next hours",
		},
	}
	if v.TA != "" {
		c.Why = append(c.Why, "it comes from trust anchor "+v.TA)
	}
	if usual {
		c.Why = append(c.Why, "it was always renewed earlier than this")
	}
	if late {
		c.Severity = Warning
	}
	return c
}

// without says what becomes of watched prefixes when a VRP goes.
func (e *Engine) without(v rpki.VRP, ws []*rules.Prefix) string {
	w := ws[0]
	left := slices.DeleteFunc(unanchored(e.vrps.Covering(w.Prefix)), func(o rpki.VRP) bool {
		return o.String() == v.String() || !o.Expires.IsZero() && !o.Expires.After(v.Expires)
	})
	switch judgeBy(left, nil, &announcement{prefix: w.Prefix, origin: route.Origin{AS: v.ASN}}) {
	case rpki.Valid:
		return fmt.Sprintf("more-specifics of %s from %s would be invalid", w.Label(), v.ASN)
	case rpki.Invalid:
		return fmt.Sprintf("%s from %s would be invalid by VRP %s", w.Label(), v.ASN, vrpList(left))
	}
	return labels(ws) + " would have no ROA any more"
}
