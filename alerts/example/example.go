// Package example makes incidents that never were: one of every kind, to try sinks and templates with. Everything in them is reserved for
// documentation, and every summary begins with TEST.
package example

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
)

// Mark begins every summary.
const Mark = "TEST"

// Life is the opening and the end of one incident.
type Life struct{ Opened, Resolved detector.Change }

// Lives gives one of every kind, as if it had opened a minute before now and were over now. The same now gives the same ids.
func Lives(now time.Time) []Life {
	var lives []Life
	for _, kind := range detector.Kinds() {
		lives = append(lives, Of(kind, now))
	}
	return lives
}

// Of gives the life of one incident of a kind.
func Of(kind detector.Kind, now time.Time) Life {
	now = now.UTC()
	opened := now.Add(-time.Minute)
	i := base(kind, opened)
	shape(&i)
	i.Summary = Mark + " " + i.Summary + " Nothing is wrong: somebody tries the alerts."
	i.Why = append([]string{"this is a test: it comes from anywatch alerts test, and not from a route"}, i.Why...)
	i.Actions = []string{"Do nothing: this shows how a " + string(kind) + " would be told"}
	life := Life{Opened: detector.Change{Event: detector.Opened, Time: opened, Incident: i}}
	over := "the test is over"
	i.State, i.Updated, i.Cleared, i.Resolved, i.Resolution = "resolved", now, &now, &now, &over
	i.Summary = fmt.Sprintf("%s Over after %s: %s", Mark, detector.HumanDuration(i.Lasted()), life.Opened.Incident.Summary)
	i.Vantages.Seeing, i.Actions = 0, []string{}
	i.Why = append(append([]string{}, i.Why...), "over: "+over)
	life.Resolved = detector.Change{Event: detector.Resolved, Time: now, Incident: i}
	return life
}

func base(kind detector.Kind, opened time.Time) detector.Incident {
	h := fnv.New64a()
	fmt.Fprintf(h, "test %s %d", kind, opened.UnixNano()) // a hash never returns an error
	return detector.Incident{
		ID: fmt.Sprintf("%016x", h.Sum64()), Kind: kind, Severity: detector.Warning, State: "open",
		RPKI: detector.RPKI{State: "not-checked", VRPs: []string{}}, Evidence: []detector.Evidence{}, Why: []string{},
		Started: opened.Add(-2 * time.Second), Opened: opened, Updated: opened,
	}
}

// subjects are what the incidents that are about no route are about, where that is no feed.
var subjects = map[detector.Kind]string{
	detector.RPKIStale: "rtr:127.0.0.1:3323", detector.RPKIAnchorDrop: "ripe", detector.Storm: "incidents", detector.SinkFailed: "pager",
}

// shape fills in what an incident of the kind is about.
func shape(i *detector.Incident) {
	prefix, watched, site, subject := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.0/24"), "ams", "bgp:rr1"
	ours, other, path := route.ASN(64500), route.ASN(64666), route.SequencePath(64496, 64666)
	i.Prefix, i.Watched = &prefix, &watched
	i.Vantages = detector.Vantages{Seeing: 3, Peak: 3, Of: 40}
	switch i.Kind {
	case detector.OriginHijack, detector.SubprefixHijack, detector.Superprefix, detector.Squatting:
		i.Severity, i.Origin, i.Offender, i.Path = detector.Critical, &other, &other, &path
		i.Summary = fmt.Sprintf("%s announces %s; expected %s.", other, prefix, ours)
		i.Evidence = append(i.Evidence, detector.Evidence{Vantage: "bmp:ams-edge1/198.51.100.1/pre", Time: i.Started, Prefix: prefix, Path: path})
	case detector.TooFewSites, detector.VisibilityLoss, detector.Blackholed:
		i.Severity = detector.Critical
		i.Summary = fmt.Sprintf("%s: %s.", i.Kind, prefix)
	case detector.SiteMissing, detector.SiteUnexpected, detector.SiteInconsistent, detector.Flapping, detector.CatchmentShift,
		detector.AnnouncedUnhealthy, detector.HealthyWithdrawn:
		i.Site = &site
		i.Summary = fmt.Sprintf("%s: %s at %s.", i.Kind, prefix, site)
	case detector.FeedLost, detector.PrefixLimit, detector.StaleVantage, detector.RPKIStale, detector.RPKIAnchorDrop, detector.Storm, detector.SinkFailed:
		if of, ok := subjects[i.Kind]; ok {
			subject = of
		}
		i.Prefix, i.Watched, i.Vantages, i.Subject = nil, nil, detector.Vantages{}, &subject
		i.Summary = fmt.Sprintf("%s: %s.", i.Kind, subject)
	default:
		i.Origin, i.Path = &ours, &path
		i.Summary = fmt.Sprintf("%s: %s by %s.", i.Kind, prefix, ours)
	}
}
