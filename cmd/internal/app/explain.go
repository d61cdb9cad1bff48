package app

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rules"
)

// Explanation says what is judged of announcements and why: of one that nobody made, or of those that a daemon holds. Absent facts are null.
type Explanation struct {
	Time time.Time `json:"time"`
	// Configuration, VRPs and State say where each comes from; no state means that no daemon was asked.
	Configuration string          `json:"configuration"`
	VRPs          string          `json:"vrps"`
	State         *string         `json:"state"`
	Prefix        netip.Prefix    `json:"prefix"`
	Hypothetical  bool            `json:"hypothetical"`
	Routes        []ExplainedCase `json:"routes"`
	// Conditions are the kinds that no single announcement shows.
	Conditions []ExplainedNot `json:"conditions"`
	// Basis is what the judgement of this prefix rests on in the daemon, for who judges by another configuration.
	Basis *ExplainedBasis `json:"basis,omitempty"`
}

// ExplainedCase is one announcement, and all that is judged of it.
type ExplainedCase struct {
	Prefix      netip.Prefix `json:"prefix"`
	ASPath      string       `json:"as_path"`
	Communities []string     `json:"communities"`
	Scope       string       `json:"scope"`
	// Role is what who shows it is to us, where that is told: provider, customer, peer, route server, route server client.
	Role *string `json:"role"`
	// Vantages show it; none do when nobody announced it.
	Vantages []string `json:"vantages"`
	Stale    bool     `json:"stale"`
	// Watched is the prefix of the configuration that judges it, with its label.
	Watched   *string       `json:"watched"`
	RPKI      shownRPKI     `json:"rpki"`
	RPKISays  string        `json:"rpki_says"`
	Site      *string       `json:"site"`
	SiteSays  *string       `json:"site_says"`
	Notes     []string      `json:"notes"`
	Incidents []ExplainedOf `json:"incidents"`
	// Others are the kinds that find nothing, each with the reason.
	Others []ExplainedNot `json:"others"`
}

// ExplainedOf is an incident that the announcement is evidence for.
type ExplainedOf struct {
	Kind     detector.Kind     `json:"kind"`
	Severity detector.Severity `json:"severity"`
	Summary  string            `json:"summary"`
	Why      []string          `json:"why"`
	Actions  []string          `json:"actions"`
	// Opens says what it takes to open. Incident is the id where it is open already.
	Opens    string          `json:"opens"`
	Incident *string         `json:"incident"`
	Sinks    []ExplainedSink `json:"sinks"`
}

// ExplainedNot is a kind that finds nothing. Incident is an open one of that kind about the prefix, where there is one.
type ExplainedNot struct {
	Kind     detector.Kind `json:"kind"`
	Not      string        `json:"not"`
	Incident *string       `json:"incident"`
}

// ExplainedSink is a sink that would, or would not, be told.
type ExplainedSink struct {
	Sink string  `json:"sink"`
	Type string  `json:"type"`
	Told bool    `json:"told"`
	Why  *string `json:"why"`
}

// explainer judges announcements by a configuration, and by the state of a daemon where there is one.
type explainer struct {
	config *config.Config
	rules  *rules.Set
	vrps   *rpki.Table
	now    time.Time
	// holding tells how it stands with what would be an incident; nil where no daemon is asked.
	holding func(detector.Key) detector.Holding
	// counts tells that holding knows how many vantages show it, and not only what is open.
	counts bool
	// open are the open incidents that have to do with the prefix, general those that have to do with no prefix.
	open, general []detector.Incident
}

// explain judges one announcement.
func (x *explainer) explain(v *collector.Vantage, p netip.Prefix, a *route.Attrs) ExplainedCase {
	c := detector.NewCase(x.rules, x.vrps, v, p, a)
	out := ExplainedCase{
		Prefix: p, ASPath: a.Path.String(), Communities: a.CommunityStrings(), Scope: v.Scope.String(), Role: orNull(v.Role.String()), Vantages: []string{}, Notes: []string{},
		RPKI: shownRPKI{State: c.RPKI.State.String(), Reason: orNull(c.RPKI.Reason)}, RPKISays: c.RPKI.Explain(p, c.Origin),
		Incidents: []ExplainedOf{}, Others: []ExplainedNot{},
	}
	if c.Watched != nil {
		out.Watched = orNull(c.Watched.Label())
		x.site(&out, c)
	}
	for _, o := range c.Opinions() {
		if o.Found == nil {
			out.Others = append(out.Others, ExplainedNot{Kind: o.Kind, Not: o.Not})
			continue
		}
		out.Incidents = append(out.Incidents, x.found(c, o))
	}
	return out
}

