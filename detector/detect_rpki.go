package detector

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// authority is what the engine knows of the VRPs beside the table that it judges by.
//
// Until a snapshot was given, the table that the engine was made with is taken as it stands, as in a replay: its age, its expiry and what it lacks are
// nobody's concern. A replay judges the routes of its recording; the VRPs beside it are those of another day, and an incident about them would have a
// time that nobody recorded. What a file of VRPs lacks, the report on RPKI tells.
type authority struct {
	given    bool
	snapshot rpki.Snapshot
	// usable is the last table that was not too old and held something; current tells that it is the one of the last snapshot.
	usable    *rpki.Table
	current   bool
	revisions map[Key]revision
	renewals  renewals
	planned   time.Time // when the ROAs are looked at again without an event
}

// revision is how the RPKI verdict about an incident last changed because the VRPs did.
type revision struct {
	at            time.Time
	before, after rpki.Verdict
}

func newAuthority() authority {
	return authority{revisions: make(map[Key]revision), renewals: newRenewals()}
}

// SetRPKI puts what is known of the VRPs in force. When they authorise something else than before, every watched route is judged again.
//
// VRPs that are too old accuse nobody and excuse nobody: routes are judged by the configuration alone, and what was open because of the VRPs stays
// open, because nobody can tell whether it is over.
func (e *Engine) SetRPKI(s rpki.Snapshot, now time.Time) {
	e.Advance(now)
	a, was := &e.authority, e.vrps
	if !a.given {
		a.usable = was
	}
	added, removed := a.changes(s)
	first, blind := !a.given, e.blind() != ""
	a.given, a.snapshot = true, s
	e.vrps = s.Table
	if s.TooOld {
		e.vrps = nil
	}
	e.tellStale()
	e.tellDrops()
	if first || blind != (e.blind() != "") || !was.Set().Equal(e.vrps.Set()) {
		e.judgeByVRPs(was)
	}
	e.tellChanged(a.usable, added, removed)
	if a.current = e.vrps.Len() > 0; a.current {
		a.usable = e.vrps
	}
	e.tellROAs(cause{})
	e.settle()
	e.Advance(e.clock) // what is due at once, as with resolve_after: 0s
}

// changes gives what the snapshot authorises more and less than the last table that could be used. Data that come or go as a whole are no change.
func (a *authority) changes(s rpki.Snapshot) (added, removed []rpki.VRP) {
	switch {
	case s.TooOld || s.Table.Len() == 0 || a.usable.Len() == 0 || s.Table == a.usable:
		return nil, nil
	case a.given && a.current:
		return s.Added, s.Removed
	}
	return rpki.DiffAuthority(a.usable.Set(), s.Table.Set())
}

// judgeByVRPs judges every route again, and notes what that made of the verdicts in the incidents.
func (e *Engine) judgeByVRPs(old *rpki.Table) {
	before := make(map[Key]rpki.Verdict)
	for k, r := range e.ledger.records {
		if s, ok := r.matter.(*sighting); ok && s.held() {
			before[k] = s.finding.RPKI
		}
	}
	says := "the VRPs changed, and by the new ones nothing is wrong"
	if e.vrps.Len() == 0 {
		says = "there is no source of VRPs any more: origins are not checked"
	}
	e.rejudge(cause{says, true})
	a := &e.authority
	for k, r := range e.ledger.records {
		s, ok := r.matter.(*sighting)
		was, stood := before[k]
		if !ok || !stood && !s.held() {
			continue
		}
		if !stood { // the new VRPs began it
			was = s.by(old)
		}
		now := s.finding.RPKI
		if !s.held() { // they ended it
			now = s.by(e.vrps)
		}
		if describe(now) != describe(was) {
			a.revisions[k] = revision{e.clock, was, now}
		}
	}
	for k := range a.revisions {
		if e.ledger.records[k] == nil {
			delete(a.revisions, k)
		}
	}
}

// held tells that a vantage shows it, or did when it was lost.
func (s *sighting) held() bool {
	return slices.ContainsFunc(s.holders, func(h *holder) bool { return len(h.routes) > 0 })
}

// by gives what other VRPs say of it. Of an AS_SET they all say the same: none can match it.
func (s *sighting) by(t *rpki.Table) rpki.Verdict {
	origin := route.Origin{AS: s.finding.Origin}
	if s.finding.RPKI.Reason == rpki.ReasonASSet {
		origin = route.Origin{Set: []route.ASN{s.finding.Origin}}
	}
	return t.Validate(s.finding.announced(), origin)
}

// revised says how the verdict about an incident changed with the VRPs in its life, and why nothing was checked.
func (e *Engine) revised(k Key, opened time.Time, now rpki.State) (why []string) {
	if r, ok := e.authority.revisions[k]; ok && !r.at.Before(opened) {
		why = append(why, fmt.Sprintf("the VRPs changed at %s. Before: %s. Since then: %s", stamp(r.at), describe(r.before), describe(r.after)))
	}
	if blind := e.blind(); blind != "" && now == rpki.NotChecked {
		why = append(why, blind)
	}
	return why
}

// blind says why no VRPs can be used although there are sources; "" when they can, or when there are none.
func (e *Engine) blind() string {
	s := &e.authority.snapshot
	switch {
	case s.TooOld && s.Table.Len() > 0:
		return fmt.Sprintf("RPKI is not checked: the VRPs are of %s, older than rpki.max_age (%s)", stamp(s.Table.Generated()), HumanDuration(e.rules.RPKI.MaxAge))
	case s.Table.Len() == 0 && len(s.Sources) > 0:
		return "RPKI is not checked: no source has given VRPs that are still good"
	}
	return ""
}

