package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"anywatch/detector"
)

// catchmentDrawing is what is drawn of catchments: the sites, and of each prefix what went before.
type catchmentDrawing struct {
	Sites    []siteSpot     `json:"sites"`
	Prefixes []prefixShares `json:"prefixes"`
}

// siteSpot is where a site is.
type siteSpot struct {
	Name   string  `json:"name"`
	Region string  `json:"region"`
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Placed bool    `json:"placed"`
}

// prefixShares is how the catchment of a prefix went.
type prefixShares struct {
	Prefix string       `json:"prefix"`
	Label  string       `json:"label"`
	Shares []sharePoint `json:"shares"`
	Flows  []flow       `json:"flows"`
	Flips  []flips      `json:"flips"`
}

// sharePoint is how many vantages each site served from a time on; the last number is of no known site.
type sharePoint struct {
	At     time.Time `json:"at"`
	Counts []int     `json:"counts"`
}

// flow is how often vantages went from one site to another.
type flow struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int    `json:"count"`
}

// flips are how often a vantage changed sites.
type flips struct {
	Vantage string  `json:"vantage"`
	Count   int     `json:"count"`
	Worst   int     `json:"worst_hour"`
	PerHour float64 `json:"per_hour"`
}

func newDrawing(e *detector.Engine) *catchmentDrawing {
	d := &catchmentDrawing{Sites: []siteSpot{}, Prefixes: []prefixShares{}}
	for _, s := range e.Places() {
		d.Sites = append(d.Sites, siteSpot{s.Name, s.Region, s.Lat, s.Lon, s.Placed})
	}
	return d
}

func (d *catchmentDrawing) regions() map[string]string {
	out := make(map[string]string)
	for _, s := range d.Sites {
		out[s.Name] = s.Region
	}
	return out
}

// add keeps what is drawn of a prefix. Of the shares before the time, the last one stands at its beginning.
func (d *catchmentDrawing) add(c detector.Catchment, from time.Time) {
	p := prefixShares{Prefix: c.Watched.Prefix.String(), Label: c.Watched.Label()}
	for _, s := range c.Shares {
		at := s.At
		if !at.After(from) {
			at, p.Shares = from, nil
		}
		p.Shares = append(p.Shares, sharePoint{at.UTC(), append(slices.Clone(s.Sites), s.Unknown)})
	}
	for _, f := range c.Flows {
		p.Flows = append(p.Flows, flow(f))
	}
	for _, f := range c.Flips {
		p.Flips = append(p.Flips, flips{f.Vantage.Name(), f.Count, f.Worst, math.Round(f.PerHour*100) / 100})
	}
	d.Prefixes = append(d.Prefixes, p)
}

// HTML draws each prefix: its map, its shares over time, who changed sites, and who goes furthest astray.
func (d *catchmentDrawing) HTML(doc Document) template.HTML {
	var b strings.Builder
	for _, p := range d.Prefixes {
		var rows []*Catchment
		for _, r := range doc.Rows {
			if c, ok := r.(*Catchment); ok && c.Prefix == p.Prefix {
				rows = append(rows, c)
			}
		}
		fmt.Fprintf(&b, "<h2>%s</h2>\n", esc(p.Label))
		d.legend(&b, rows)
		if len(rows) > 0 && slices.ContainsFunc(d.Sites, func(s siteSpot) bool { return s.Placed }) {
			d.world(&b, rows)
		}
		d.stack(&b, p, doc.To)
		b.WriteString(`<div class="side">`)
		p.flowTable(&b)
		p.flipTable(&b)
		detourTable(&b, rows)
		b.WriteString("</div>\n")
	}
	return template.HTML(b.String()) //nolint:gosec // numbers, and text that was escaped
}

// colour gives each site a colour of its own, by its place in the configuration; the one after the last is of no known site.
func (d *catchmentDrawing) colour(n int) string {
	known := []string{"#2f7ed8", "#e07b00", "#2da44e", "#8957e5", "#d1418f", "#0b8a83", "#b08800", "#7d5a44"}
	switch {
	case n >= len(d.Sites) || n < 0:
		return "#8c959f"
	case n < len(known):
		return known[n]
	}
	return fmt.Sprintf("hsl(%d 55%% 48%%)", n*137%360)
}

func (d *catchmentDrawing) number(site *string) int {
	if site == nil {
		return len(d.Sites)
	}
	return slices.IndexFunc(d.Sites, func(s siteSpot) bool { return s.Name == *site })
}

func (d *catchmentDrawing) legend(b *strings.Builder, rows []*Catchment) {
	b.WriteString(`<ul class="legend">`)
	for _, r := range rows {
		name := text(r.Site)
		if r.Site == nil {
			name = "no known site"
		}
		fmt.Fprintf(b, `<li><i style="background:%s"></i>%s %s (%d)</li>`, d.colour(d.number(r.Site)), esc(name), percent(r.Share), r.Vantages)
	}
	b.WriteString("</ul>\n")
}