// site says which site the announcement belongs to, by what, and what that means.
func (x *explainer) site(out *ExplainedCase, c *detector.Case) {
	if len(x.rules.Sites()) == 0 {
		return
	}
	if c.Site == rules.NoSite {
		says := "no matcher of a site fits it"
		if !c.Attrs.NextHop.IsValid() && !c.Vantage.Peer.IsValid() && c.Vantage.Router == "" {
			says += "; those by next_hop, originator_id, peer and router can't, because it was not said who announces it"
		}
		out.SiteSays = &says
		return
	}
	site := &x.rules.Sites()[c.Site]
	says := fmt.Sprintf("by its matcher %s; ", matcherText(site, c))
	switch {
	case slices.Contains(c.Watched.Sites, site.Name):
		says += fmt.Sprintf("%s may be announced there (%s)", c.Watched.Prefix, strings.Join(c.Watched.Sites, ", "))
	case len(c.Watched.Sites) == 0:
		says += fmt.Sprintf("%s has no sites", c.Watched.Prefix)
	default:
		says += fmt.Sprintf("%s is not one of the sites of %s (%s)", site.Name, c.Watched.Prefix, strings.Join(c.Watched.Sites, ", "))
	}
	out.Site, out.SiteSays = &site.Name, &says
	if site.Draining(c.Attrs) {
		out.Notes = append(out.Notes, site.Name+" says with it that it is draining: what is missing there is told as info")
	}
	if m := x.rules.Maintained(site.Name, x.now); m != nil {
		note := fmt.Sprintf("%s is in maintenance until %s", site.Name, m.To.UTC().Format(time.RFC3339))
		if m.Reason != "" {
			note += " (" + m.Reason + ")"
		}
		out.Notes = append(out.Notes, note+": what happens to the site is told as info")
	}
}

// matcherText writes the matcher by which an announcement belongs to a site, as the configuration has it.
func matcherText(site *rules.Site, c *detector.Case) string {
	for _, m := range site.Match {
		if !m.Fits(c.Attrs, c.Vantage.Peer, c.Vantage.Router) {
			continue
		}
		switch {
		case m.Community != nil:
			return "community: " + m.Community.String()
		case m.LargeCommunity != nil:
			return "large_community: " + m.LargeCommunity.String()
		case m.NextHop.IsValid():
			return "next_hop: " + m.NextHop.String()
		case m.OriginatorID.IsValid():
			return "originator_id: " + m.OriginatorID.String()
		case m.ASPath != nil:
			return fmt.Sprintf("as_path: %q", m.ASPath)
		case m.Peer.IsValid():
			return "peer: " + m.Peer.String()
		}
		return "router: " + m.Router
	}
	return "unknown"
}

// found puts what a kind finds into words.
func (x *explainer) found(c *detector.Case, o detector.Opinion) ExplainedOf {
	out := ExplainedOf{Kind: o.Kind, Severity: o.Found.Severity, Summary: o.Summary, Why: o.Why, Actions: o.Actions, Sinks: []ExplainedSink{}}
	var h *detector.Holding
	if x.holding != nil {
		is := x.holding(o.Found.Key)
		h = &is
	}
	out.Opens = opens(x.rules.Confirm, c.Vantage.Scope, h, x.counts)
	if h != nil && h.Open != nil {
		out.Incident = &h.Open.ID
	}
	i := detector.Incident{Kind: o.Kind, Severity: o.Found.Severity, Prefix: &c.Prefix, Site: orNull(o.Found.Site)}
	if len(o.Found.Watched) > 0 {
		i.Watched = &o.Found.Watched[0].Prefix
	}
	for _, s := range x.config.Alerts.Sinks {
		why := unheard(s, x.config.Rules, &i)
		out.Sinks = append(out.Sinks, ExplainedSink{Sink: s.Name, Type: s.Type(), Told: why == "", Why: orNull(why)})
	}
	return out
}

