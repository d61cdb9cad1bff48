package report

import (
	"fmt"
	"html/template"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rpki/compliance"
)

// rpkiAnnex is what the report says beyond its rows.
type rpkiAnnex struct{ RPKIInput }

// The members that the JSON of the report has besides those of every report. Absent facts are null.
type (
	rpkiJSON struct {
		Head
		Score   rpkiScore    `json:"score"`
		Changes []rpkiChange `json:"changes"`
		ASPAs   []rpkiASPA   `json:"aspas"`
		Sources []RPKISource `json:"sources"`
		WhatIf  *rpkiWhatIf  `json:"what_if,omitempty"`
		Basis   any          `json:"basis,omitempty"`
	}
	rpkiScore struct {
		Percent *float64 `json:"percent"` // null where nothing was checked
		ROA     *float64 `json:"roa"`
		ROAs    int      `json:"roas"`
		ASPA    *float64 `json:"aspa"`
		ASPAs   int      `json:"aspas"`
		How     string   `json:"how"`
	}
	rpkiChange struct {
		Action    string        `json:"action"` // create, change, delete
		Object    string        `json:"object"` // roa, slurm, aspa
		Prefix    *netip.Prefix `json:"prefix"`
		MaxLength *int          `json:"max_length"` // as it is to be; of what is deleted, as it is
		ASN       route.ASN     `json:"asn"`        // of an ASPA the customer
		Providers []route.ASN   `json:"providers"`
		Text      string        `json:"text"`
		Why       string        `json:"why"`
	}
	rpkiASPA struct {
		Customer   route.ASN   `json:"customer"`
		State      string      `json:"state"`
		Providers  []route.ASN `json:"providers"` // null: there is none
		Expires    *time.Time  `json:"expires"`
		Configured []route.ASN `json:"configured"` // null: any
		Seen       []route.ASN `json:"seen"`
		Findings   []string    `json:"findings"`
		Advice     []string    `json:"advice"`
	}
	rpkiWhatIf struct {
		File    string           `json:"file"`
		Changed int              `json:"changed"`
		Rows    []rpkiTransition `json:"rows"`
	}
	rpkiTransition struct {
		Prefix     string     `json:"prefix"`
		Origin     *route.ASN `json:"origin"`
		Site       *string    `json:"site"`
		Announced  bool       `json:"announced"`
		Planned    bool       `json:"planned"`
		Before     rpki.State `json:"before"`
		After      rpki.State `json:"after"`
		VRPsBefore []string   `json:"vrps_before"`
		VRPsAfter  []string   `json:"vrps_after"`
	}
)

// JSON gives the whole report.
func (a *rpkiAnnex) JSON(h Head) any {
	out := rpkiJSON{Head: h, Score: a.score(), Changes: []rpkiChange{}, ASPAs: []rpkiASPA{}, Sources: append([]RPKISource{}, a.Sources...), Basis: a.Basis}
	for _, c := range a.Changes {
		out.Changes = append(out.Changes, toChange(c))
	}
	for _, x := range a.ASPAs {
		out.ASPAs = append(out.ASPAs, toASPA(x))
	}
	if a.WhatIf == "" {
		return out
	}
	out.WhatIf = &rpkiWhatIf{File: a.WhatIf, Changed: a.changed(), Rows: []rpkiTransition{}}
	for _, t := range a.Transitions {
		row := rpkiTransition{
			Prefix: t.Prefix.String(), Origin: t.Origin, Announced: t.Announced, Planned: t.Planned, Before: t.Before, After: t.After,
			VRPsBefore: texts(t.VRPsBefore), VRPsAfter: texts(t.VRPsAfter),
		}
		if t.Site != "" {
			row.Site = &t.Site
		}
		out.WhatIf.Rows = append(out.WhatIf.Rows, row)
	}
	return out
}

func (a *rpkiAnnex) changed() (n int) {
	for _, t := range a.Transitions {
		if t.Changed() {
			n++
		}
	}
	return n
}

func (a *rpkiAnnex) score() rpkiScore {
	s := rpkiScore{ROAs: a.Score.ROAs, ASPAs: a.Score.ASPAs, How: compliance.How}
	if a.Score.Counted {
		s.Percent = &a.Score.Percent
	}
	if a.Score.Counted && a.Score.ROAs > 0 {
		s.ROA = &a.Score.ROA
	}
	if a.Score.Counted && a.Score.ASPAs > 0 {
		s.ASPA = &a.Score.ASPA
	}
	return s
}

