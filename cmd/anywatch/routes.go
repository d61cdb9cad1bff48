package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

func routesCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:                   "routes [PREFIX] [--url URL] [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "Every path that a running daemon sees now, by site and vantage, and what is wrong with it",
		Long: `Ask a running daemon which paths it sees now: of PREFIX, of what covers it and of its parts, or of all that it watches. PREFIX may be an address.

Each path has its site, its vantage, since when it is shown as it is, its RPKI state, and its verdicts: what is wrong with it, and the id of the open
incident that it is evidence for, or "unconfirmed" while that takes more evidence than there is. A stale path is one of a lost session: whether it
still stands is unknown. --format json is the daemon's page /api/v1/routes as it is, vantages included.`,
		Example: `  anywatch routes 192.0.2.0/24
  anywatch routes 192.0.2.1 --format csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%q is too much: routes takes one PREFIX, or none", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			prefix := ""
			if len(args) > 0 {
				p, err := prefixOf(args[0])
				if err != nil {
					return err
				}
				prefix = p.String()
			}
			got, raw, err := app.AskRoutes(cmd.Context(), f.url, prefix)
			if err != nil {
				return err
			}
			return writeRoutes(cmd.OutOrStdout(), f.format, got, raw)
		},
	}
	f.add(cmd, "table", "json", "csv")
	return cmd
}

func writeRoutes(out io.Writer, format string, got app.Routes, raw []byte) error {
	if format == "json" {
		_, err := fmt.Fprintf(out, "%s\n", bytes.TrimSpace(raw))
		return err
	}
	slices.SortStableFunc(got.Routes, func(a, b app.Route) int {
		return cmp.Or(a.Prefix.Compare(b.Prefix), bySite(a, b), cmp.Compare(a.Vantage, b.Vantage), cmp.Compare(a.PathID, b.PathID))
	})
	if format == "csv" {
		return routesCSV(out, got.Routes)
	}
	if len(got.Routes) == 0 {
		_, err := fmt.Fprintln(out, "No vantage shows a path.")
		return err
	}
	rows := [][]string{{"PREFIX", "SITE", "VANTAGE", "PATH", "NEXT HOP", "RPKI", "SINCE", "VERDICT"}}
	for _, r := range got.Routes {
		rows = append(rows, []string{r.Prefix.String(), deref(r.Site), r.Vantage, pathText(r), hopText(r), rpkiText(r), sinceText(got.Time, r), verdictText(r)})
	}
	return columns(out, rows...)
}

// bySite orders by site, and puts those of no site last.
func bySite(a, b app.Route) int {
	if (a.Site == nil) != (b.Site == nil) {
		if a.Site == nil {
			return 1
		}
		return -1
	}
	return cmp.Compare(deref(a.Site), deref(b.Site))
}

// pathText writes the path; an empty one is that of our own AS.
func pathText(r app.Route) string {
	if r.ASPath == "" {
		return "(" + r.LocalAS.String() + ")"
	}
	return r.ASPath
}

func hopText(r app.Route) string {
	if r.NextHop == nil {
		return ""
	}
	return r.NextHop.String()
}

func rpkiText(r app.Route) string {
	if reason := deref(r.RPKI.Reason); reason != "" {
		return r.RPKI.State + " (" + reason + ")"
	}
	return r.RPKI.State
}

func sinceText(now time.Time, r app.Route) string {
	text := ago(now, &r.Since)
	if r.Stale {
		text += " stale"
	}
	return text
}

// verdictText tells what is wrong, and the incident that the route is evidence for.
func verdictText(r app.Route) string {
	texts := make([]string, len(r.Verdicts))
	for i, v := range r.Verdicts {
		id := "unconfirmed"
		if v.Incident != nil {
			id = *v.Incident
		}
		texts[i] = fmt.Sprintf("%s %s (%s)", v.Severity, v.Kind, id)
	}
	return strings.Join(texts, ", ")
}

func routesCSV(out io.Writer, list []app.Route) error {
	w := csv.NewWriter(out)
	rows := [][]string{{"prefix", "site", "vantage", "scope", "path_id", "as_path", "next_hop", "rpki", "rpki_reason", "since", "stale", "verdicts", "incidents"}}
	for _, r := range list {
		var kinds, ids []string
		for _, v := range r.Verdicts {
			kinds, ids = append(kinds, string(v.Kind)), append(ids, deref(v.Incident))
		}
		rows = append(rows, []string{
			r.Prefix.String(), deref(r.Site), r.Vantage, r.Scope, fmt.Sprint(r.PathID), r.ASPath, hopText(r), r.RPKI.State, deref(r.RPKI.Reason),
			r.Since.UTC().Format(time.RFC3339), fmt.Sprint(r.Stale), strings.Join(kinds, " "), strings.TrimSpace(strings.Join(ids, " ")),
		})
	}
	return w.WriteAll(rows)
}
