package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/detector"
)

func incidentsCommand() *cobra.Command {
	var f askFlags
	var q app.IncidentQuery
	cmd := &cobra.Command{
		Use:                   "incidents [--state open|resolved|all] [--since DUR] [--kind K]… [--severity S] [--prefix P] [--site S]… [--text T] [--limit N] [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "Which incidents are open in a running daemon, or were",
		Long: `Ask a running daemon for the incidents that are open, the worst first; or with --state for those that are resolved, or all, the newest first,
from its history.

--format jsonl prints one incident a line, as the file sink has it under "incident".`,
		Example: `  anywatch incidents
  anywatch incidents --kind origin-hijack --kind subprefix-hijack --format jsonl | jq .summary`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.check(), knownKinds(q.Kinds)); err != nil {
				return err
			}
			list, now, err := app.AskIncidents(cmd.Context(), f.url, q)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if f.format == "jsonl" {
				for _, i := range list {
					fmt.Fprintf(out, "%s\n", i.Line)
				}
				return out.Flush()
			}
			if len(list) == 0 {
				fmt.Fprintln(out, q.None())
				return out.Flush()
			}
			if q.State == "open" {
				slices.SortStableFunc(list, func(a, b app.OpenIncident) int {
					return cmp.Or(cmp.Compare(b.Severity, a.Severity), b.Opened.Compare(a.Opened))
				})
			}
			rows := [][]string{{"ID", "STATE", "SEVERITY", "KIND", "SITE", "SINCE", "SEEN BY", "ACK", "WHAT"}}
			for _, i := range list {
				rows = append(rows, []string{i.ID, i.State, i.Severity.String(), string(i.Kind), deref(i.Site), ago(now, &i.Started), seenBy(i), deref(i.Acknowledged), i.Summary})
			}
			return errors.Join(columns(out, rows...), out.Flush())
		},
	}
	f.add(cmd, "table", "jsonl")
	flags := cmd.Flags()
	flags.Bool("open", true, "those that are open")
	_ = flags.MarkHidden("open") // what the usual --state says
	flags.StringVar(&q.State, "state", "open", "`STATE`: open, resolved or all")
	flags.DurationVar(&q.Since, "since", 0, "only those that were open within this time, as 24h")
	flags.StringArrayVar(&q.Kinds, "kind", nil, "only incidents of this `KIND`; may be repeated")
	flags.StringVar(&q.Severity, "severity", "", "only incidents of this `SEVERITY` and above")
	flags.StringVar(&q.Prefix, "prefix", "", "only incidents about this `PREFIX`, what covers it, or a part of it")
	flags.StringArrayVar(&q.Sites, "site", nil, "only incidents at this `SITE`; may be repeated")
	flags.StringVar(&q.Text, "text", "", "only incidents whose summary has this `TEXT`")
	flags.IntVar(&q.Limit, "limit", 100, "at most `N` from the history")
	cmd.AddCommand(incidentDeeds()...)
	return cmd
}

// seenBy counts the vantages of an incident that is about what they see.
func seenBy(i app.OpenIncident) string {
	if i.Vantages.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", i.Vantages.Seeing, i.Vantages.Of)
}

// knownKinds refuses a kind that there is not: nothing would ever be found of it. Rules of the operator have names of their own.
func knownKinds(kinds []string) error {
	var names []string
	for _, k := range detector.Kinds() {
		names = append(names, string(k))
	}
	slices.Sort(names)
	for _, k := range kinds {
		if !slices.Contains(names, k) && !strings.HasPrefix(k, "rule:") {
			return fmt.Errorf("--kind %q: it is one of %s", k, strings.Join(names, ", "))
		}
	}
	return nil
}