func toChange(c compliance.Change) rpkiChange {
	out := rpkiChange{Action: c.Action, Object: c.Object, ASN: c.Customer, Providers: c.Providers, Text: c.String(), Why: c.Why}
	if c.ROA != nil {
		length := int(c.ROA.MaxLength)
		if c.Action == "change" {
			length = c.MaxLength
		}
		out.Prefix, out.MaxLength, out.ASN = &c.ROA.Prefix, &length, c.ROA.ASN
	}
	return out
}

func toASPA(x compliance.ASPA) rpkiASPA {
	out := rpkiASPA{
		Customer: x.Customer, State: x.State, Expires: Time(x.Expires), Configured: x.Configured,
		Seen: append([]route.ASN{}, x.Seen...), Findings: texts(x.Findings), Advice: append([]string{}, x.Advice...),
	}
	if x.Exists {
		out.Providers = append([]route.ASN{}, x.Providers...)
	}
	return out
}

// People puts rows together that differ in nothing but their site.
func (a *rpkiAnnex) People(list []Row) (out []Row) {
	by := make(map[string]*RPKI)
	for _, one := range list {
		r := one.(*RPKI)
		name := fmt.Sprint(r.Prefix, r.who(), r.Announced, r.Configured, r.becomes(), r.VRPs, r.Findings)
		if had := by[name]; had != nil && r.Site != nil && len(had.sites) > 0 {
			had.sites = append(had.sites, *r.Site)
			continue
		}
		c := *r
		if c.sites = nil; r.Site != nil {
			c.sites = []string{*r.Site}
		}
		by[name] = &c
		out = append(out, &c)
	}
	return out
}

