package detector

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/rules"
)

// HealthState is what is known of the service of a site itself, apart from routing.
type HealthState uint8

// The states.
const (
	HealthUnchecked HealthState = iota // nobody asks the service
	HealthUnknown                      // it is to be asked, and nobody can tell: not asked yet, or it can't be asked from here
	HealthUp
	HealthDown
)

// String gives unchecked, unknown, up or down.
func (s HealthState) String() string {
	return [...]string{"unchecked", "unknown", "up", "down"}[s]
}

// Health is how the service of a site fares.
type Health struct {
	Site  string // its name
	State HealthState
	Since time.Time
	// Check says what is asked of the service, as "tcp 192.0.2.1:53"; Reason what came of it where that is no success: "HTTP status 503, expected 200".
	Check, Reason string
}

// service is the health of a site and what was told of it.
type service struct {
	Health
	unhealthy, withdrawn told
}

// told is an incident about the service of a site: one for all of its prefixes, under the first that it had when it began.
type told struct {
	key      Key            // zero while nothing is told
	prefixes []netip.Prefix // that it is about
	names    []string       // of all prefixes that it was about, the first one first
}

// healthLag is how long after a change of routing the services are compared with it: a site seldom announces or withdraws one prefix alone.
const healthLag = time.Second

// SetHealth notes how the service of a site fares since a time. A site that the configuration doesn't have is passed over.
func (e *Engine) SetHealth(h Health, now time.Time) {
	e.Advance(now)
	site := e.rules.SiteNumber(h.Site)
	if site == rules.NoSite {
		return
	}
	s := e.health[h.Site]
	if s == nil {
		s = &service{}
		e.health[h.Site] = s
	}
	h.Since = min2(h.Since, e.clock)
	s.Health = h
	e.tellService(s, e.routings()[site])
	if h.State == HealthUnchecked {
		delete(e.health, h.Site)
	}
	e.settle()
	e.Advance(e.clock) // what is due at once, as with resolve_after: 0s
}

// Health gives how the services fare that are asked, in the order of their sites.
func (e *Engine) Health() []Health {
	out := make([]Health, 0, len(e.health))
	for _, site := range e.rules.Sites() {
		if s := e.health[site.Name]; s != nil {
			out = append(out, s.Health)
		}
	}
	return out
}

// healthLater compares services and routing in a moment, once for all that changes until then.
func (e *Engine) healthLater() {
	if len(e.health) == 0 || e.healthPlanned {
		return
	}
	e.healthPlanned = true
	e.timers.set(e.clock.Add(healthLag), func() {
		e.healthPlanned = false
		all := e.routings()
		for n, site := range e.rules.Sites() {
			if s := e.health[site.Name]; s != nil {
				e.tellService(s, all[n])
			}
		}
	})
}

// keepHealth forgets the services of sites that another configuration doesn't have.
func (e *Engine) keepHealth(set *rules.Set, why cause) {
	for _, name := range slices.Sorted(maps.Keys(e.health)) {
		s := e.health[name]
		if set.SiteNumber(name) == rules.NoSite {
			e.untell(&s.unhealthy, why)
			e.untell(&s.withdrawn, why)
			delete(e.health, name)
		}
	}
}

// untell lifts what was told.
func (e *Engine) untell(t *told, why cause) {
	if t.key != (Key{}) {
		e.ledger.lift(t.key, why)
	}
	*t = told{}
}

// about brings up to date which prefixes an incident is about. It keeps the key with which it began.
func (t *told) about(k Kind, site string, cells []*cell) {
	if t.key == (Key{}) {
		t.key = Key{Kind: k, Prefix: cells[0].prefix, Site: site}
	}
	t.prefixes = nil
	for _, c := range cells {
		t.prefixes = append(t.prefixes, c.prefix)
		if name := c.watched.Label(); !slices.Contains(t.names, name) {
			t.names = append(t.names, name)
		}
	}
}

