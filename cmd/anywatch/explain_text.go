package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

// write puts an explanation out, and what a daemon says beside it.
func (f *explainFlags) write(cmd *cobra.Command, own, asked *app.Explanation) error {
	out := cmd.OutOrStdout()
	if f.format == "json" {
		return writeExplanation(out, own, asked)
	}
	var b strings.Builder
	if own.State != nil {
		fmt.Fprintf(&b, "configuration: %s\nVRPs:          %s\nstate:         %s\n\n", own.Configuration, own.VRPs, *own.State)
	}
	for i := range own.Routes {
		explainRoute(&b, own, &own.Routes[i])
	}
	if len(own.Routes) == 0 {
		fmt.Fprintf(&b, "the daemon holds no announcement of %s, of what covers it, or of its parts\n", own.Prefix)
	}
	if !own.Hypothetical {
		explainConditions(&b, own)
	}
	if asked != nil {
		b.WriteString(disagreement(own, asked))
	}
	_, err := io.WriteString(out, printable(b.String()))
	return err
}

// printable leaves the ends of lines, and takes out what could command the terminal.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

func writeExplanation(out io.Writer, own, asked *app.Explanation) error {
	own.Basis = nil // it is for the command, not for who reads
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if asked == nil {
		return e.Encode(own)
	}
	asked.Basis = nil
	return e.Encode(struct {
		*app.Explanation
		Daemon *app.Explanation `json:"daemon"`
	}{own, asked})
}

const column = "                      " // where the words of a kind begin

// explainRoute tells of one announcement: what it is, what would open, and what would not.
func explainRoute(b *strings.Builder, e *app.Explanation, r *app.ExplainedCase) {
	fmt.Fprintf(b, "%s, path %q", r.Prefix, r.ASPath)
	if len(r.Communities) > 0 {
		fmt.Fprintf(b, ", communities %s", strings.Join(r.Communities, " "))
	}
	if r.Role != nil && e.Hypothetical {
		fmt.Fprintf(b, ", from a %s", *r.Role)
	}
	if !e.Hypothetical {
		fmt.Fprintf(b, "\nheld by %s", vantagesText(r))
	}
	fmt.Fprintf(b, "\n%s\n", r.RPKISays)
	if r.SiteSays != nil {
		fmt.Fprintf(b, "site: %s, %s\n", orNone(r.Site), *r.SiteSays)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "note: %s\n", note)
	}
	if e.Hypothetical {
		b.WriteString("\nIncidents that would open:\n")
	} else {
		b.WriteString("\nIncidents that it is evidence for:\n")
	}
	for _, i := range r.Incidents {
		explainIncident(b, i)
	}
	if len(r.Incidents) == 0 {
		b.WriteString("  none\n")
	}
	b.WriteString("Others:\n")
	for _, o := range r.Others {
		fmt.Fprintf(b, "  %-19s no: %s\n", o.Kind, o.Not)
	}
	if e.Hypothetical {
		explainConditions(b, e)
		return
	}
	b.WriteString("\n")
}

func orNone(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

// namedVantages are how many are named; the others are counted.
const namedVantages = 3

func vantagesText(r *app.ExplainedCase) string {
	n := min(len(r.Vantages), namedVantages)
	text := fmt.Sprintf("%s, %s", plural(len(r.Vantages), r.Scope+" vantage", r.Scope+" vantages"), strings.Join(r.Vantages[:n], ", "))
	if len(r.Vantages) > n {
		text += ", … (the path is of the first)"
	} else if n > 1 {
		text += " (the path is of the first)"
	}
	if r.Stale {
		text += "; its session was lost, and whether it still stands is unknown"
	}
	return text
}

func explainIncident(b *strings.Builder, i app.ExplainedOf) {
	fmt.Fprintf(b, "  %-19s %s: %s\n", i.Kind, i.Severity, i.Summary)
	for _, why := range i.Why {
		fmt.Fprintf(b, "%sbecause %s\n", column, why)
	}
	opens := i.Opens
	if i.Incident != nil {
		opens += ", as " + *i.Incident
	}
	fmt.Fprintf(b, "%s%s\n", column, opens)
	for _, a := range i.Actions {
		fmt.Fprintf(b, "%s→ %s\n", column, a)
	}
	for _, s := range i.Sinks {
		if s.Told {
			fmt.Fprintf(b, "%stold to %s (%s)\n", column, s.Sink, s.Type)
		} else {
			fmt.Fprintf(b, "%snot told to %s (%s): %s\n", column, s.Sink, s.Type, orNone(s.Why))
		}
	}
	if len(i.Sinks) == 0 {
		fmt.Fprintf(b, "%stold to nobody: no sinks are configured\n", column)
	}
}

// explainConditions tells of the kinds that no single announcement shows: those that are open by name, the others in one line for each reason.
func explainConditions(b *strings.Builder, e *app.Explanation) {
	var kinds []string
	for _, c := range e.Conditions {
		if c.Incident != nil {
			fmt.Fprintf(b, "  %-19s is open, as %s\n", c.Kind, *c.Incident)
			continue
		}
		if e.Hypothetical {
			fmt.Fprintf(b, "  %-19s %s\n", c.Kind, c.Not)
			continue
		}
		kinds = append(kinds, string(c.Kind))
	}
	if len(kinds) > 0 {
		fmt.Fprintf(b, "Not judged from single announcements, and not open about this: %s\n", strings.Join(kinds, ", "))
	}
}

// disagreement says whether the daemon, by the configuration in force there, finds the same.
func disagreement(own, asked *app.Explanation) string {
	if len(own.Routes) == 0 || len(asked.Routes) == 0 {
		return ""
	}
	kinds := func(r app.ExplainedCase) (names []string) {
		for _, i := range r.Incidents {
			names = append(names, fmt.Sprintf("%s (%s)", i.Kind, i.Severity))
		}
		return names
	}
	mine, theirs := kinds(own.Routes[0]), kinds(asked.Routes[0])
	if slices.Equal(mine, theirs) {
		return "\nThe daemon, by the configuration in force there, finds the same.\n"
	}
	if len(theirs) == 0 {
		return "\nThe daemon, by the configuration in force there, finds nothing.\n"
	}
	return fmt.Sprintf("\nThe daemon, by the configuration in force there, finds %s.\n", strings.Join(theirs, ", "))
}