// describe writes a verdict as a fact: its state, and the VRPs that decide it.
func describe(v rpki.Verdict) string {
	text := v.State.String()
	if v.Reason != "" {
		text += " (" + v.Reason + ")"
	}
	switch {
	case v.State == rpki.NotChecked:
		return "not checked"
	case len(v.VRPs) == 0:
		return text + ", no VRP covers it"
	}
	return text + " by VRP " + vrpList(v.VRPs)
}

func vrpList(vrps []rpki.VRP) string {
	names := make([]string, len(vrps))
	for i, v := range vrps {
		names[i] = v.String()
	}
	return list(names, false)
}

// doubted keeps an open rpki-invalid open while no VRPs can be used: the announcement still stands, and nobody can tell whether it is still invalid.
func (e *Engine) doubted(c *Case) (Finding, bool) {
	if c.RPKI.State != rpki.NotChecked || !e.authority.given || e.blind() == "" {
		return Finding{}, false
	}
	if c.Watched == nil || c.unused() || c.unconfigured() != "" {
		return Finding{}, false
	}
	f := c.finding(RPKIInvalid, c.originAS(), 0, Warning)
	r := e.ledger.records[f.Key]
	if r == nil || r.state != open || !r.clear.IsZero() && r.cause.void {
		return Finding{}, false
	}
	return f, true
}

// those gives the keys of a kind whose condition holds, or is in doubt, in order.
func (l *ledger) those(k Kind) (keys []Key) {
	for key, r := range l.records {
		if key.Kind == k && r.matter.standing() != gone {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, Key.compare)
	return keys
}

// liftOthers lifts all conditions of a kind but some; over says why one is over. A cause that is given goes before.
func (e *Engine) liftOthers(k Kind, but map[Key]bool, why cause, over func(Key) string) {
	for _, key := range e.ledger.those(k) {
		switch {
		case but[key]:
		case why.says != "":
			e.ledger.lift(key, why)
		default:
			e.ledger.lift(key, cause{says: over(key)})
		}
	}
}

// inside gives those of a sorted list whose prefix equals a prefix or lies inside it.
func inside[T any](sorted []T, of func(T) netip.Prefix, p netip.Prefix) []T {
	start, _ := slices.BinarySearchFunc(sorted, p, func(x T, p netip.Prefix) int { return comparePlace(of(x), p) })
	end := start
	for end < len(sorted) && p.Contains(of(sorted[end]).Addr()) {
		end++
	}
	return sorted[start:end]
}

// comparePlace orders by family, address and length: what a prefix covers follows it.
func comparePlace(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// announcement is a prefix with an origin, as vantages show it now.
type announcement struct {
	prefix   netip.Prefix
	origin   route.Origin
	watched  *rules.Prefix // the watch that judges it; nil for none
	vantages int
	last     *view // that was counted
}

func (a *announcement) String() string {
	return fmt.Sprintf("%s from %s", a.prefix, originText(a.origin))
}

// ours tells whether the configuration allows it.
func (a *announcement) ours() bool {
	if a.watched == nil || a.watched.Announced == rules.Never {
		return false
	}
	_, bad := a.watched.Unallowed(a.origin)
	return !bad
}

// announcements gives what is announced now, sorted. Stale routes show nothing.
func (e *Engine) announcements() []*announcement {
	found := make(map[string]*announcement)
	var all []*announcement
	for _, w := range e.rib.order {
		for n, r := range w.routes {
			if r.Stale {
				continue
			}
			x := &announcement{prefix: n.Prefix, origin: r.Attrs.Path.Origin(w.v.Local)}
			name := x.String()
			if found[name] == nil {
				x.watched = e.rules.Judge(n.Prefix)
				found[name] = x
				all = append(all, x)
			}
			if a := found[name]; a.last != w {
				a.last = w
				a.vantages++
			}
		}
	}
	slices.SortFunc(all, func(a, b *announcement) int {
		return cmp.Or(comparePlace(a.prefix, b.prefix), strings.Compare(originText(a.origin), originText(b.origin)))
	})
	return all
}

func announcedPrefix(a *announcement) netip.Prefix { return a.prefix }
func watchedPrefix(w *rules.Prefix) netip.Prefix   { return w.Prefix }

// touched gives the watched prefixes that a VRP is about: those that it covers, else the one that it lies in.
func (e *Engine) touched(v rpki.VRP) []*rules.Prefix {
	if w := inside(e.rules.Prefixes(), watchedPrefix, v.Prefix); len(w) > 0 {
		return w
	}
	if w := e.rules.Judge(v.Prefix); w != nil {
		return []*rules.Prefix{w}
	}
	return nil
}

func labels(ws []*rules.Prefix) string {
	names := make([]string, len(ws))
	for i, w := range ws {
		names[i] = w.Label()
	}
	return list(names, false)
}

func nets(ws []*rules.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(ws))
	for i, w := range ws {
		out[i] = w.Prefix
	}
	return out
}

func vantageCount(n int) string {
	if n == 1 {
		return "1 vantage"
	}
	return fmt.Sprintf("%d vantages", n)
}