// routing is how a site stands with its prefixes, as far as it matters for its service.
type routing struct {
	announcing []*cell
	missing    []*cell // what it must announce and, for sure, does not
	open       bool    // of something that it must announce, nothing is sure
}

// announcing tells that clients are drawn to the site now.
func (c *cell) announcing() bool { return c.state.announcing() && c.absent.IsZero() }

// doubtful tells that the site may or may not announce: nobody can know, or it may be hidden behind better paths.
func (c *cell) doubtful() bool { return !c.announcing() && (c.state == PlaceUnknown || c.weak) }

// routings gives how all sites stand.
func (e *Engine) routings() []routing {
	all := make([]routing, len(e.rules.Sites()))
	for _, c := range e.presence.order {
		r := &all[c.site]
		switch {
		case c.announcing():
			r.announcing = append(r.announcing, c)
		case c.watched.Announced != rules.Always || c.state == PlaceMissing && c.drained: // it said that it would go
		case c.state == PlaceMissing && !c.weak:
			r.missing = append(r.missing, c)
		default:
			r.open = true
		}
	}
	return all
}

// tellService compares the service of a site with its routing.
func (e *Engine) tellService(s *service, r routing) {
	e.tellUnhealthy(s, r)
	e.tellWithdrawn(s, r)
}

// tellUnhealthy finds a site that draws clients to a service that does not answer them.
func (e *Engine) tellUnhealthy(s *service, r routing) {
	t := &s.unhealthy
	switch {
	case s.State == HealthDown && len(r.announcing) > 0:
		t.about(AnnouncedUnhealthy, s.Site, r.announcing)
		e.ledger.raise(e.announcedUnhealthy(s, r.announcing))
	case t.key == (Key{}):
	case s.State == HealthUp:
		e.untell(t, cause{says: "the service of " + s.Site + " is up again: " + s.Check + " succeeds"})
	case s.State == HealthUnchecked:
		e.untell(t, cause{says: "the service of " + s.Site + " is not checked any more"})
	case len(r.announcing) == 0 && !e.anyDoubtful(t):
		e.untell(t, cause{says: s.Site + " withdrew, and draws clients no more"})
	default:
		e.ledger.doubt(t.key)
	}
}

// anyDoubtful tells whether the site may or may not announce one of the prefixes that were told.
func (e *Engine) anyDoubtful(t *told) bool {
	site := e.rules.SiteNumber(t.key.Site)
	return slices.ContainsFunc(t.prefixes, func(p netip.Prefix) bool {
		c := e.presence.cells[place{p, site}]
		return c != nil && c.doubtful()
	})
}

// tellWithdrawn finds a site whose service is up, and that serves nobody.
func (e *Engine) tellWithdrawn(s *service, r routing) {
	t := &s.withdrawn
	switch {
	case s.State == HealthUp && len(r.announcing) == 0 && len(r.missing) > 0 && !r.open:
		t.about(HealthyWithdrawn, s.Site, r.missing)
		e.ledger.raise(e.healthyWithdrawn(s, r.missing))
	case t.key == (Key{}):
	case len(r.announcing) > 0:
		e.untell(t, cause{says: s.Site + " announces " + r.announcing[0].watched.Label() + " again"})
	case s.State == HealthDown:
		e.untell(t, cause{says: "the service of " + s.Site + " is down: it is right to announce nothing"})
	case s.State == HealthUnchecked:
		e.untell(t, cause{says: "the service of " + s.Site + " is not checked any more"})
	default:
		e.ledger.doubt(t.key)
	}
}

