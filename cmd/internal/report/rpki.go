package report

import (
	"fmt"
	"html/template"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rpki/compliance"
)

// RPKI is one prefix with an origin at a site: what the configuration, the VRPs and the announcements say of it.
type RPKI struct {
	Prefix     string     `json:"prefix"`
	Origin     *route.ASN `json:"origin"`
	Site       *string    `json:"site"`
	Announced  bool       `json:"announced"`
	Configured bool       `json:"configured"`
	State      rpki.State `json:"state"`
	VRPs       []string   `json:"vrps"`
	Findings   []string   `json:"findings"`
	Advice     []string   `json:"advice"`

	before *rpki.State // with --what-if
	sites  []string    // of the rows that were put together for people
	row    compliance.Row
	looked bool
	// compared tells that the report has a column for the state before.
	compared bool
}

// RPKISource is where VRPs came from.
type RPKISource struct {
	Name      string     `json:"name"`
	Generated *time.Time `json:"generated"`
	VRPs      int        `json:"vrps"`
	ASPAs     int        `json:"aspas"`
	Skipped   int        `json:"skipped"` // entries that can't be used
}

// RPKIInput is what the report is made of.
type RPKIInput struct {
	compliance.Report
	Sources []RPKISource
	// Looked tells that announcements were looked at, From and To when.
	Looked   bool
	From, To time.Time
	// WhatIf names the planned file, "" for none; then Transitions are what becomes of each row.
	WhatIf      string
	Transitions []compliance.Transition
	// Basis is what a daemon hands on besides, for others to judge by; nil for nothing.
	Basis any
}

// RPKIReport makes the report of how RPKI, configuration and announcements agree.
func RPKIReport(in RPKIInput) Document {
	d := Document{
		Report: "rpki", Title: "RPKI compliance", From: in.From, To: in.To,
		About:   "What the configuration expects, what the RPKI authorises, and what is announced: where they disagree, and what to change.",
		Empty:   "The configuration has no prefixes.",
		Columns: []string{"prefix", "origin", "site", "announced", "configured", "state", "vrps", "findings", "advice"},
		Heads:   []string{"prefix", "origin", "site", "seen", "RPKI", "VRPs", "findings"},
	}
	if in.WhatIf != "" {
		d.Columns = append(d.Columns, "before")
	}
	was := make(map[string]rpki.State)
	for _, t := range in.Transitions {
		was[rowName(t.Prefix, t.Origin, t.Site)] = t.Before
	}
	for _, r := range in.Rows {
		row := &RPKI{
			Prefix: r.Prefix.String(), Origin: r.Origin, Announced: r.Announced, Configured: r.Configured, State: r.State,
			VRPs: texts(r.VRPs), Findings: texts(r.Findings), Advice: append([]string{}, r.Advice...), row: r, looked: in.Looked, compared: in.WhatIf != "",
		}
		if r.Site != "" {
			row.Site = &r.Site
		}
		if state, ok := was[rowName(r.Prefix, r.Origin, r.Site)]; ok {
			row.before = &state
		}
		d.Rows = append(d.Rows, row)
	}
	d.Annex = &rpkiAnnex{in}
	return d
}

func rowName(p netip.Prefix, origin *route.ASN, site string) string {
	return p.String() + " " + originText(origin) + " " + site
}

func originText(asn *route.ASN) string {
	if asn == nil {
		return ""
	}
	return strconv.FormatUint(uint64(*asn), 10)
}

