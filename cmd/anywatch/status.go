package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

func statusCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:                   "status [--url URL] [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "How a running daemon stands: feeds, sites, open incidents, VRPs",
		Long: `Ask a running daemon how it stands: is it ready, and if not why; which feeds are up, and since when; which site announces which prefix, and how
many vantages outside see it; how many incidents are open; how old the VRPs are; how much waits to be looked at.

The exit status is 0 when the daemon answered, whatever it said.`,
		Example: `  anywatch status --url http://127.0.0.1:8480
  anywatch status --format json | jq '.prefixes[] | select(.seeing < .of)'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			s, err := app.AskStatus(cmd.Context(), f.url, "", "")
			if err != nil {
				return err
			}
			if f.format == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
			}
			return writeStatus(cmd.OutOrStdout(), f.url, s)
		},
	}
	f.add(cmd, "table", "json")
	return cmd
}

// writeStatus shows it on one screen.
func writeStatus(out io.Writer, url string, s app.Status) error {
	fmt.Fprintf(out, "anywatch %s, up %s: %s\n", plain(s.Version), ago(s.Time, &s.Started), plain(readiness(s)))
	head := [][]string{
		{"  incidents", openIncidents(s.Incidents)},
		{"  vantages", fmt.Sprintf("%d known, %d synchronised, %d of these external", s.Vantages.Known, s.Vantages.Synchronised, s.Vantages.External)},
		{"  rpki", vrps(s)},
		{"  routes", fmt.Sprintf("%d watched", s.Routes)},
		{"  queue", fmt.Sprintf("%d of %d", s.Queue.Depth, s.Queue.Size)},
	}
	for _, src := range s.Sources {
		head = append(head, []string{"  " + src.Name, sourceLine(s.Time, src)})
	}
	if err := columns(out, head...); err != nil {
		return err
	}
	if len(s.Feeds) > 0 {
		fmt.Fprintln(out)
		if err := columns(out, feedRows(s)...); err != nil {
			return err
		}
	}
	if len(s.RPKI.Sources) > 0 {
		fmt.Fprintln(out)
		if err := columns(out, vrpRows(s)...); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	if err := writeMatrix(out, s); err != nil || len(s.Health) == 0 {
		return err
	}
	fmt.Fprintln(out)
	rows := [][]string{{"SITE", "HEALTH", "SINCE", "CHECK", "REASON"}}
	for _, h := range s.Health {
		rows = append(rows, []string{h.Site, h.State, ago(s.Time, h.Since), h.Check, deref(h.Reason)})
	}
	return columns(out, rows...)
}

func readiness(s app.Status) string {
	if s.Ready {
		return "ready"
	}
	return "not ready: " + s.ReadyText
}

func openIncidents(n app.IncidentCount) string {
	if n == (app.IncidentCount{}) {
		return "none open"
	}
	return fmt.Sprintf("%d critical, %d warning, %d info", n.Critical, n.Warning, n.Info)
}

func vrps(s app.Status) string {
	switch {
	case !s.RPKI.Configured && s.RPKI.VRPs == 0:
		return "no source of VRPs: origins are not checked"
	case s.RPKI.VRPs == 0:
		return "no VRPs yet: origins are not checked"
	}
	text := plural(s.RPKI.VRPs, "VRP", "VRPs")
	if age := ago(s.Time, s.RPKI.Generated); age != "" {
		text += ", " + age + " old"
	}
	if s.RPKI.TooOld {
		text += ", too old to accuse anyone"
	}
	for _, d := range s.RPKI.Drops {
		text += fmt.Sprintf("; %s of %s fell from %d to %d and is doubted", cmp.Or(d.Anchor, "the set"), d.Source, d.Was, d.Is)
	}
	return text
}

// vrpRows tells of each source of VRPs.
func vrpRows(s app.Status) [][]string {
	rows := [][]string{{"VRPS FROM", "STATE", "SINCE", "AGE", "VRPS", "ASPAS", "NOTE"}}
	for _, x := range s.RPKI.Sources {
		rows = append(rows, []string{x.Name, x.State, ago(s.Time, &x.Since), ago(s.Time, x.Updated), fmt.Sprint(x.VRPs), fmt.Sprint(x.ASPAs), vrpNote(s.Time, x)})
	}
	return rows
}

// vrpNote says what else is to say of a source of VRPs.
func vrpNote(now time.Time, x app.VRPSource) string {
	var notes []string
	if x.InUse {
		notes = append(notes, "in use")
	}
	if x.TooOld {
		notes = append(notes, "too old")
	}
	if d := x.Differs; d != nil {
		notes = append(notes, fmt.Sprintf("for %s %d missing and %d extra against %s", ago(now, &d.Since), d.Missing, d.Extra, d.From))
	}
	if x.Reason != nil {
		notes = append(notes, *x.Reason)
	}
	return strings.Join(notes, "; ")
}

func sourceLine(now time.Time, s app.SourceStatus) string {
	text := plural(int(max(s.Sessions, 0)), "session", "sessions")
	if s.LastMessage == nil {
		return text + ", no message yet"
	}
	text += ", last message " + ago(now, s.LastMessage) + " ago"
	if s.Lag != nil {
		text += fmt.Sprintf(", %.1f s under way", *s.Lag)
	}
	return text
}

func feedRows(s app.Status) [][]string {
	rows := [][]string{{"FEED", "STATE", "SINCE", "VANTAGES", "REASON"}}
	for _, f := range s.Feeds {
		vantages := ""
		if f.Vantages != nil {
			vantages = fmt.Sprint(*f.Vantages)
		}
		rows = append(rows, []string{f.Name, f.State, ago(s.Time, f.Since), vantages, deref(f.Reason)})
	}
	return rows
}

const (
	widestMatrix  = 6  // sites that have a column each; more of them are told in words
	longestMatrix = 30 // prefixes that fit on a screen; of more, those come first at which something is wrong
)

// writeMatrix shows which site announces what.
func writeMatrix(out io.Writer, s app.Status) error {
	sites := siteNames(s.Prefixes)
	list, calm := s.Prefixes, 0
	if len(list) > longestMatrix {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b app.PrefixStatus) int { return trouble(b) - trouble(a) })
		for _, p := range list[longestMatrix:] {
			if trouble(p) == 0 {
				calm++
			}
		}
		list = list[:longestMatrix]
	}
	head := append([]string{"PREFIX"}, sites...)
	if len(sites) > widestMatrix {
		head = []string{"PREFIX", "SITES"}
	}
	rows := [][]string{append(head, "SEEN OUTSIDE")}
	for _, p := range list {
		rows = append(rows, prefixRow(s.Time, p, sites))
	}
	if err := columns(out, rows...); err != nil {
		return err
	}
	if left := len(s.Prefixes) - len(list); left > 0 {
		fmt.Fprintf(out, "and %d more, %d of them announced at each of their sites; --format json has all\n", left, calm)
	}
	return nil
}

// siteNames gives all sites, in the order in which the prefixes name them.
func siteNames(list []app.PrefixStatus) (names []string) {
	for _, p := range list {
		for _, x := range p.Sites {
			if !slices.Contains(names, x.Site) {
				names = append(names, x.Site)
			}
		}
	}
	return names
}

// trouble ranks a prefix by the worst that is known of its sites: 0 when all announce it.
func trouble(p app.PrefixStatus) (worst int) {
	for _, x := range p.Sites {
		worst = max(worst, slices.Index([]string{"announced", "unknown", "draining", "missing"}, x.State))
	}
	return worst
}

func prefixRow(now time.Time, p app.PrefixStatus, sites []string) []string {
	row := []string{label(p)}
	if len(sites) > widestMatrix {
		row = append(row, inWords(now, p))
	} else {
		for _, name := range sites {
			i := slices.IndexFunc(p.Sites, func(x app.SiteStatus) bool { return x.Site == name })
			if i < 0 {
				row = append(row, "")
				continue
			}
			row = append(row, stateText(now, p.Sites[i]))
		}
	}
	return append(row, outside(p))
}

// stateText is a cell of the matrix: announced 3h5m.
func stateText(now time.Time, x app.SiteStatus) string {
	text := x.State
	if x.Hidden && x.State == "missing" {
		text = "hidden" // nobody is served by it, but it may announce still
	}
	if since := ago(now, x.Since); since != "" {
		text += " " + since
	}
	return text
}

// inWords tells of many sites which of them do not announce.
func inWords(now time.Time, p app.PrefixStatus) string {
	announced := 0
	var others []string
	for _, x := range p.Sites {
		if x.State == "announced" {
			announced++
			continue
		}
		others = append(others, x.Site+" "+stateText(now, x))
	}
	if len(p.Sites) == 0 {
		return ""
	}
	text := fmt.Sprintf("%d of %d announce it", announced, len(p.Sites))
	const most = 4
	if len(others) > most {
		others = append(others[:most], fmt.Sprintf("%d more", len(others)-most))
	}
	return strings.Join(append([]string{text}, others...), "; ")
}

// outside tells how many external vantages see the prefix.
func outside(p app.PrefixStatus) string {
	if p.Of == 0 {
		return "nobody to ask"
	}
	text := fmt.Sprintf("%d of %d", p.Seeing, p.Of)
	if p.Announced == "never" {
		text += " (never announced)"
	}
	return text
}

// label is how people know the prefix.
func label(p app.PrefixStatus) string {
	if name := deref(p.Name); name != "" {
		return p.Prefix.String() + " (" + name + ")"
	}
	return p.Prefix.String()
}
