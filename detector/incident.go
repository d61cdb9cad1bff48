package detector

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// Severity orders incidents by how much they hurt.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Warning
	Critical
)

var severityNames = [...]string{"info", "warning", "critical"}

// String gives info, warning or critical.
func (s Severity) String() string { return severityNames[s] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name; an unknown one counts as info.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = Info
	for i, name := range severityNames {
		if name == string(b) {
			*s = Severity(i)
		}
	}
	return nil
}

// Kind names what an incident is about; the names are part of the contract with users.
type Kind string

// The kinds that routes alone can show.
const (
	OriginHijack    Kind = "origin-hijack"
	SubprefixHijack Kind = "subprefix-hijack"
	Superprefix     Kind = "superprefix"
	Squatting       Kind = "squatting"
	MoreSpecific    Kind = "more-specific"
	NewPrefix       Kind = "new-prefix"
	RPKIInvalid     Kind = "rpki-invalid"
)

// The kinds about the way of a route whose origin is allowed.
const (
	UnexpectedUpstream Kind = "unexpected-upstream"
	ForgedPath         Kind = "forged-path"
	RouteLeak          Kind = "route-leak"
)

// The kinds about sites.
const (
	SiteMissing      Kind = "site-missing"
	SiteUnexpected   Kind = "site-unexpected"
	SiteInconsistent Kind = "site-inconsistent"
	TooFewSites      Kind = "too-few-sites"
	TwinMismatch     Kind = "twin-mismatch"
	Flapping         Kind = "flapping"
	// AnnouncedUnhealthy and HealthyWithdrawn compare the service of a site with its routing.
	AnnouncedUnhealthy Kind = "announced-unhealthy"
	HealthyWithdrawn   Kind = "healthy-withdrawn"
)

// The kinds about how others see us.
const (
	VisibilityLoss Kind = "visibility-loss"
	Zombie         Kind = "zombie"
	Blackholed     Kind = "blackholed"
	ScopeLeak      Kind = "scope-leak"
	CatchmentShift Kind = "catchment-shift"
)

// The kinds about feeds and vantages.
const (
	FeedLost     Kind = "feed-lost"
	PrefixLimit  Kind = "prefix-limit"
	StaleVantage Kind = "stale-vantage"
)

// The kinds about anywatch itself.
const (
	Storm      Kind = "storm"       // so many incidents that nobody can read them
	SinkFailed Kind = "sink-failed" // somebody who is to be told can't be
)

// The kinds about the RPKI itself.
const (
	RPKIStale      Kind = "rpki-stale"
	RPKIAnchorDrop Kind = "rpki-anchor-drop"
	ROAChanged     Kind = "roa-changed"
	ROAExpiring    Kind = "roa-expiring"
	ROAMissing     Kind = "roa-missing"
)

// Kinds lists all kinds that there are.
func Kinds() []Kind {
	kinds := []Kind{Storm, SinkFailed, FeedLost, PrefixLimit, StaleVantage, SiteMissing, SiteInconsistent, TooFewSites, TwinMismatch, Flapping, AnnouncedUnhealthy, HealthyWithdrawn, VisibilityLoss, Zombie, CatchmentShift, RPKIStale, RPKIAnchorDrop, ROAChanged, ROAExpiring, ROAMissing}
	for _, d := range Detectors() {
		kinds = append(kinds, d.Kind)
	}
	return kinds
}

// EventName is what happened to an incident.
type EventName string

// The events in an incident's life.
const (
	Opened   EventName = "opened"
	Updated  EventName = "updated"
	Resolved EventName = "resolved"
)

// Change is one event of an incident with the incident as it then stood: one line of output, one notification.
type Change struct {
	Event EventName `json:"event"`
	Time  time.Time `json:"time"`
	// Changed says in words what an update is about: "severity critical, was warning". Where it is empty, the summary says it.
	Changed  []string `json:"changed,omitempty"`
	Incident Incident `json:"incident"`
}

