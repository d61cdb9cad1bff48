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
	var kinds []string
	var open bool
	cmd := &cobra.Command{
		Use:                   "incidents [--url URL] [--open] [--kind K]… [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "Which incidents are open in a running daemon",
		Long: `Ask a running daemon for the incidents that are open, the worst first. Those that are resolved are not kept by this version: --open is what it
does anyway, and scripts that say so will go on to work when there is a history.

--format jsonl prints one incident a line, as the file sink has it under "incident".`,
		Example: `  anywatch incidents
  anywatch incidents --kind origin-hijack --kind subprefix-hijack --format jsonl | jq .summary`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.check(), knownKinds(kinds)); err != nil {
				return err
			}
			list, now, err := app.AskIncidents(cmd.Context(), f.url, kinds)
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
				fmt.Fprintln(out, "No incident is open.")
				return out.Flush()
			}
			slices.SortStableFunc(list, func(a, b app.OpenIncident) int {
				return cmp.Or(cmp.Compare(b.Severity, a.Severity), b.Opened.Compare(a.Opened))
			})
			rows := [][]string{{"ID", "SEVERITY", "KIND", "SITE", "SINCE", "SEEN BY", "WHAT"}}
			for _, i := range list {
				rows = append(rows, []string{i.ID, i.Severity.String(), string(i.Kind), deref(i.Site), ago(now, &i.Started), seenBy(i), i.Summary})
			}
			return errors.Join(columns(out, rows...), out.Flush())
		},
	}
	f.add(cmd, "table", "jsonl")
	cmd.Flags().BoolVar(&open, "open", false, "only those that are open; this version keeps no others")
	cmd.Flags().StringArrayVar(&kinds, "kind", nil, "only incidents of this `KIND`; may be repeated")
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
