package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
)

// Catchment is which external vantages a site serves with a prefix.
type Catchment struct {
	Prefix string `json:"prefix"`
	// Site is nil for the vantages that no site explains.
	Site     *string  `json:"site"`
	Vantages int      `json:"vantages"`
	Share    float64  `json:"share"` // of the vantages that have a route
	Members  []Member `json:"members"`

	regions map[string]string // of all sites
}

// Member is a vantage that a site serves. Distances are great circles, known where the places of both ends are.
type Member struct {
	Vantage     string    `json:"vantage"`
	ASN         route.ASN `json:"asn"`
	Path        asPath    `json:"path"`
	DistanceKM  *float64  `json:"distance_km"`
	NearestSite *string   `json:"nearest_site"` // that announces the prefix
	NearestKM   *float64  `json:"nearest_km"`
}

// asPath is an AS path that can be read back.
type asPath struct{ route.Path }

// UnmarshalJSON reads a list of AS numbers in which a set stands as a list.
func (p *asPath) UnmarshalJSON(b []byte) error {
	var hops []json.RawMessage
	if err := json.Unmarshal(b, &hops); err != nil {
		return err
	}
	p.Path = nil
	for _, h := range hops {
		var as route.ASN
		if json.Unmarshal(h, &as) == nil {
			if n := len(p.Path); n > 0 && p.Path[n-1].Kind == route.Sequence {
				p.Path[n-1].ASNs = append(p.Path[n-1].ASNs, as)
			} else {
				p.Path = append(p.Path, route.Segment{Kind: route.Sequence, ASNs: []route.ASN{as}})
			}
			continue
		}
		set := route.Segment{Kind: route.Set}
		if err := json.Unmarshal(h, &set.ASNs); err != nil {
			return err
		}
		p.Path = append(p.Path, set)
	}
	return nil
}

// Catchments makes the report of who is served by which site, as it stands. What went before, since a time, is drawn; the zero time takes all.
func Catchments(e *detector.Engine, since time.Time, drawn bool) Document {
	d := catchmentDocument()
	d.From, d.To = e.Began(), e.Clock()
	if since.After(d.From) {
		d.From = since
	}
	drawing := newDrawing(e)
	for _, c := range e.Catchments() {
		d.Rows = append(d.Rows, catchmentRows(c, drawing)...)
		drawing.add(c, d.From)
	}
	if drawn {
		d.Drawing = drawing
	}
	return d
}

func catchmentDocument() Document {
	return Document{
		Report: "catchment", Title: "Catchment: who is served by which site",
		About: "Which external vantages reach each prefix at which site, by the matchers of the sites, and the share of each site. Distances are great circles " +
			"from the place of a public collector to the site; “far” is a vantage that another site which announces the prefix is closer to.",
		Empty:   "No external vantage shows a watched prefix.",
		Columns: []string{"prefix", "site", "vantages", "share", "members"},
	}
}

// catchmentRows makes a row for each site that announces the prefix or serves somebody with it, and one for what no site explains.
func catchmentRows(c detector.Catchment, d *catchmentDrawing) (out []Row) {
	if len(c.Served) == 0 {
		return nil
	}
	prefix := c.Watched.Prefix.String()
	rows := make(map[string]*Catchment)
	for _, s := range append(slices.Clone(c.Announcing), "") {
		row := &Catchment{Prefix: prefix, Members: []Member{}, regions: d.regions()}
		if s != "" {
			row.Site = &s
		}
		rows[s] = row
		out = append(out, row)
	}
	for _, v := range c.Served {
		row := rows[v.Site]
		row.Members = append(row.Members, d.member(v, c.Announcing))
	}
	for _, row := range rows {
		row.Vantages = len(row.Members)
		row.Share = math.Round(float64(row.Vantages)/float64(len(c.Served))*1e4) / 1e4
	}
	if rows[""].Vantages == 0 {
		out = out[:len(out)-1]
	}
	slices.SortStableFunc(out, func(a, b Row) int {
		x, y := a.(*Catchment), b.(*Catchment)
		if (x.Site == nil) != (y.Site == nil) {
			return map[bool]int{true: 1, false: -1}[x.Site == nil]
		}
		return cmp.Compare(y.Vantages, x.Vantages)
	})
	return out
}

// member describes a vantage with the distances that are known.
func (d *catchmentDrawing) member(v detector.Served, announcing []string) Member {
	m := Member{Vantage: v.Vantage.Name(), ASN: v.Vantage.PeerAS, Path: asPath{v.Path}}
	at, ok := collectorOf(m.Vantage)
	if !ok {
		return m
	}
	for _, s := range d.Sites {
		if !s.Placed {
			continue
		}
		km := math.Round(kilometres(at.spot, spot{s.Lat, s.Lon}))
		if s.Name == v.Site {
			m.DistanceKM = &km
		}
		if slices.Contains(announcing, s.Name) && (m.NearestKM == nil || km < *m.NearestKM) {
			m.NearestSite, m.NearestKM = &s.Name, &km
		}
	}
	return m
}

