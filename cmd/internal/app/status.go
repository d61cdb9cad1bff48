package app

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"anywatch/cmd/internal/report"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules"
)

// statusPath is where the daemon tells how it stands; ?prefix= and ?site= narrow it to a prefix, and to a site of that.
const statusPath = "/api/v1/status"

// Status is how it stands with a daemon and what it watches. Absent facts are null.
type Status struct {
	Time    time.Time `json:"time"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	// ReadyText says why it is not ready.
	ReadyText string         `json:"ready_text"`
	Sources   []SourceStatus `json:"sources"`
	Feeds     []FeedStatus   `json:"feeds"`
	Vantages  VantageCount   `json:"vantages"`
	Routes    int            `json:"routes"`
	Queue     QueueStatus    `json:"queue"`
	RPKI      RPKIStatus     `json:"rpki"`
	Prefixes  []PrefixStatus `json:"prefixes"`
	// Health is how the services themselves fare, of those sites where they are asked.
	Health    []HealthStatus `json:"health"`
	Incidents IncidentCount  `json:"incidents"`
}

// SourceStatus is what came by one kind of source.
type SourceStatus struct {
	Name string `json:"name"`
	// Sessions are sessions, routers or connections that are up.
	Sessions    int64      `json:"sessions"`
	LastMessage *time.Time `json:"last_message"`
	// Lag is how long the newest message was under way, by its sender's time, in seconds.
	Lag *float64 `json:"lag_seconds"`
}

// FeedStatus is one feed: a BGP neighbor, a BMP router, a server, a topic, a command. Its state is up, down, or waiting: it was never heard.
type FeedStatus struct {
	Name   string     `json:"name"`
	State  string     `json:"state"`
	Since  *time.Time `json:"since"`
	Reason *string    `json:"reason"`
	// Vantages came by it and are up; null where vantages don't tell by which feed they came.
	Vantages *int `json:"vantages"`
}

// VantageCount counts vantages: all that are known, those whose table is complete, and the external ones among these.
type VantageCount struct {
	Known        int `json:"known"`
	Synchronised int `json:"synchronised"`
	External     int `json:"external"`
}

// QueueStatus is how many events wait for the engine, and how many may.
type QueueStatus struct {
	Depth int `json:"depth"`
	Size  int `json:"size"`
}

// RPKIStatus is what origins are checked by. Configured says whether there should be any.
type RPKIStatus struct {
	Configured bool       `json:"configured"`
	VRPs       int        `json:"vrps"`
	Generated  *time.Time `json:"generated"`
	// TooOld says that all that is in use is older than rpki.max_age: nobody is accused on its word alone.
	TooOld  bool         `json:"too_old"`
	Sources []VRPSource  `json:"sources"`
	Drops   []AnchorDrop `json:"drops"`
}

// VRPSource is one cache or file of VRPs. Its state is waiting, fresh, stale, expired or broken.
type VRPSource struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	// Updated is when its data were true, Expires when those of a cache will be dropped unless it confirms them.
	Updated *time.Time `json:"updated"`
	Expires *time.Time `json:"expires"`
	VRPs    int        `json:"vrps"`
	ASPAs   int        `json:"aspas"`
	InUse   bool       `json:"in_use"`
	TooOld  bool       `json:"too_old"`
	// Version and Serial are those of a cache.
	Version *uint8  `json:"version"`
	Serial  *uint32 `json:"serial"`
	Reason  *string `json:"reason"`
	// Differs is what a cache holds otherwise than the cache in use.
	Differs *VRPDifference `json:"differs"`
}

// VRPDifference counts the VRPs that only one of two caches has.
type VRPDifference struct {
	From     string    `json:"from"`
	Missing  int       `json:"missing"`
	Extra    int       `json:"extra"`
	Examples []string  `json:"examples"`
	Since    time.Time `json:"since"`
}

// AnchorDrop is a trust anchor whose sudden loss of VRPs is doubted: what vanished is still in use.
type AnchorDrop struct {
	Anchor string    `json:"anchor"`
	Source string    `json:"source"`
	Was    int       `json:"was"`
	Is     int       `json:"is"`
	Since  time.Time `json:"since"`
	Lost   []string  `json:"lost"`
}

// PrefixStatus is how it stands with one watched prefix.
type PrefixStatus struct {
	Prefix    netip.Prefix `json:"prefix"`
	Name      *string      `json:"name"`
	Announced string       `json:"announced"` // as the configuration wants it: always, optional, never
	Sites     []SiteStatus `json:"sites"`
	// Seeing counts the external vantages that show it from an origin that is allowed, Of those that could; Showing and Could count all vantages,
	// internal ones too.
	Seeing  int `json:"seeing"`
	Of      int `json:"of"`
	Showing int `json:"showing"`
	Could   int `json:"could"`
}

// SiteStatus is a site that should announce a prefix: unknown, announced, draining or missing.
type SiteStatus struct {
	Site  string     `json:"site"`
	State string     `json:"state"`
	Since *time.Time `json:"since"`
	// Hidden says of a missing site that it may announce still, unseen behind better paths.
	Hidden bool `json:"hidden"`
}

// HealthStatus is how the service of a site fares, apart from routing: up, down, unknown, unchecked.
type HealthStatus struct {
	Site  string     `json:"site"`
	State string     `json:"state"`
	Since *time.Time `json:"since"`
	// Check says what is asked of the service, and Reason what came of it where that is no success.
	Check  string  `json:"check"`
	Reason *string `json:"reason"`
}

// IncidentCount counts the incidents that are open.
type IncidentCount struct {
	Critical int `json:"critical"`
	Warning  int `json:"warning"`
	Info     int `json:"info"`
}

// AskStatus asks a daemon how it stands. With a prefix it tells of that alone; what its configuration doesn't have is a *Refusal.
func AskStatus(ctx context.Context, daemon, prefix, site string) (s Status, err error) {
	query := url.Values{}
	for key, value := range map[string]string{"prefix": prefix, "site": site} {
		if value != "" {
			query.Set(key, value)
		}
	}
	return s, askJSON(ctx, daemon, statusPath, query, &s)
}

// serveStatus answers GET /api/v1/status.
func (d *Daemon) serveStatus(w http.ResponseWriter, r *http.Request) {
	var set *rules.Set
	var known []detector.Shown
	s := Status{Time: d.now().UTC(), Version: Version(), Started: d.feedLog.began.UTC(), Queue: QueueStatus{d.queue.Depth(), d.queue.Size()}}
	d.owner.ask(func(e *detector.Engine) {
		set, _ = e.Basis()
		known = e.VantageList()
		s.Routes = e.Routes()
		s.Incidents = countOpen(e.Open())
		s.Health = toHealthStatus(e.Health())
	})
	if set == nil {
		refuse(w, http.StatusServiceUnavailable, "the daemon is stopping")
		return
	}
	prefixes, says := selected(set, r.URL.Query().Get("prefix"), r.URL.Query().Get("site"))
	if says != "" {
		refuse(w, http.StatusNotFound, says)
		return
	}
	s.Ready, s.ReadyText = d.ready()
	s.Vantages = countVantages(known)
	s.Sources, s.Feeds = d.sourceStatus(), d.feedStatus(known)
	s.RPKI = d.rpkiStatus()
	s.Prefixes = d.prefixStatus(prefixes, r.URL.Query().Get("site"))
	d.answer(w, s)
}

// selected gives the watched prefixes that are asked for, or says what there is instead.
func selected(set *rules.Set, prefix, site string) (list []*rules.Prefix, says string) {
	if prefix == "" {
		if site != "" {
			return nil, "a site is asked for without a prefix; name the prefix too"
		}
		return set.Prefixes(), ""
	}
	var w *rules.Prefix
	if p, err := route.ParsePrefix(prefix); err != nil {
		return nil, err.Error()
	} else if w = set.Find(p); w == nil {
		return nil, fmt.Sprintf("%s is not a prefix of the configuration; there %s", p, thereAre(set.Nets(), netip.Prefix.String))
	}
	switch {
	case site == "":
	case set.SiteNumber(site) == rules.NoSite:
		names := make([]string, len(set.Sites()))
		for i, s := range set.Sites() {
			names[i] = s.Name
		}
		return nil, fmt.Sprintf("%q is not a site of the configuration; there %s", site, thereAre(names, strings.Clone))
	case w.Announced == rules.Never || !slices.Contains(w.Sites, site):
		return nil, fmt.Sprintf("%s is not to be announced at %s by the configuration; its sites: %s", w.Label(), site, cmp.Or(strings.Join(sitesOf(w), ", "), "none"))
	}
	return []*rules.Prefix{w}, ""
}

// sitesOf gives the sites that should announce a prefix.
func sitesOf(w *rules.Prefix) []string {
	if w.Announced == rules.Never {
		return nil
	}
	return w.Sites
}

// thereAre lists what there is, and the number of the rest when that is much.
func thereAre[T any](list []T, name func(T) string) string {
	const most = 20
	names := make([]string, 0, most)
	for _, x := range list[:min(len(list), most)] {
		names = append(names, name(x))
	}
	switch more := len(list) - len(names); {
	case len(list) == 0:
		return "are none"
	case len(list) == 1:
		return "is " + names[0]
	case more > 0:
		return fmt.Sprintf("are %s, and %d more", strings.Join(names, ", "), more)
	}
	return "are " + strings.Join(names, ", ")
}

func countOpen(list []detector.Incident) (n IncidentCount) {
	for _, i := range list {
		switch i.Severity {
		case detector.Critical:
			n.Critical++
		case detector.Warning:
			n.Warning++
		default:
			n.Info++
		}
	}
	return n
}

func toHealthStatus(list []detector.Health) []HealthStatus {
	out := make([]HealthStatus, 0, len(list))
	for _, h := range list {
		out = append(out, HealthStatus{Site: h.Site, State: h.State.String(), Since: report.Time(h.Since), Check: h.Check, Reason: orNull(h.Reason)})
	}
	return out
}

func countVantages(known []detector.Shown) (n VantageCount) {
	n.Known = len(known)
	for _, v := range known {
		if v.Up && v.Synchronised {
			n.Synchronised++
			if v.Vantage.Scope == collector.External {
				n.External++
			}
		}
	}
	return n
}

// atOnce is how many prefixes are looked at in one visit to the engine: there may be many, and it has other work.
const atOnce = 64

// prefixStatus tells how it stands with the prefixes, and of their sites that one alone which is named, if one is.
func (d *Daemon) prefixStatus(list []*rules.Prefix, site string) []PrefixStatus {
	out := make([]PrefixStatus, 0, len(list))
	for some := range slices.Chunk(list, atOnce) {
		d.owner.ask(func(e *detector.Engine) {
			for _, w := range some {
				out = append(out, toPrefixStatus(w, e.Standing(w.Prefix), site))
			}
		})
	}
	return out
}

func toPrefixStatus(w *rules.Prefix, s detector.Standing, site string) PrefixStatus {
	out := PrefixStatus{
		Prefix: w.Prefix, Name: orNull(w.Name), Announced: w.Announced.String(), Sites: []SiteStatus{},
		Seeing: s.Seeing, Of: s.Of, Showing: s.Showing, Could: s.Could,
	}
	for _, x := range s.Sites {
		if site == "" || site == x.Site {
			out.Sites = append(out.Sites, SiteStatus{Site: x.Site, State: x.State.String(), Since: report.Time(x.Since), Hidden: x.Hidden})
		}
	}
	return out
}

// Version is the version of this build: the module's when it was built as a module, else the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return "(devel)"
}
