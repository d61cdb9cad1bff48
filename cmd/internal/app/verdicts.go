package app

import (
	"context"
	"net/netip"
	"net/url"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rules"
)

// Verdict is one thing that is wrong with a route. Incident is the id of the open incident that it is evidence for; null while that takes more
// evidence than there is.
type Verdict struct {
	Kind     detector.Kind     `json:"kind"`
	Severity detector.Severity `json:"severity"`
	Incident *string           `json:"incident"`
}

// shownRPKI is the verdict of origin validation about a route.
type shownRPKI struct {
	State  string  `json:"state"`
	Reason *string `json:"reason"`
}

// judge says of routes what the engine holds against them.
type judge struct {
	rules *rules.Set
	vrps  *rpki.Table
	open  map[detector.Key]detector.OpenKey
}

// judge adds the site of a route, its RPKI state, and the verdicts.
func (j judge) judge(out *shownRoute, v *collector.Vantage, r detector.Route) {
	c := detector.NewCase(j.rules, j.vrps, v, r.Prefix, r.Attrs)
	site := ""
	if c.Site != rules.NoSite {
		site = j.rules.Sites()[c.Site].Name
	}
	out.Site = orNull(site)
	out.RPKI = shownRPKI{State: c.RPKI.State.String(), Reason: orNull(c.RPKI.Reason)}
	out.Verdicts = []Verdict{}
	for _, f := range c.Judge() {
		out.Verdicts = append(out.Verdicts, Verdict{f.Kind, f.Severity, orNull(j.open[f.Key].ID)})
	}
	for _, kind := range []detector.Kind{detector.Flapping, detector.SiteInconsistent} { // what several routes show together
		if i, ok := j.open[detector.Key{Kind: kind, Prefix: r.Prefix, Site: site}]; ok {
			out.Verdicts = append(out.Verdicts, Verdict{kind, i.Severity, &i.ID})
		}
	}
}

// Route is a route as a daemon shows it, as far as people look at it.
type Route struct {
	Prefix   netip.Prefix `json:"prefix"`
	PathID   uint32       `json:"path_id"`
	Vantage  string       `json:"vantage"`
	Scope    string       `json:"scope"`
	LocalAS  route.ASN    `json:"local_as"`
	ASPath   string       `json:"as_path"`
	NextHop  *netip.Addr  `json:"next_hop"`
	Since    time.Time    `json:"since"`
	Stale    bool         `json:"stale"`
	Site     *string      `json:"site"`
	RPKI     shownRPKI    `json:"rpki"`
	Verdicts []Verdict    `json:"verdicts"`
}

// Routes are the routes that a daemon shows.
type Routes struct {
	Time   time.Time `json:"time"`
	Routes []Route   `json:"routes"`
}

// AskRoutes asks a daemon for its routes: of a prefix, what covers it, and its parts, or all with "". It also gives the answer as it came.
func AskRoutes(ctx context.Context, daemon, prefix string) (out Routes, raw []byte, err error) {
	query := url.Values{}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	if raw, err = askPage(ctx, daemon, routesPath, query); err != nil {
		return out, nil, err
	}
	return out, raw, unmarshal(daemon, raw, &out)
}