// detour is how many kilometres further a vantage goes than to the nearest site; 0 where that is not known.
func (m *Member) detour() float64 {
	if m.DistanceKM == nil || m.NearestKM == nil {
		return 0
	}
	return *m.DistanceKM - *m.NearestKM
}

// strays tells whether a vantage is served from another region than that of its nearest site.
func (c *Catchment) strays(m *Member) bool {
	if m.detour() <= 0 || c.Site == nil {
		return false
	}
	here, there := c.regions[*c.Site], c.regions[*m.NearestSite]
	return here != "" && there != "" && here != there
}

// Cells gives the columns as text; each member with its AS and path.
func (c *Catchment) Cells() []string {
	members := make([]string, len(c.Members))
	for i, m := range c.Members {
		members[i] = fmt.Sprintf("%s %s (%s)", m.Vantage, m.ASN, m.Path)
		if m.DistanceKM != nil {
			members[i] += fmt.Sprintf(" %.0f km", *m.DistanceKM)
		}
		if m.NearestSite != nil {
			members[i] += fmt.Sprintf(", nearest %s %.0f km", *m.NearestSite, *m.NearestKM)
		}
	}
	return []string{c.Prefix, text(c.Site), strconv.Itoa(c.Vantages), number(&c.Share), strings.Join(members, "; ")}
}

const briefMembers = 3 // vantages that a table names

// Brief gives the columns for people: of the members those that go astray, else some of them.
func (c *Catchment) Brief() []string {
	far, astray := 0, 0
	var worst *Member
	for i := range c.Members {
		m := &c.Members[i]
		if m.detour() > 0 {
			far++
			if worst == nil || m.detour() > worst.detour() {
				worst = m
			}
		}
		if c.strays(m) {
			astray++
		}
	}
	brief := ""
	switch {
	case worst != nil:
		brief = fmt.Sprintf("%d far, %d of them from another region; the worst %s: %.0f km, %s is at %.0f km", far, astray, worst.Vantage, *worst.DistanceKM, *worst.NearestSite, *worst.NearestKM)
	default:
		names := make([]string, 0, briefMembers)
		for _, m := range c.Members[:min(len(c.Members), briefMembers)] {
			names = append(names, m.Vantage)
		}
		if brief = strings.Join(names, ", "); len(c.Members) > briefMembers {
			brief += fmt.Sprintf(" and %d more", len(c.Members)-briefMembers)
		}
	}
	site := text(c.Site)
	if c.Site == nil {
		site = "no known site"
	}
	return []string{c.Prefix, site, strconv.Itoa(c.Vantages), percent(c.Share), brief}
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e3)/10, 'f', -1, 64) + " %"
}

// Figure lists the members; who goes astray is marked.
func (c *Catchment) Figure() template.HTML {
	if len(c.Members) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<details><summary>its vantages</summary><table><thead><tr><th>vantage</th><th>AS</th><th>path</th><th>distance</th><th>nearest site</th></tr></thead><tbody>`)
	for i := range c.Members {
		m := &c.Members[i]
		nearest, mark := "", ""
		if m.NearestSite != nil {
			nearest = fmt.Sprintf("%s, %.0f km", *m.NearestSite, *m.NearestKM)
		}
		if m.detour() > 0 {
			mark = ` class="mark"`
		}
		if c.strays(m) {
			nearest += ", in another region"
		}
		fmt.Fprintf(&b, `<tr%s><td>%s</td><td>%s</td><td class="wide">%s</td><td class="num">%s</td><td>%s</td></tr>`, mark, esc(m.Vantage), m.ASN, esc(m.Path.String()), distance(m.DistanceKM), esc(nearest))
	}
	b.WriteString(`</tbody></table></details>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and text that was escaped
}

func esc(s string) string { return template.HTMLEscapeString(s) }

func distance(km *float64) string {
	if km == nil {
		return ""
	}
	return fmt.Sprintf("%.0f km", *km)
}

// ReadCatchments reads a report of catchments that was written as JSON, by a running daemon say.
func ReadCatchments(b []byte) (Document, error) {
	d := catchmentDocument()
	var in struct {
		From, To time.Time
		Rows     []*Catchment
		Drawing  *catchmentDrawing
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return d, fmt.Errorf("this is no report of catchments: %w", err)
	}
	d.From, d.To = in.From, in.To
	var regions map[string]string
	if in.Drawing != nil {
		d.Drawing, regions = in.Drawing, in.Drawing.regions()
	}
	for _, r := range in.Rows {
		r.regions = regions
		d.Rows = append(d.Rows, r)
	}
	return d, nil
}
