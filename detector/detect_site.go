package detector

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rules"
)

const (
	lossSlack    = 3 * time.Second  // absences that become due so close together are one loss
	lossTogether = 30 * time.Second // what follows a loss of the same site within this time belongs to it
	namesShown   = 3                // prefixes that a summary names
)

// siteLoss is a site that is missing with one or more prefixes that went together: one incident.
type siteLoss struct {
	key      Key
	site     int
	cells    []*cell        // what is not back yet, in address order
	names    []string       // of all that went, back or not
	prefixes []netip.Prefix // the same
	opened   time.Time
	since    time.Time
}

// review turns absences of a site that lasted long enough into a loss. When others are about to, it waits for them: what goes together is one.
func (e *Engine) review(site int) {
	var due []*cell
	soon := false
	for _, c := range e.presence.order {
		if c.site != site || c.absent.IsZero() || c.state == PlaceMissing {
			continue
		}
		switch at := c.absent.Add(e.rules.SiteMissingAfter); {
		case !at.After(e.clock):
			due = append(due, c)
		case !at.After(e.clock.Add(lossSlack)):
			soon = true
		}
	}
	waited := func(c *cell) bool {
		return !e.clock.Before(c.absent.Add(e.rules.SiteMissingAfter + lossSlack))
	}
	if len(due) == 0 || soon && !slices.ContainsFunc(due, waited) {
		return
	}
	for _, c := range due {
		c.enter(PlaceMissing, c.absent)
		c.absent = time.Time{}
		e.presence.touch(c)
	}
	e.lose(site, due)
}

// lose makes a loss of the cells, or adds them to one that has just been told.
func (e *Engine) lose(site int, due []*cell) {
	due = slices.DeleteFunc(due, func(c *cell) bool { return c.watched.Announced != rules.Always })
	if len(due) == 0 {
		return
	}
	i := slices.IndexFunc(e.presence.losses, func(l *siteLoss) bool {
		return l.site == site && e.clock.Sub(l.opened) <= lossTogether
	})
	if i < 0 {
		key := Key{Kind: SiteMissing, Prefix: due[0].prefix, Site: e.rules.Sites()[site].Name}
		i = slices.IndexFunc(e.presence.losses, func(l *siteLoss) bool { return l.key == key })
		if i < 0 {
			i = len(e.presence.losses)
			e.presence.losses = append(e.presence.losses, &siteLoss{key: key, site: site, opened: e.clock, since: due[0].since})
		}
	}
	l := e.presence.losses[i]
	for _, c := range due {
		if c.loss == nil {
			c.loss = l
			l.cells = append(l.cells, c)
			l.since = min2(l.since, c.since)
			if name := c.watched.Label(); !slices.Contains(l.names, name) {
				l.names, l.prefixes = append(l.names, name), append(l.prefixes, c.prefix)
			}
		}
	}
	slices.SortFunc(l.cells, func(a, b *cell) int { return a.prefix.Compare(b.prefix) })
}

// tellLosses raises what is missing, and lifts what is back.
func (e *Engine) tellLosses() {
	e.presence.losses = slices.DeleteFunc(e.presence.losses, func(l *siteLoss) bool {
		last := ""
		l.cells = slices.DeleteFunc(l.cells, func(c *cell) bool {
			if back := c.state.announcing(); back {
				c.loss, last = nil, c.watched.Label()
				return true
			}
			return false
		})
		if len(l.cells) == 0 {
			if len(l.names) > 1 {
				last = fmt.Sprintf("all %d prefixes", len(l.names))
			}
			e.ledger.lift(l.key, cause{says: l.key.Site + " announces " + last + " again"})
			return true
		}
		if slices.ContainsFunc(l.cells, func(c *cell) bool { return c.state == PlaceMissing }) {
			e.ledger.raise(e.siteMissing(l))
		} else {
			e.ledger.doubt(l.key)
		}
		return false
	})
}