// stack draws the shares over time, one site above the other.
func (d *catchmentDrawing) stack(b *strings.Builder, p prefixShares, until time.Time) {
	if len(p.Shares) == 0 {
		return
	}
	a := axes{from: p.Shares[0].At, to: until, most: 100 * 1.08}
	if least := a.from.Add(time.Minute); a.to.Before(least) {
		a.to = least
	}
	fmt.Fprintf(b, `<figure><svg viewBox="0 0 %d %d" width="%d" role="img" aria-label="shares of the sites of %s over time">`, drawWidth, drawHeight, drawWidth, esc(p.Prefix))
	for n := range len(d.Sites) + 1 {
		if shape := a.layer(p.Shares, n); shape != "" {
			fmt.Fprintf(b, `<path fill="%s" opacity=".85" d="%s"/>`, d.colour(n), shape)
		}
	}
	a.frame(b)
	fmt.Fprintf(b, `<text class="text" x="%d" y="%.1f">%% of %d vantages</text>`, drawWidth-drawRight+5, a.y(100)+4, total(p.Shares[len(p.Shares)-1].Counts))
	b.WriteString("</svg></figure>\n")
}

func total(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// layer outlines the share of one site: the upper edge onwards in time, the lower edge back.
func (a axes) layer(points []sharePoint, n int) string {
	var upper, lower []string
	some := false
	for i, p := range points {
		until := a.to
		if i+1 < len(points) {
			until = points[i+1].At
		}
		if n >= len(p.Counts) {
			return ""
		}
		all := math.Max(float64(total(p.Counts)), 1)
		under, mine := float64(total(p.Counts[:n]))/all*100, float64(p.Counts[n])/all*100
		some = some || mine > 0
		left, right := a.x(p.At), a.x(until)
		upper = append(upper, fmt.Sprintf("%.1f %.1f", left, a.y(under+mine)), fmt.Sprintf("%.1f %.1f", right, a.y(under+mine)))
		lower = append(lower, fmt.Sprintf("%.1f %.1f", left, a.y(under)), fmt.Sprintf("%.1f %.1f", right, a.y(under)))
	}
	if !some {
		return ""
	}
	slices.Reverse(lower)
	return "M" + strings.Join(append(upper, lower...), "L") + "Z"
}

const shownRows = 10 // of the tables beside the drawings

func (p prefixShares) flowTable(b *strings.Builder) {
	if len(p.Flows) == 0 {
		return
	}
	b.WriteString(`<div><h3>Flows between sites</h3><table><thead><tr><th>from</th><th>to</th><th>times</th></tr></thead><tbody>`)
	for _, f := range p.Flows[:min(len(p.Flows), shownRows)] {
		fmt.Fprintf(b, `<tr><td>%s</td><td>%s</td><td class="num">%d</td></tr>`, esc(cmp.Or(f.From, "no known site")), esc(cmp.Or(f.To, "no known site")), f.Count)
	}
	b.WriteString("</tbody></table></div>\n")
}

func (p prefixShares) flipTable(b *strings.Builder) {
	if len(p.Flips) == 0 {
		return
	}
	b.WriteString(`<div><h3>Changes of site per vantage</h3><table><thead><tr><th>vantage</th><th>times</th><th>per hour</th><th>in the worst hour</th></tr></thead><tbody>`)
	for _, f := range p.Flips[:min(len(p.Flips), shownRows)] {
		fmt.Fprintf(b, `<tr><td>%s</td><td class="num">%d</td><td class="num">%g</td><td class="num">%d</td></tr>`, esc(f.Vantage), f.Count, f.PerHour, f.Worst)
	}
	b.WriteString("</tbody></table></div>\n")
}

// detourTable lists the vantages that go the most kilometres further than they need.
func detourTable(b *strings.Builder, rows []*Catchment) {
	type detour struct {
		m    *Member
		c    *Catchment
		more float64
	}
	var all []detour
	for _, r := range rows {
		for i := range r.Members {
			if more := r.Members[i].detour(); more > 0 {
				all = append(all, detour{&r.Members[i], r, more})
			}
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(x, y detour) int { return cmp.Compare(y.more, x.more) })
	b.WriteString(`<div><h3>Worst detours</h3><table><thead><tr><th>vantage</th><th>AS</th><th>served by</th><th>nearest</th><th>further by</th></tr></thead><tbody>`)
	for _, x := range all[:min(len(all), shownRows)] {
		mark := ""
		if x.c.strays(x.m) {
			mark = `, <span class="mark">another region</span>`
		}
		fmt.Fprintf(b, `<tr><td>%s</td><td>%s</td><td>%s, %.0f km%s</td><td>%s, %.0f km</td><td class="num">%.0f km</td></tr>`,
			esc(x.m.Vantage), x.m.ASN, esc(text(x.c.Site)), *x.m.DistanceKM, mark, esc(*x.m.NearestSite), *x.m.NearestKM, x.more)
	}
	b.WriteString("</tbody></table></div>\n")
}