// opens says what it takes for an incident to open, or that it is open. Without a daemon nothing is known of what stands already.
func opens(c rules.Confirm, scope collector.Scope, h *detector.Holding, counts bool) string {
	need, have := max(c.Vantages, 1), 0
	if scope == collector.External {
		need = max(c.External, 1)
	}
	if h != nil {
		if i := h.Open; i != nil {
			says := fmt.Sprintf("is open already, since %s", i.Opened.UTC().Format(time.RFC3339))
			if i.Acknowledged != nil {
				says += ", acknowledged: " + *i.Acknowledged
			}
			if i.Silenced != nil {
				says += ", silenced: " + *i.Silenced
			}
			return says
		}
		if have = h.Internal; scope == collector.External {
			have = h.External
		}
	}
	says := fmt.Sprintf("opens when %d %s vantages show it within %s", need, scope, detector.HumanDuration(c.Within))
	if need == 1 {
		says = fmt.Sprintf("opens as soon as one %s vantage shows it", scope)
	}
	if h != nil && counts {
		says += fmt.Sprintf("; %d do now", have)
	}
	return says
}

// unheard says why a sink would not be told of an incident; "" when it would.
func unheard(s config.Sink, own []config.Rule, i *detector.Incident) string {
	r := routeTo(nil, s, own)
	ask := func(one alerts.Route) bool { return one.Matches(i) }
	switch {
	case i.Severity < r.MinSeverity:
		return fmt.Sprintf("it hears of %s and above", r.MinSeverity)
	case !ask(alerts.Route{Kinds: r.Kinds}):
		return "its kinds do not name " + string(i.Kind)
	case !ask(alerts.Route{Prefixes: r.Prefixes}):
		return fmt.Sprintf("its prefixes do not hold %s", i.Prefix)
	case !ask(alerts.Route{Sites: r.Sites}):
		return "it hears of " + strings.Join(r.Sites, ", ") + " alone"
	case !ask(r):
		return "its labels are others"
	}
	return ""
}

// conditionReasons say why a kind can't be told from one announcement.
var conditionReasons = map[detector.Kind]string{
	detector.Flapping:           "penalties add up over many changes",
	detector.SiteMissing:        "it is about what is not announced",
	detector.TooFewSites:        "it is about all sites together",
	detector.TwinMismatch:       "it compares two prefixes",
	detector.SiteInconsistent:   "it compares all sites",
	detector.VisibilityLoss:     "it counts all external vantages",
	detector.Zombie:             "it is about what stays after a withdrawal",
	detector.CatchmentShift:     "it counts all external vantages",
	detector.AnnouncedUnhealthy: "it depends on the health of the service",
	detector.HealthyWithdrawn:   "it depends on the health of the service",
	detector.FeedLost:           "it is about feeds",
	detector.PrefixLimit:        "it is about feeds",
	detector.StaleVantage:       "it compares all vantages",
	detector.Storm:              "it counts all incidents",
	detector.SinkFailed:         "it is about who is told",
	detector.RPKIStale:          "it is about the sources of VRPs",
	detector.RPKIAnchorDrop:     "it is about the sources of VRPs",
	detector.ROAChanged:         "it compares the VRPs with those before",
	detector.ROAExpiring:        "it is about VRPs, announced or not",
	detector.ROAMissing:         "it is about VRPs, announced or not",
}

// conditions lists the kinds that no single announcement shows.
func (x *explainer) conditions() []ExplainedNot {
	out := []ExplainedNot{}
	for _, k := range detector.Conditions() {
		not := "not judged from a single announcement"
		if why := conditionReasons[k]; why != "" {
			not += ": " + why
		}
		one := ExplainedNot{Kind: k, Not: not}
		for _, i := range slices.Concat(x.general, x.open) {
			if i.Kind == k {
				one.Incident = &i.ID
			}
		}
		out = append(out, one)
	}
	return out
}