// siteMissing says which site is missing with which prefixes, how that is known, and how bad it is: critical where fewer sites than min_sites are
// left; one less when it may still announce behind better paths; info while it is drained or under maintenance.
func (e *Engine) siteMissing(l *siteLoss) Condition {
	name := l.key.Site
	c := Condition{Key: l.key, Severity: Warning, Since: l.since, Actions: []string{
		"Look at " + name + ": its BGP speaker, the service that it follows, its sessions to the route reflectors",
		"If it was taken down on purpose, declare a maintenance, or drain it with GRACEFUL_SHUTDOWN (65535:0) before",
	}}
	left, declared, hidden, drained := 0, 0, true, true
	var names []string
	for _, x := range l.cells {
		if x.state != PlaceMissing {
			continue
		}
		names = append(names, x.watched.Label())
		announcing, possible, all := e.count(x.prefix)
		if announcing+possible < x.watched.MinSites {
			c.Severity = Critical
		}
		if len(names) == 1 {
			left, declared = announcing, all
		}
		hidden, drained = hidden && x.weak, drained && x.drained
		c.Why = append(c.Why, x.why(e))
		c.Evidence = append(c.Evidence, each(x.gone[:min(len(x.gone), evidenceShown-len(c.Evidence))], trace.evidence)...)
		c.table = c.table || !x.seen
	}
	c.Of, c.Prefixes = e.witnesses(l), slices.Clone(l.prefixes)
	if hidden && c.Severity > Info {
		c.Severity--
	}
	c.Watched = e.rules.Find(l.key.Prefix)
	verb := "does not announce "
	if !c.table {
		verb = "no longer announces "
	}
	c.Says = fmt.Sprintf("%s %s%s; %d of %d sites do.", name, verb, list(names, e.all(l)), left, declared)
	if hidden {
		c.Says = fmt.Sprintf("Nobody is served by %s any more for %s: no vantage shows a path of it, and none looks past best paths; %d of %d sites are seen.", name, list(names, e.all(l)), left, declared)
	}
	c.Was = fmt.Sprintf("%s did not announce %s.", name, list(l.names, false))
	switch m := e.rules.Maintained(name, e.clock); {
	case m != nil:
		c.Severity = Info
		c.Why = append(c.Why, name+" is under maintenance until "+m.To.UTC().Format(time.RFC3339)+because(m.Reason))
		c.Says += " It is under maintenance" + because(m.Reason) + "."
	case drained:
		c.Severity = Info
		c.Actions = []string{"If that was meant, nothing; if not, find out who drained " + name}
		c.Why = append(c.Why, name+" drained before: its paths carried GRACEFUL_SHUTDOWN or a drain community")
		c.Says += " It had drained before."
	}
	c.About = strings.Join(l.names, " ") // that some are back is no news as long as others are not
	return c
}

// all tells whether the missing prefixes are all that the site should announce.
func (e *Engine) all(l *siteLoss) bool {
	for _, c := range e.presence.order {
		if c.site == l.site && c.watched.Announced == rules.Always && c.state != PlaceMissing {
			return false
		}
	}
	return true
}

// list names some of many.
func list(names []string, all bool) string {
	switch {
	case len(names) <= namesShown:
		return strings.Join(names, ", ")
	case all:
		return fmt.Sprintf("any of its %d prefixes", len(names))
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), len(names)-namesShown)
}

// why says of one cell how its absence is known.
func (c *cell) why(e *Engine) string {
	since := c.since.UTC().Format(time.RFC3339)
	name := e.rules.Sites()[c.site].Name
	switch {
	case c.weak:
		return fmt.Sprintf("%s should be announced at %s; none of the %d vantages that showed its path does since %s", c.watched.Label(), name, len(c.shownBy), since)
	case !c.seen:
		return fmt.Sprintf("%s should be announced at %s; since %s vantages that could see it are synchronised, and none shows it", c.watched.Label(), name, since)
	}
	return fmt.Sprintf("%s should be announced at %s; no vantage that could see it shows it since %s", c.watched.Label(), name, since)
}

// witnesses counts the vantages from whose silence a loss follows.
func (e *Engine) witnesses(l *siteLoss) (n int) {
	c := l.cells[0]
	family := route.FamilyOf(c.prefix)
	for _, w := range e.rib.order {
		if w.could(family) && (w.sees(c.site) || c.weak && c.shownBy[w.v.ID]) {
			n++
		}
	}
	return n
}

// count gives how many sites announce a prefix, how many may (what is unknown, and what has not been absent for long enough), and how many should.
func (e *Engine) count(p netip.Prefix) (announcing, possible, all int) {
	for _, c := range e.presence.of(p) {
		all++
		switch {
		case c.state.announcing() && c.absent.IsZero():
			announcing++
		case c.state != PlaceMissing:
			possible++
		}
	}
	return announcing, possible, all
}

// tellPrefix tells what follows for a prefix from all its sites.
func (e *Engine) tellPrefix(p netip.Prefix) {
	w := e.rules.Find(p)
	if w == nil || w.Announced != rules.Always {
		return
	}
	e.lookLater(p)
	e.tooFew(w)
	e.tellTwin(w)
}

