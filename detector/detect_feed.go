package detector

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/rules"
)

// feed is what the engine knows of a feed that is down.
type feed struct {
	name   string
	since  time.Time
	reason string
	told   bool // its time to come back is over
}

func feedKey(name string) Key { return Key{Kind: FeedLost, Subject: name} }

// feed applies an event of a feed. One that said beforehand that it would be away (a graceful restart) gets the time that it asked for.
func (e *Engine) feed(ev collector.Event) {
	if ev.Kind == collector.FeedUp {
		delete(e.feeds, ev.Feed)
		why := ev.Feed + " is back"
		if ev.Reason != "" {
			why = ev.Feed + ": " + ev.Reason
		}
		e.ledger.lift(feedKey(ev.Feed), cause{says: why})
		e.tellFeeds()
		return
	}
	f := &feed{name: ev.Feed, since: min2(ev.Time, e.clock), reason: ev.Reason}
	if old := e.feeds[ev.Feed]; old != nil {
		f.since, f.told = old.since, old.told
	}
	e.feeds[ev.Feed] = f
	e.timers.set(e.clock.Add(ev.Keep), func() {
		if e.feeds[f.name] == f {
			f.told = true
			e.tellFeeds()
		}
	})
}

// feedsLater has the feeds that are down told again in a moment, when a vantage came or went: many do at once.
func (e *Engine) feedsLater() {
	if len(e.feeds) == 0 || e.feedsPlanned {
		return
	}
	e.feedsPlanned = true
	e.timers.set(e.clock.Add(time.Second), func() {
		e.feedsPlanned = false
		e.tellFeeds()
	})
}

// tellFeeds raises an incident for each feed that is down. All are told again when one changes, because what is unknown by now concerns all.
func (e *Engine) tellFeeds() {
	for _, name := range slices.Sorted(maps.Keys(e.feeds)) {
		if f := e.feeds[name]; f.told {
			e.ledger.raise(e.feedLost(f))
		}
	}
}

// feedLost says which feed is lost, and what nobody tells us any more. Critical when no vantage at all is left: then every silence is blindness.
func (e *Engine) feedLost(f *feed) Condition {
	c := Condition{Key: feedKey(f.name), Severity: Warning, Since: f.since}
	left, known := 0, 0
	for _, w := range e.rib.order {
		known++
		if w.up {
			left++
		}
	}
	dark := e.dark()
	c.Says = fmt.Sprintf("%s is lost%s. %s", f.name, because(f.reason), blindness(left, known, dark))
	c.Was = fmt.Sprintf("%s was lost%s.", f.name, because(f.reason))
	c.Why = []string{fmt.Sprintf("%s is down since %s", f.name, f.since.UTC().Format(time.RFC3339))}
	if f.reason != "" {
		c.Why = append(c.Why, "the last that is known of it: "+f.reason)
	}
	c.Why = append(c.Why, fmt.Sprintf("%d of %d vantages are up", left, known))
	for _, p := range dark {
		c.Why = append(c.Why, "no vantage that is up shows "+p.Label()+"; one that was lost did")
	}
	c.Actions = []string{"Look at the other end of " + f.name + ": is it up, does it reach us, was its configuration changed?"}
	if left == 0 {
		c.Severity = Critical
		c.Actions = append(c.Actions, "Until then trust no silence: nothing that happens to the watched prefixes is seen")
	}
	c.About = fmt.Sprint(left == 0, len(dark))
	return c
}

// dark lists the watched prefixes that only lost vantages showed.
func (e *Engine) dark() (out []*rules.Prefix) {
	shown, lost := make(map[netip.Prefix]bool), make(map[netip.Prefix]bool)
	for _, w := range e.rib.order {
		for n, r := range w.routes {
			if r.Stale {
				lost[n.Prefix] = true
			} else {
				shown[n.Prefix] = true
			}
		}
	}
	for _, p := range e.rules.Prefixes() {
		if lost[p.Prefix] && !shown[p.Prefix] {
			out = append(out, p)
		}
	}
	return out
}

func blindness(left, known int, dark []*rules.Prefix) string {
	switch {
	case left == 0:
		return "No vantage is left: anywatch sees nothing."
	case len(dark) > 3:
		return fmt.Sprintf("%d prefixes are shown by nobody else; %d of %d vantages are up.", len(dark), left, known)
	case len(dark) > 0:
		names := make([]string, len(dark))
		for i, p := range dark {
			names[i] = p.Label()
		}
		return fmt.Sprintf("Nobody else shows %s; %d of %d vantages are up.", strings.Join(names, ", "), left, known)
	}
	return fmt.Sprintf("%d of %d vantages are up.", left, known)
}

func limitKey(v *collector.Vantage) Key { return Key{Kind: PrefixLimit, Subject: v.Name()} }

// prefixLimit tells of a session that announces more than it should. The session stays up: to lose it would be worse.
func (e *Engine) prefixLimit(w *view, ev collector.Event) {
	name := w.v.Name()
	switch {
	case ev.Limit == 0:
		e.ledger.lift(limitKey(w.v), cause{says: "max_prefixes of " + name + " was taken out of the configuration"})
		return
	case ev.Prefixes <= ev.Limit:
		e.ledger.lift(limitKey(w.v), cause{says: fmt.Sprintf("%s announces %d prefixes, its limit is %d", name, ev.Prefixes, ev.Limit)})
		return
	}
	e.ledger.raise(Condition{
		Key: limitKey(w.v), Severity: Warning, Since: min2(ev.Time, e.clock),
		Says: fmt.Sprintf("%s announces more than %d prefixes, its limit. The session stays up.", name, ev.Limit),
		Was:  fmt.Sprintf("%s announced more than %d prefixes, its limit.", name, ev.Limit),
		Why:  []string{fmt.Sprintf("max_prefixes of %s is %d", name, ev.Limit), fmt.Sprintf("it announced %d when it passed that", ev.Prefixes)},
		Actions: []string{
			"Find out what the peer leaks to us: its export policy may be missing",
			"If it is meant to send that much, raise max_prefixes",
		},
	})
}