// Incident is what anywatch says about one thing that looks wrong. The JSON is the contract with users and programs; absent facts are null.
type Incident struct {
	ID string `json:"id"`
	// Key is what makes it the same incident: kind, prefix, AS, site and subject with bars between.
	Key      string        `json:"key,omitempty"`
	Kind     Kind          `json:"kind"`
	Severity Severity      `json:"severity"`
	State    string        `json:"state"` // open or resolved
	Prefix   *netip.Prefix `json:"prefix"`
	Watched  *netip.Prefix `json:"watched"`
	// Prefixes are all that the incident is about, where it is about more than one: a site that lost many at once.
	Prefixes []netip.Prefix `json:"prefixes,omitempty"`
	Site     *string        `json:"site"`
	// Subject is what the incident is about where that is neither prefix nor site: a feed (bgp:rr1), a vantage, a source of VRPs, a trust anchor; or
	// beside its prefix a VRP.
	Subject  *string     `json:"subject"`
	Origin   *route.ASN  `json:"origin"`
	Offender *route.ASN  `json:"offender"`
	Path     *route.Path `json:"path"`
	RPKI     RPKI        `json:"rpki"`
	Vantages Vantages    `json:"vantages"`
	Evidence []Evidence  `json:"evidence"`
	Summary  string      `json:"summary"`
	Why      []string    `json:"why"`
	Actions  []string    `json:"actions"`

	// Labels are those of the watched prefix, as the configuration gives them.
	Labels map[string]string `json:"labels,omitempty"`
	// ExplainedBy is the id of an open incident from which this one follows: a lost site explains that too few are left. It is told with that one.
	ExplainedBy *string `json:"explained_by,omitempty"`
	// PreExisting says that what opened the incident stood in the tables that the vantages sent at first: it is older than our watching.
	PreExisting bool `json:"pre_existing"`
	// Resolution says in words why the incident resolved.
	Resolution *string `json:"resolution"`
	// Cleared is since when nobody shows it, in a resolved incident: detect.resolve_after before its resolution, or less.
	Cleared *time.Time `json:"cleared"`

	Started      time.Time  `json:"started"`
	Opened       time.Time  `json:"opened"`
	Updated      time.Time  `json:"updated"`
	Resolved     *time.Time `json:"resolved"`
	Reopened     int        `json:"reopened"`
	Acknowledged *string    `json:"acknowledged"`
	Silenced     *string    `json:"silenced"`
}

// Matter names what the incident is about: its prefix, at its site where there is one, else its site, else its subject; "" for none.
func (i *Incident) Matter() string {
	switch {
	case i.Site != nil && len(i.Prefixes) > 1:
		return fmt.Sprintf("%d prefixes at %s", len(i.Prefixes), *i.Site)
	case i.Site != nil && i.Prefix != nil:
		return i.Prefix.String() + " at " + *i.Site
	case i.Prefix != nil:
		return i.Prefix.String()
	case i.Site != nil:
		return *i.Site
	case i.Subject != nil:
		return *i.Subject
	}
	return ""
}

// Lasted is how long the thing itself lasted: from the first evidence until nobody showed it any more, or until it was last heard of.
func (i *Incident) Lasted() time.Duration {
	if i.Cleared != nil {
		return i.Cleared.Sub(i.Started)
	}
	return i.Updated.Sub(i.Started)
}

// RPKI is the verdict of origin validation as an incident shows it.
type RPKI struct {
	State  string   `json:"state"`
	Reason *string  `json:"reason"`
	VRPs   []string `json:"vrps"`
	Age    *string  `json:"age"`
}

// Vantages counts who sees it: Seeing now, Peak the most at one time, Of the synchronised vantages that could.
type Vantages struct {
	Seeing int `json:"seeing"`
	Peak   int `json:"peak"`
	Of     int `json:"of"`
}

// Evidence is one route as one vantage showed it.
type Evidence struct {
	Vantage     string       `json:"vantage"`
	Time        time.Time    `json:"time"`
	Prefix      netip.Prefix `json:"prefix"`
	Path        route.Path   `json:"path"`
	NextHop     *netip.Addr  `json:"next_hop"`
	Communities []string     `json:"communities"`
	Withdrawn   bool         `json:"withdrawn"`
}

// JSON writes the change as one line, without a newline.
func (c Change) JSON() ([]byte, error) { return json.Marshal(c) }
