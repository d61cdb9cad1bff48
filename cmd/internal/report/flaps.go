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

	"anywatch/detector"
	"anywatch/rules"
)

// Suppressed is a time in which a route would have been suppressed.
type Suppressed struct {
	Profile string    `json:"profile"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
}

// Point is the penalty after an event.
type Point struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// Flap is the flap history of one route, or of a prefix at a site as a whole, which has no vantage.
type Flap struct {
	Prefix      string       `json:"prefix"`
	Site        *string      `json:"site"`
	Vantage     *string      `json:"vantage"`
	Flaps       int          `json:"flaps"` // withdrawals and changes
	Withdrawals int          `json:"withdrawals"`
	Changes     int          `json:"changes"`
	PenaltyMax  float64      `json:"penalty_max"`
	PenaltyLast float64      `json:"penalty_last"`
	First       time.Time    `json:"first"`
	Last        time.Time    `json:"last"`
	Suppressed  []Suppressed `json:"suppressed"`
	// Curve is how the penalty went; only where it is drawn.
	Curve []Point `json:"curve,omitempty"`

	profiles []rules.Dampening
	until    time.Time
}

// Flaps makes the flap report of what an engine has counted since a time; the zero time takes all. Curves are kept where they are wanted.
func Flaps(e *detector.Engine, since time.Time, curves bool) Document {
	d := flapDocument()
	d.From, d.To = e.Began(), e.Clock()
	if since.After(d.From) {
		d.From = since
	}
	for _, f := range e.FlapHistory() {
		if f.Last.Before(since) {
			continue
		}
		d.Rows = append(d.Rows, flapRow(f, e, curves))
	}
	for _, r := range d.Rows {
		if f := r.(*Flap); since.IsZero() && f.First.Before(d.From) {
			d.From = f.First // of an earlier run
		}
	}
	slices.SortStableFunc(d.Rows, func(a, b Row) int { return cmp.Compare(b.(*Flap).PenaltyMax, a.(*Flap).PenaltyMax) }) // the worst first
	return d
}

func flapDocument() Document {
	return Document{
		Report: "flaps", Title: "Route flaps and dampening",
		About: "Which watched routes flapped, and which parameters of route flap dampening (RFC 2439) would have suppressed them. " +
			"A row without a vantage is the site as a whole.",
		Empty:   "No watched route flapped.",
		Columns: []string{"prefix", "site", "vantage", "flaps", "withdrawals", "changes", "penalty_max", "penalty_last", "first", "last", "suppressed"},
	}
}

func flapRow(f detector.Flaps, e *detector.Engine, curves bool) *Flap {
	row := &Flap{
		Prefix: f.Prefix.Prefix.String(), Flaps: f.Withdrawals + f.Changes, Withdrawals: f.Withdrawals, Changes: f.Changes,
		PenaltyMax: round(f.PenaltyMax), PenaltyLast: round(f.PenaltyLast), First: f.First.UTC(), Last: f.Last.UTC(), Suppressed: []Suppressed{},
		profiles: e.FlapProfiles(), until: e.Clock(),
	}
	if f.Site != "" {
		row.Site = &f.Site
	}
	if f.Vantage != nil {
		name := f.Vantage.Name()
		row.Vantage = &name
	}
	for _, s := range f.Suppressed {
		row.Suppressed = append(row.Suppressed, Suppressed{s.Profile, s.From.UTC().Truncate(time.Second), s.To.UTC().Truncate(time.Second)})
	}
	if curves {
		for _, p := range f.Curve {
			row.Curve = append(row.Curve, Point{p.At.UTC(), round(p.Value)})
		}
	}
	return row
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Cells gives the columns as text; what would have suppressed it as "cisco 18:01:40–18:31:02".
func (f *Flap) Cells() []string {
	held := make([]string, len(f.Suppressed))
	for i, s := range f.Suppressed {
		held[i] = fmt.Sprintf("%s %s/%s", s.Profile, stamp(s.From), stamp(s.To))
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return []string{
		f.Prefix, text(f.Site), text(f.Vantage), strconv.Itoa(f.Flaps), strconv.Itoa(f.Withdrawals), strconv.Itoa(f.Changes),
		number(f.PenaltyMax), number(f.PenaltyLast), stamp(f.First), stamp(f.Last), strings.Join(held, "; "),
	}
}

// The drawing of a penalty's curve, in pixels.
const (
	drawWidth, drawHeight = 900, 180
	drawLeft, drawBottom  = 50, 24
	drawTop, drawRight    = 10, 110
	decayStep             = 12 // between two points of the decay that are drawn
)

// Figure draws the penalty over time, with the thresholds of each profile, and shades when the first profile would have suppressed the route.
func (f *Flap) Figure() template.HTML {
	if len(f.Curve) == 0 || len(f.profiles) == 0 || f.PenaltyMax < 2*float64(f.profiles[0].Reuse) {
		return "" // a flap or two that nobody would have acted upon
	}
	p := &f.profiles[0]
	from, to := f.Curve[0].At, f.until
	if least := from.Add(p.HalfLife); to.Before(least) {
		to = least
	}
	most := f.PenaltyMax
	for i := range f.profiles {
		most = math.Max(most, float64(f.profiles[i].Suppress))
	}
	a := axes{from: from, to: to, most: most * 1.08}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" width="%d" role="img" aria-label="penalty of %s over time">`, drawWidth, drawHeight, drawWidth, template.HTMLEscapeString(f.Prefix))
	for _, s := range f.Suppressed {
		if s.Profile == p.Name {
			x := a.x(s.From)
			fmt.Fprintf(&b, `<rect class="held" x="%.1f" y="%d" width="%.1f" height="%d"/>`, x, drawTop, math.Max(a.x(s.To)-x, 1), drawHeight-drawTop-drawBottom)
		}
	}
	a.frame(&b)
	for i := range f.profiles {
		q := &f.profiles[i]
		a.level(&b, "limit", float64(q.Suppress), q.Name+" "+strconv.Itoa(q.Suppress))
	}
	a.level(&b, "reuse", float64(p.Reuse), "reuse "+strconv.Itoa(p.Reuse))
	b.WriteString(`<path class="curve" d="` + a.path(f.Curve, p) + `"/></svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and text that was escaped
}

// axes turn times and penalties into pixels.
type axes struct {
	from, to time.Time
	most     float64
}

func (a axes) x(t time.Time) float64 {
	share := float64(t.Sub(a.from)) / float64(a.to.Sub(a.from))
	return drawLeft + math.Min(math.Max(share, 0), 1)*(drawWidth-drawLeft-drawRight)
}

func (a axes) y(v float64) float64 {
	return drawHeight - drawBottom - v/a.most*(drawHeight-drawTop-drawBottom)
}

func (a axes) frame(b *strings.Builder) {
	bottom := a.y(0)
	fmt.Fprintf(b, `<line class="axis" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, drawLeft, bottom, drawWidth-drawRight, bottom)
	layout := "15:04:05"
	if a.to.Sub(a.from) > 24*time.Hour {
		layout = "2006-01-02 15:04"
	}
	const ticks = 4
	for i := range ticks + 1 {
		at := a.from.Add(a.to.Sub(a.from) * time.Duration(i) / ticks)
		fmt.Fprintf(b, `<text class="text" x="%.1f" y="%d" text-anchor="middle">%s</text>`, a.x(at), drawHeight-6, at.UTC().Format(layout))
	}
	fmt.Fprintf(b, `<text class="text" x="%d" y="%.1f" text-anchor="end">0</text>`, drawLeft-6, bottom+4)
	fmt.Fprintf(b, `<text class="text" x="%d" y="%.1f" text-anchor="end">%.0f</text>`, drawLeft-6, a.y(a.most/1.08)+4, a.most/1.08)
}

