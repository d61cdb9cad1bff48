package app

import (
	"cmp"
	"slices"
	"strings"

	"anywatch/cmd/internal/report"
	"anywatch/detector"
)

// sourceStatus tells of each kind of source what came by it.
func (d *Daemon) sourceStatus() []SourceStatus {
	out := []SourceStatus{}
	for _, src := range d.feeds.sources() {
		kind, _, _ := strings.Cut(src.Name(), ":")
		if slices.ContainsFunc(out, func(s SourceStatus) bool { return s.Name == kind }) {
			continue
		}
		c := d.feeds.deps.metrics.Source(kind)
		s := SourceStatus{Name: kind, Sessions: c.Sessions.Load()}
		if last := c.LastArrival(); !last.IsZero() {
			lag := c.Lag().Seconds()
			s.LastMessage, s.Lag = report.Time(last), &lag
		}
		out = append(out, s)
	}
	return out
}

// feedStatus lists the feeds by name: those that the configuration names, and the routers that connected.
func (d *Daemon) feedStatus(known []detector.Shown) []FeedStatus {
	notes := d.feedLog.list()
	vantages, tells := make(map[string]int), make(map[string]bool)
	for _, name := range d.expectedFeeds() {
		vantages[name] = 0
	}
	for name := range notes {
		if strings.HasPrefix(name, "bgp:") || strings.HasPrefix(name, "bmp:") { // of the others one may have another name by now
			vantages[name], tells[name] = 0, true
		}
	}
	for _, s := range known {
		if name, ok := feedOf(s.Vantage); ok && s.Up {
			vantages[name]++
			tells[name] = true
		}
	}
	out := make([]FeedStatus, 0, len(vantages))
	for name, n := range vantages {
		s := toFeedStatus(name, n, tells[name], notes[name])
		if _, noted := notes[name]; !noted && d.connected(name) {
			s.State = "up"
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b FeedStatus) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// connected tells of a server, a topic or a command whether there is a connection to one of its kind. Nothing more is told of one that was never
// down; where there are several, one that is silent is soon told to be.
func (d *Daemon) connected(name string) bool {
	kind, _, _ := strings.Cut(name, ":")
	return kind != "bgp" && kind != "bmp" && d.feeds.deps.metrics.Source(kind).Sessions.Load() > 0
}

// toFeedStatus tells of a feed by what was last heard of it, and by the vantages that came by it.
func toFeedStatus(name string, vantages int, tells bool, n feedNote) FeedStatus {
	s := FeedStatus{Name: name, State: "waiting", Since: report.Time(n.since), Reason: orNull(n.reason)}
	switch {
	case n.up || vantages > 0 && n.since.IsZero():
		s.State = "up"
	case !n.since.IsZero():
		s.State = "down"
	}
	if tells {
		s.Vantages = &vantages
	}
	return s
}

// expectedFeeds names the feeds of the configuration. A range of neighbors, or a BMP station, is no feed: each router that connects is one.
func (d *Daemon) expectedFeeds() (names []string) {
	if b := d.configuration().Sources.BGP; b != nil {
		for _, n := range b.Neighbors {
			if n.Address.IsValid() {
				names = append(names, "bgp:"+n.Name)
			}
		}
	}
	for _, src := range d.feeds.sources() {
		if name := src.Name(); name != "bgp" && name != "bmp" {
			names = append(names, name)
		}
	}
	return names
}
