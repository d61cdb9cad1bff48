package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"anywatch/detector"
)

// Site is how a prefix was announced at a site.
type Site struct {
	Prefix string     `json:"prefix"`
	Site   string     `json:"site"`
	State  string     `json:"state"` // unknown, announced, draining, missing
	Since  *time.Time `json:"since"`
	// Availability is the share of the known time in which it was announced; nothing while nothing is known.
	Availability *float64 `json:"availability"`
	Outages      int      `json:"outages"`
	DownSeconds  float64  `json:"down_seconds"`
	// MTTR is the mean time to repair, of the outages that are over; nothing when none is.
	MTTR *float64 `json:"mttr_seconds"`
	// Timeline is one state after the other; only where it is drawn.
	Timeline []Stint `json:"timeline,omitempty"`

	until time.Time
}

// Stint is a state from a time on.
type Stint struct {
	State string    `json:"state"`
	From  time.Time `json:"from"`
}

// Sites makes the report of sites of what an engine has seen since a time; the zero time takes all. Timelines are kept where they are wanted.
func Sites(e *detector.Engine, since time.Time, timelines bool) Document {
	d := siteDocument()
	d.From, d.To = e.Began(), e.Clock()
	if since.After(d.From) {
		d.From = since
	}
	for _, a := range e.Availability(since) {
		row := siteRow(a)
		row.until = d.To
		if timelines {
			for _, s := range a.Stints {
				row.Timeline = append(row.Timeline, Stint{s.State.String(), later(s.From, d.From).UTC()})
			}
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

func siteDocument() Document {
	return Document{
		Report: "sites", Title: "Availability of sites",
		About: "How each prefix was announced at each of its sites. Availability counts from when its state was first known; times in which nobody could know it " +
			"count neither way, and a site that drains is still announced.",
		Empty:   "The configuration has no sites.",
		Columns: []string{"prefix", "site", "state", "since", "availability", "outages", "down_seconds", "mttr_seconds"},
		Heads:   []string{"prefix", "site", "state", "since", "availability", "outages", "down", "time to repair"},
	}
}

func siteRow(a detector.Availability) *Site {
	row := &Site{Prefix: a.Prefix.String(), Site: a.Site, State: a.State.String(), Since: Time(a.Since), Outages: a.Outages, DownSeconds: seconds(a.Down)}
	if known := a.Up + a.Down; known > 0 {
		share := math.Floor(float64(a.Up)/float64(known)*1e6) / 1e6 // never 1 where something was missing
		row.Availability = &share
	}
	if a.Repaired > 0 {
		mean := seconds(a.Repair / time.Duration(a.Repaired))
		row.MTTR = &mean
	}
	return row
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Cells gives the columns as text; availability is a share of one.
func (s *Site) Cells() []string {
	return []string{
		s.Prefix, s.Site, s.State, when(s.Since), number(s.Availability), strconv.Itoa(s.Outages), number(&s.DownSeconds), number(s.MTTR),
	}
}

// Brief gives the columns for people: availability in percent, times as they say them.
func (s *Site) Brief() []string {
	available, repair := "", ""
	if s.Availability != nil {
		available = strconv.FormatFloat(math.Floor(*s.Availability*1e5)/1e3, 'f', -1, 64) + " %"
	}
	if s.MTTR != nil {
		repair = spoken(*s.MTTR)
	}
	return []string{s.Prefix, s.Site, s.State, when(s.Since), available, strconv.Itoa(s.Outages), spoken(s.DownSeconds), repair}
}

func spoken(seconds float64) string {
	return detector.HumanDuration(time.Duration(seconds * float64(time.Second)))
}

func when(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// Figure draws the states of a site one after the other, where there was more than one.
func (s *Site) Figure() template.HTML {
	if len(s.Timeline) < 2 {
		return ""
	}
	const height = 14
	from := s.Timeline[0].From
	whole := math.Max(s.until.Sub(from).Seconds(), 1)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" width="%d" role="img" aria-label="states of %s at %s over time">`, drawWidth, height+16, drawWidth,
		template.HTMLEscapeString(s.Prefix), template.HTMLEscapeString(s.Site))
	for i, x := range s.Timeline {
		to := s.until
		if i+1 < len(s.Timeline) {
			to = s.Timeline[i+1].From
		}
		left, right := x.From.Sub(from).Seconds()/whole*drawWidth, to.Sub(from).Seconds()/whole*drawWidth
		fmt.Fprintf(&b, `<rect x="%.1f" y="0" width="%.1f" height="%d" class="state-%s"><title>%s %s</title></rect>`, left, math.Max(right-left, 1), height,
			template.HTMLEscapeString(x.State), template.HTMLEscapeString(x.State), stamp(x.From))
	}
	fmt.Fprintf(&b, `<text class="text" x="0" y="%d">%s</text><text class="text" x="%d" y="%d" text-anchor="end">%s</text></svg>`,
		height+12, stamp(from), drawWidth, height+12, stamp(s.until))
	return template.HTML(b.String()) //nolint:gosec // numbers, and text that was escaped
}

// ReadSites reads a report of sites that was written as JSON, by a running daemon say.
func ReadSites(b []byte) (Document, error) {
	d := siteDocument()
	var in struct {
		From, To time.Time
		Rows     []*Site
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return d, fmt.Errorf("this is no report of sites: %w", err)
	}
	d.From, d.To = in.From, in.To
	for _, r := range in.Rows {
		r.until = in.To
		d.Rows = append(d.Rows, r)
	}
	return d, nil
}