func (a axes) level(b *strings.Builder, class string, v float64, name string) {
	y := a.y(v)
	fmt.Fprintf(b, `<line class="%s" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, class, drawLeft, y, drawWidth-drawRight, y)
	fmt.Fprintf(b, `<text class="text" x="%d" y="%.1f">%s</text>`, drawWidth-drawRight+5, y+4, template.HTMLEscapeString(name))
}

// path draws the steps of the events and the decay between them.
func (a axes) path(curve []Point, p *rules.Dampening) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", a.x(curve[0].At), a.y(0))
	for i, c := range curve {
		fmt.Fprintf(&b, "L%.1f %.1f", a.x(c.At), a.y(c.Value))
		next := a.to
		if i+1 < len(curve) {
			next = curve[i+1].At
		}
		steps := int(math.Ceil((a.x(next) - a.x(c.At)) / decayStep))
		for s := 1; s <= steps; s++ {
			at := c.At.Add(next.Sub(c.At) * time.Duration(s) / time.Duration(steps))
			fmt.Fprintf(&b, "L%.1f %.1f", a.x(at), a.y(c.Value*math.Exp2(-float64(at.Sub(c.At))/float64(p.HalfLife))))
		}
	}
	return b.String()
}

// ReadFlaps reads a flap report that was written as JSON, by a running daemon say.
func ReadFlaps(b []byte, profiles []rules.Dampening) (Document, error) {
	d := flapDocument()
	var in struct {
		From, To time.Time
		Rows     []*Flap
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return d, fmt.Errorf("this is no flap report: %w", err)
	}
	d.From, d.To = in.From, in.To
	for _, r := range in.Rows {
		r.profiles, r.until = profiles, in.To
		d.Rows = append(d.Rows, r)
	}
	return d, nil
}
