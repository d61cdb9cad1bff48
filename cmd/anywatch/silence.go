package main

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
)

// spell is when an order holds.
type spell struct {
	length time.Duration
	from   string
}

func (s *spell) add(cmd *cobra.Command, usual time.Duration) {
	cmd.Flags().DurationVar(&s.length, "for", usual, "how long it holds, as 2h or 90m")
	cmd.Flags().StringVar(&s.from, "from", "", "the `TIME` when it begins, as 2026-12-01T22:00:00Z; now if not given")
}

// bounds gives the beginning and the end.
func (s *spell) bounds(now time.Time) (from, to time.Time, err error) {
	from = now
	if s.from != "" {
		if from, err = time.Parse(time.RFC3339, s.from); err != nil {
			return from, to, fmt.Errorf("--from %q: a time is written as 2026-12-01T22:00:00Z", s.from)
		}
	}
	if s.length <= 0 {
		return from, to, fmt.Errorf("--for %s: it must be longer than nothing", s.length)
	}
	return from, from.Add(s.length), nil
}

func silenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Mute incidents for a time: they open and resolve as ever, and nobody is told",
		Long: `silence mutes incidents in a running daemon for a time. They open and resolve as ever and stand in the history; sinks for people and programs
are not told, records (file, syslog) are. What is still open when the silence ends is told then.`,
		Example: `  anywatch silence add --prefix 192.0.2.0/24 --kind flapping --for 2h --reason "upstream works on it"
  anywatch silence list
  anywatch silence end 3`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(silenceAddCommand(), silenceListCommand(), endCommand("silence", app.EndSilence))
	return cmd
}

func silenceAddCommand() *cobra.Command {
	var f askFlags
	var s app.Silence
	var when spell
	var labels []string
	cmd := &cobra.Command{
		Use:                   "add [--incident ID] [--kind K]… [--prefix P]… [--site S]… [--offender AS] [--label N=V]… [--below SEVERITY] --reason TEXT [--for DUR] [--from TIME]",
		DisableFlagsInUseLine: true,
		Short:                 "Mute what all of the given conditions fit; of several kinds, prefixes or sites one is enough",
		Args:                  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if s.From, s.To, err = when.bounds(time.Now()); err != nil {
				return err
			}
			for _, l := range labels {
				name, value, ok := strings.Cut(l, "=")
				if !ok || name == "" {
					return fmt.Errorf("--label %q: write it as name=value", l)
				}
				if s.Labels == nil {
					s.Labels = make(map[string]string)
				}
				s.Labels[name] = value
			}
			made, err := app.AddSilence(cmd.Context(), f.url, s)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "silence %d until %s: %s\n", made.ID, made.To.Format(time.RFC3339), muted(made))
			return err
		},
	}
	f.add(cmd)
	when.add(cmd, 2*time.Hour)
	authorFlag(cmd, &s.Author)
	flags := cmd.Flags()
	flags.StringVar(&s.Reason, "reason", "", "why, for those who wonder")
	flags.StringVar(&s.Incident, "incident", "", "the incident of this `ID`")
	flags.StringArrayVar(&s.Kinds, "kind", nil, "incidents of this `KIND`")
	flags.StringArrayVar(&s.Prefixes, "prefix", nil, "incidents about this `PREFIX` or what lies inside it")
	flags.StringArrayVar(&s.Sites, "site", nil, "incidents at this `SITE`")
	flags.StringVar(&s.Offender, "offender", "", "incidents by this `AS`")
	flags.StringVar(&s.Below, "below", "", "only what is less severe than this `SEVERITY`: warning or critical")
	flags.StringArrayVar(&labels, "label", nil, "incidents with this label, `NAME=VALUE`")
	return cmd
}

// muted says in words what a silence mutes.
func muted(s app.Silence) string {
	var parts []string
	add := func(what string, values ...string) {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			parts = append(parts, what+" "+strings.Join(values, " or "))
		}
	}
	add("incident", s.Incident)
	add("kind", slices.Clone(s.Kinds)...)
	add("prefix", slices.Clone(s.Prefixes)...)
	add("site", slices.Clone(s.Sites)...)
	add("by", s.Offender)
	add("below", s.Below)
	var labels []string
	for name, value := range s.Labels {
		labels = append(labels, name+"="+value)
	}
	slices.Sort(labels)
	add("label", labels...)
	return strings.Join(parts, ", ")
}

func silenceListCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use: "list", DisableFlagsInUseLine: true, Short: "The silences that are in force, or will be", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := app.AskSilences(cmd.Context(), f.url)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			if len(list) == 0 {
				fmt.Fprintln(out, "Nothing is silenced.")
				return out.Flush()
			}
			rows := [][]string{{"ID", "FROM", "UNTIL", "AUTHOR", "MUTES", "REASON"}}
			for _, s := range list {
				rows = append(rows, []string{fmt.Sprint(s.ID), s.From.Format(time.RFC3339), s.To.Format(time.RFC3339), s.Author, muted(s), s.Reason})
			}
			return errors.Join(columns(out, rows...), out.Flush())
		},
	}
	f.add(cmd)
	return cmd
}
