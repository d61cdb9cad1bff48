package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

func showCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:                   "show ID [--format F]",
		DisableFlagsInUseLine: true,
		Short:                 "All that is kept of an incident: what it is, every change, who said what, who was told",
		Args:                  oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			h, raw, err := app.AskIncident(cmd.Context(), f.url, args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if f.format == "json" {
				fmt.Fprintf(out, "%s", raw)
				return out.Flush()
			}
			return errors.Join(showIncident(out, h), out.Flush())
		},
	}
	f.add(cmd, "text", "json")
	return cmd
}

// showIncident writes an incident for people.
func showIncident(out io.Writer, h app.IncidentHistory) error {
	i := &h.Incident
	fmt.Fprintf(out, "%s  %s  %s  %s  %s\n%s\n", i.ID, i.State, i.Severity, i.Kind, plain(i.Matter()), plain(i.Summary))
	list := func(title string, items []string) {
		for n, item := range items {
			if n == 0 {
				fmt.Fprintf(out, "\n%s\n", title)
			}
			fmt.Fprintf(out, "  %s\n", plain(item))
		}
	}
	list("Why", i.Why)
	list("What to do", i.Actions)
	var life []string
	for _, c := range h.Changes {
		text := fmt.Sprintf("%s  %-8s %s", c.Time.UTC().Format(time.RFC3339), c.Event, c.Severity)
		if len(c.Changed) > 0 {
			text += "  " + strings.Join(c.Changed, "; ")
		}
		life = append(life, text)
	}
	list("Changes", life)
	var notes []string
	for _, n := range h.Notes {
		notes = append(notes, strings.TrimSpace(fmt.Sprintf("%s  %s %s  %s", n.Time.Format(time.RFC3339), n.What, "by "+n.Author, n.Text)))
	}
	list("People", notes)
	rows := [][]string{{"  SINK", "STATE", "DUE", "DONE", "ATTEMPTS", "ERROR"}}
	for _, n := range h.Notifications {
		done := ""
		if n.Done != nil {
			done = n.Done.Format(time.RFC3339)
		}
		rows = append(rows, []string{"  " + n.Sink, n.State, n.Due.Format(time.RFC3339), done, fmt.Sprint(n.Attempts), deref(n.Error)})
	}
	if len(rows) == 1 {
		return nil
	}
	fmt.Fprintln(out, "\nNotifications")
	return columns(out, rows...)
}