// Text writes the score, what to change, and how it stands with ASPA.
func (a *rpkiAnnex) Text(w io.Writer) error {
	var b strings.Builder
	if !a.Checked {
		b.WriteString("\nNot checked: there are no VRPs.\n")
	} else if a.Score.Counted {
		fmt.Fprintf(&b, "\nScore: %s of 100 (%s)\n", digits(a.Score.Percent), a.parts())
	}
	if a.WhatIf != "" {
		fmt.Fprintf(&b, "With %s instead: %s\n", a.WhatIf, a.outcome())
	}
	for i, x := range a.ASPAs {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "ASPA of %s: %s\n", x.Customer, aspaText(x))
	}
	for i, c := range a.Changes {
		if i == 0 {
			b.WriteString("\nTo change:\n")
		}
		fmt.Fprintf(&b, "  %s\n", c)
	}
	if a.Checked && len(a.Changes) == 0 {
		b.WriteString("\nNothing to change.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func digits(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// parts says what the score is made of.
func (a *rpkiAnnex) parts() string {
	text := fmt.Sprintf("ROAs %s over %s", digits(a.Score.ROA), count(a.Score.ROAs, "prefix and origin", "pairs of prefix and origin"))
	if a.Score.ASPAs > 0 {
		return text + fmt.Sprintf(", ASPA %s over %s", digits(a.Score.ASPA), count(a.Score.ASPAs, "origin", "origins"))
	}
	return text + ", ASPA not checked"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// outcome says what becomes of the rows.
func (a *rpkiAnnex) outcome() string {
	worse := 0
	for _, t := range a.Transitions {
		if t.Changed() && t.After == rpki.Invalid {
			worse++
		}
	}
	switch n := a.changed(); {
	case n == 0:
		return "nothing changes its state"
	case worse == 0:
		return fmt.Sprintf("%s state, none becomes invalid", count(n, "row changes its", "rows change their"))
	default:
		return fmt.Sprintf("%s state, %d to invalid", count(n, "row changes its", "rows change their"), worse)
	}
}

// aspaText says how it stands with the ASPA of an origin, with a line for each advice.
func aspaText(x compliance.ASPA) string {
	says := strings.ReplaceAll(x.State, "-", " ")
	if x.Exists {
		says += "; it names " + asnList(x.Providers)
	} else if x.State == compliance.ASPAStateUnknown && len(x.Advice) == 0 {
		says += ": no upstream is configured or seen"
	}
	for _, advice := range x.Advice {
		says += "\n  " + advice
	}
	return says
}

func asnList(list []route.ASN) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(texts(list), ", ")
}

// HTML draws the score, what to change, and the ASPAs.
func (a *rpkiAnnex) HTML() template.HTML {
	var b strings.Builder
	a.tiles(&b)
	if a.WhatIf != "" {
		fmt.Fprintf(&b, "<h2>What if</h2>\n<p>With <code>%s</code> instead: %s.</p>\n", esc(a.WhatIf), esc(a.outcome()))
	}
	if a.Checked {
		b.WriteString("<h2>What to change</h2>\n")
		if len(a.Changes) == 0 {
			b.WriteString(`<p>Nothing.</p>` + "\n")
		} else {
			b.WriteString(`<p>In this order nothing that is wanted becomes invalid on the way; ROAs of several origins for one prefix are created together.</p>` + "\n" + `<ol class="todo">`)
			for _, c := range a.Changes {
				fmt.Fprintf(&b, "<li><code>%s</code> <span>%s</span></li>\n", esc(c.String()), esc(c.Why))
			}
			b.WriteString("</ol>\n")
		}
	}
	a.aspaTable(&b)
	b.WriteString("<h2>Prefix by prefix</h2>\n")
	return template.HTML(b.String()) //nolint:gosec // numbers, and text that was escaped
}

// tiles draws the figures that are seen first.
func (a *rpkiAnnex) tiles(b *strings.Builder) {
	tile := func(figure, says string) {
		fmt.Fprintf(b, `<div class="tile"><b>%s</b><span>%s</span></div>`, esc(figure), esc(says))
	}
	b.WriteString(`<div class="tiles">`)
	if a.Score.Counted {
		tile(digits(a.Score.Percent)+" %", "score")
	} else {
		tile("not checked", "there are no VRPs")
	}
	for _, s := range []rpki.State{rpki.Valid, rpki.NotFound, rpki.Invalid} {
		n := 0
		for _, r := range a.Rows {
			if r.State == s {
				n++
			}
		}
		if a.Checked {
			tile(fmt.Sprint(n), shownState(s))
		}
	}
	if a.Checked {
		tile(fmt.Sprint(len(a.Changes)), "to change")
	}
	b.WriteString("</div>\n")
	fmt.Fprintf(b, "<details><summary>How the score is counted, and from what</summary><p>%s</p>", esc(compliance.How))
	for _, s := range a.Sources {
		fmt.Fprintf(b, "<p>%s: %d VRPs and %d ASPAs%s.</p>", esc(s.Name), s.VRPs, s.ASPAs, esc(ofTime(s.Generated)))
	}
	b.WriteString("</details>\n")
}

func ofTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ", of " + stamp(*t)
}

func (a *rpkiAnnex) aspaTable(b *strings.Builder) {
	if len(a.ASPAs) == 0 {
		return
	}
	b.WriteString(`<h2>ASPA</h2><div class="scroll"><table><thead><tr><th>origin</th><th>state</th><th>it names</th><th>configured</th><th>seen</th><th>advice</th></tr></thead><tbody>` + "\n")
	for _, x := range a.ASPAs {
		class := map[string]string{compliance.ASPAStateComplete: "good", compliance.ASPAStateUnknown: ""}
		mark, known := class[x.State]
		if !known {
			mark = "warn"
		}
		names, configured, seen := "no ASPA", "any", ""
		if x.Exists {
			names = asnList(x.Providers)
		}
		if x.Configured != nil {
			configured = asnList(x.Configured)
		}
		if len(x.Seen) > 0 {
			seen = asnList(x.Seen)
		}
		fmt.Fprintf(b, `<tr><td>%s</td><td>%s</td><td class="flow">%s</td><td class="flow">%s</td><td class="flow">%s</td><td class="wide">%s</td></tr>`+"\n",
			x.Customer, chip(mark, strings.ReplaceAll(x.State, "-", " ")), esc(names), esc(configured), esc(seen), esc(strings.Join(x.Advice, "; ")))
	}
	b.WriteString("</tbody></table></div>\n")
}

// SetBasis adds to a report what others can judge by.
func SetBasis(d *Document, basis any) {
	if a, ok := d.Annex.(*rpkiAnnex); ok {
		a.Basis = basis
	}
}

// FailsOn tells which of the things of --fail-on some row has.
func FailsOn(d Document, what []string) (has []string) {
	for _, w := range what {
		if slices.ContainsFunc(d.Rows, func(r Row) bool { x, ok := r.(*RPKI); return ok && x.Has(w) }) {
			has = append(has, w)
		}
	}
	return has
}