// texts writes each of a list; none at all is an empty list.
func texts[T any](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// Has tells whether a row has one of the things that --fail-on names: invalid, not-found, loose.
func (r *RPKI) Has(what string) bool {
	if what == "loose" {
		return slices.Contains(r.Findings, string(compliance.MaxLengthLoose))
	}
	return r.State.String() == what
}

// Cells gives the columns as text, lists with semicolons between.
func (r *RPKI) Cells() []string {
	out := []string{
		r.Prefix, originText(r.Origin), text(r.Site), strconv.FormatBool(r.Announced), strconv.FormatBool(r.Configured), r.State.String(),
		strings.Join(r.VRPs, "; "), strings.Join(r.Findings, "; "), strings.Join(r.Advice, "; "),
	}
	switch {
	case r.before != nil:
		out = append(out, r.before.String())
	case r.compared: // it stands for a VRP alone, which comes and goes with the file
		out = append(out, "")
	}
	return out
}

// Brief gives the columns for people. What is about the ASPA of an origin stands below the table, once.
func (r *RPKI) Brief() []string {
	var vrps, findings []string
	for _, v := range r.VRPs {
		vrps = append(vrps, shorten(v, widestVRP))
	}
	for _, f := range r.about() {
		findings = append(findings, string(f))
	}
	return []string{r.Prefix, r.who(), r.where(), r.seen(), r.becomes(), firstFew(vrps, 1), firstFew(findings, 2)}
}

// What a line of the table has room for.
const (
	widestVRP   = 34
	widestSites = 24
)

// about gives the findings about the row alone.
func (r *RPKI) about() []compliance.Finding {
	return slices.DeleteFunc(slices.Clone(r.row.Findings), func(f compliance.Finding) bool { return f.AboutASPA() || f == compliance.Planned })
}

func (r *RPKI) who() string {
	if r.Origin == nil {
		return ""
	}
	return r.Origin.String()
}

// where names the sites, as far as there is room.
func (r *RPKI) where() string {
	all := strings.Join(r.sites, ", ")
	if len(all) <= widestSites {
		return all
	}
	for n := len(r.sites) - 1; n > 0; n-- {
		if some := fmt.Sprintf("%s +%d", strings.Join(r.sites[:n], ", "), len(r.sites)-n); len(some) <= widestSites {
			return some
		}
	}
	return fmt.Sprintf("%d sites", len(r.sites))
}

func (r *RPKI) seen() string {
	switch {
	case r.Announced:
		return "yes"
	case slices.Contains(r.row.Findings, compliance.Planned):
		return "planned"
	case !r.looked:
		return ""
	}
	return "no"
}

// becomes gives the state, and where it changes that before it.
func (r *RPKI) becomes() string {
	if r.before != nil && *r.before != r.State {
		return shownState(*r.before) + " → " + shownState(r.State)
	}
	return shownState(r.State)
}

func shownState(s rpki.State) string { return strings.ReplaceAll(s.String(), "-", " ") }

func firstFew(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(list[:most], ", "), len(list)-most)
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most-1] + "…"
}

// Rich gives the columns for a page, with the findings as marks.
func (r *RPKI) Rich() []template.HTML {
	out := []template.HTML{
		code(r.Prefix), template.HTML(esc(r.who())), template.HTML(`<div class="flow">` + esc(strings.Join(r.sites, ", ")) + `</div>`),
		template.HTML(esc(r.seen())), "", "", "",
	}
	if r.before != nil && *r.before != r.State {
		out[4] = chip(stateClass(*r.before), shownState(*r.before)) + " → "
	}
	out[4] += chip(stateClass(r.State), shownState(r.State))
	for _, v := range r.VRPs {
		out[5] += "<div>" + code(v) + "</div>"
	}
	for _, f := range r.about() {
		out[6] += chip(findingClass(f), string(f))
	}
	out[6] = `<div class="flow">` + out[6] + `</div>`
	return out
}

// Figure draws nothing: a page shows it all in columns.
func (r *RPKI) Figure() template.HTML { return "" }

func code(s string) template.HTML { return template.HTML("<code>" + esc(s) + "</code>") } //nolint:gosec // escaped

func chip(class, says string) template.HTML {
	return template.HTML(`<span class="chip ` + class + `">` + esc(says) + `</span>`) //nolint:gosec // escaped
}

func stateClass(s rpki.State) string {
	return [...]string{"", "warn", "good", "bad"}[min(s, rpki.Invalid)]
}

func findingClass(f compliance.Finding) string {
	switch {
	case f == compliance.Planned:
		return ""
	case f.Rank() <= compliance.PlannedNotConfigured.Rank():
		return "bad"
	}
	return "warn"
}