// tooFew finds a prefix that fewer sites announce than min_sites. What is unknown may be there.
func (e *Engine) tooFew(w *rules.Prefix) {
	key := Key{Kind: TooFewSites, Prefix: w.Prefix}
	announcing, possible, all := e.count(w.Prefix)
	switch {
	case all == 0:
		return
	case announcing >= w.MinSites:
		if e.presence.few[w.Prefix] {
			delete(e.presence.few, w.Prefix)
			e.ledger.lift(key, cause{says: fmt.Sprintf("%d sites announce %s again", announcing, w.Label())})
		}
		return
	case announcing+possible >= w.MinSites:
		if e.presence.few[w.Prefix] {
			e.ledger.doubt(key)
		}
		return
	}
	e.presence.few[w.Prefix] = true
	c := Condition{Key: key, Severity: Critical, Watched: w, Actions: []string{
		"Bring back a site that is missing, or announce from another one",
		"If fewer are enough, lower min_sites of " + w.Prefix.String(),
	}}
	expected, hidden := true, false
	var missing []string
	for _, x := range e.presence.of(w.Prefix) {
		name := e.rules.Sites()[x.site].Name
		if x.state == PlaceMissing {
			missing = append(missing, name)
			if x.since.After(c.Since) {
				c.Since = x.since
			}
			expected = expected && (x.drained || e.rules.Maintained(name, e.clock) != nil)
			hidden = hidden || x.weak
			c.table = c.table || !x.seen
		}
		c.Why = append(c.Why, fmt.Sprintf("%s at %s: %s", w.Prefix, name, x.state))
	}
	c.Why = append(c.Why, fmt.Sprintf("min_sites of %s is %d", w.Label(), w.MinSites))
	if hidden && announcing > 0 {
		c.Severity = Warning
		c.Why = append(c.Why, "some that are missing may announce behind better paths: no vantage looks past those")
	}
	if expected {
		c.Severity = Info
	}
	c.Says = fmt.Sprintf("%s is announced from %d of %d sites; it needs %d. Missing: %s.", w.Label(), announcing, all, w.MinSites, strings.Join(missing, ", "))
	c.Was = fmt.Sprintf("%s was announced from fewer than %d sites.", w.Label(), w.MinSites)
	c.About = strings.Join(missing, " ")
	e.ledger.raise(c)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tellTwin finds sites that announce only one of a prefix and its twin.
func (e *Engine) tellTwin(w *rules.Prefix) {
	if !w.Twin.IsValid() {
		return
	}
	key := Key{Kind: TwinMismatch, Prefix: w.Prefix}
	var differs, why []string
	doubt, hidden, fresh, since := false, false, false, time.Time{}
	for _, a := range e.presence.of(w.Prefix) {
		b := e.presence.cells[place{w.Twin, a.site}]
		if b == nil {
			continue
		}
		name := e.rules.Sites()[a.site].Name
		switch {
		case a.state == PlaceMissing && b.state.announcing() || b.state == PlaceMissing && a.state.announcing():
			// A site that comes back announces one before the other. What is missing has been so for long; what is announced must be, too.
			if due := later(a.since, b.since).Add(e.rules.SiteMissingAfter); due.After(e.clock) {
				fresh = true
				e.timers.set(due, func() { e.presence.touch(a) })
				continue
			}
			differs = append(differs, name)
			why = append(why, fmt.Sprintf("at %s: %s is %s, %s is %s", name, a.prefix, a.state, b.prefix, b.state))
			hidden = hidden || a.weak || b.weak
			if last := max(a.since.UnixNano(), b.since.UnixNano()); since.IsZero() || last < since.UnixNano() {
				since = time.Unix(0, last)
			}
		case a.state == PlaceUnknown || b.state == PlaceUnknown:
			doubt = true
		}
	}
	if len(differs) == 0 {
		switch {
		case !e.presence.unlike[w.Prefix] || fresh:
		case doubt:
			e.ledger.doubt(key)
		default:
			delete(e.presence.unlike, w.Prefix)
			e.ledger.lift(key, cause{says: "both are announced at the same sites again"})
		}
		return
	}
	e.presence.unlike[w.Prefix] = true
	c := Condition{
		Key: key, Severity: Warning, Watched: w, Since: since, About: strings.Join(differs, " "), Why: why,
		Says:    fmt.Sprintf("%s and its twin %s are not announced at the same sites: they differ at %s.", w.Label(), w.Twin, strings.Join(differs, ", ")),
		Was:     fmt.Sprintf("%s and its twin %s were not announced at the same sites.", w.Label(), w.Twin),
		Actions: []string{"Announce both or neither there: clients of one family take another way than those of the other"},
	}
	if hidden {
		c.Severity = Info
	}
	e.ledger.raise(c)
}