// announcedUnhealthy says which service does not answer, why that is thought, and who is drawn to it all the same: critical, unless the site is on
// its way out or under maintenance.
func (e *Engine) announcedUnhealthy(s *service, cells []*cell) Condition {
	c := Condition{
		Key: s.unhealthy.key, Severity: Critical, Since: s.Since, About: strings.Join(s.unhealthy.names, " "), Watched: cells[0].watched, Prefixes: s.unhealthy.prefixes,
		Actions: []string{
			"Withdraw " + s.Site + ", or have it withdraw itself: clients that are routed there get no answer, elsewhere they would",
			"Look at the service there: " + s.Check,
			"Find out why the service of " + s.Site + " and its announcement are not tied together",
		},
	}
	var names []string
	first, draining := cells[0].since, true
	for _, x := range cells {
		first, draining = min2(first, x.since), draining && x.state == PlaceDraining
		names = append(names, x.watched.Label())
		if len(c.Why) < evidenceShown {
			c.Why = append(c.Why, fmt.Sprintf("%s at %s: %s since %s", x.watched.Label(), s.Site, x.state, stamp(x.since)))
		}
		if room := evidenceShown - len(c.Evidence); room > 0 {
			shown := x.shown()
			c.Evidence = append(c.Evidence, shown[:min(len(shown), room)]...)
		}
	}
	if first.After(c.Since) {
		c.Since = first
	}
	c.Why = append(c.Why, s.why())
	c.Says = fmt.Sprintf("%s announces %s although its service is down since %s: %s. Clients that are routed there get no answer.", s.Site, list(names, false), stamp(s.Since), s.said())
	c.Was = fmt.Sprintf("%s announced %s while its service was down: %s.", s.Site, list(s.unhealthy.names, false), s.said())
	e.expect(&c, draining, "It is draining.", s.Site+" is draining: its paths carry GRACEFUL_SHUTDOWN or a drain community")
	return c
}

// healthyWithdrawn says which service waits for clients that nothing brings to it.
func (e *Engine) healthyWithdrawn(s *service, cells []*cell) Condition {
	c := Condition{
		Key: s.withdrawn.key, Severity: Warning, Since: s.Since, About: strings.Join(s.withdrawn.names, " "), Watched: cells[0].watched,
		Prefixes: s.withdrawn.prefixes, Of: e.witnesses(&siteLoss{cells: cells}),
		Actions: []string{
			"If " + s.Site + " should serve, find out why it announces nothing: its BGP speaker, the policy there, its sessions",
			"If it was taken down on purpose, declare a maintenance, or drain it with GRACEFUL_SHUTDOWN (65535:0) before",
		},
	}
	var names []string
	for _, x := range cells {
		if x.since.After(c.Since) {
			c.Since = x.since
		}
		c.table = c.table || !x.seen
		names = append(names, x.watched.Label())
		if len(c.Why) < evidenceShown {
			c.Why = append(c.Why, x.why(e))
		}
		c.Evidence = append(c.Evidence, each(x.gone[:min(len(x.gone), evidenceShown-len(c.Evidence))], trace.evidence)...)
	}
	c.Why = append(c.Why, s.why())
	c.Says = fmt.Sprintf("The service of %s is up since %s, and the site announces nothing: it should announce %s.", s.Site, stamp(s.Since), list(names, false))
	c.Was = fmt.Sprintf("The service of %s was up, and the site announced nothing.", s.Site)
	e.expect(&c, false, "", "")
	return c
}

// expect lowers what is meant to happen, under maintenance or because of a drain, and says so.
func (e *Engine) expect(c *Condition, drain bool, says, why string) {
	switch m := e.rules.Maintained(c.Site, e.clock); {
	case m != nil:
		c.Severity = Info
		c.Why = append(c.Why, c.Site+" is under maintenance until "+stamp(m.To)+because(m.Reason))
		c.Says += " It is under maintenance" + because(m.Reason) + "."
	case drain:
		c.Severity = Info
		c.Why = append(c.Why, why)
		c.Says += " " + says
	}
}

// said says which check fails, and with what.
func (s *service) said() string { return s.Check + because(s.Reason) }

// why says as a fact how the service fares.
func (s *service) why() string {
	return fmt.Sprintf("the service of %s is %s since %s (%s)", s.Site, s.State, stamp(s.Since), s.said())
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
