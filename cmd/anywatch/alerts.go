package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/alerts"
	"anywatch/cmd/internal/app"
	"anywatch/cmd/internal/config"
	"anywatch/detector"
)

func alertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "alerts test",
		DisableFlagsInUseLine: true,
		Short:                 "Try the sinks: does an alert arrive?",
		Args:                  knownCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(alertsTestCommand())
	return cmd
}

func alertsTestCommand() *cobra.Command {
	var file, sink string
	var kinds []string
	cmd := &cobra.Command{
		Use:                   "test -c FILE [--sink NAME] [--kind KIND]…",
		DisableFlagsInUseLine: true,
		Short:                 "Send one example of every kind through every sink, marked as a test",
		Long: `Send an example of every kind of incident, opened and resolved, through each sink of the configuration exactly as the daemon would: with its secrets,
its templates and its encryption. Every example begins with TEST and says that nothing is wrong. What a sink wants to hear of (severity, kinds, prefixes, sites,
labels) is not asked here. People whom a sink calls are called: tell them before.

The exit status is 2 when something did not arrive; why, and what to do, is said for each sink.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, file)
			if err != nil {
				return err
			}
			test := app.SinkTest{Config: cfg, Sink: sink, Clock: alerts.SystemClock{}}
			if test.Kinds, err = kindsOf(cfg, kinds); err != nil {
				return err
			}
			trials, err := test.Run(cmd.Context())
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			return writeTrials(cmd.OutOrStdout(), trials)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&sink, "sink", "", "only the sink of this `NAME`")
	cmd.Flags().StringArrayVar(&kinds, "kind", nil, "only an example of this `KIND`; may be repeated; rule:NAME is one of a rule")
	return cmd
}

// kindsOf reads the kinds to send; none are all that there are, with one for each rule of the operator.
func kindsOf(c *config.Config, texts []string) ([]detector.Kind, error) {
	if err := knownKinds(texts); err != nil {
		return nil, err
	}
	var out []detector.Kind
	for _, text := range texts {
		out = append(out, detector.Kind(text))
	}
	if len(out) > 0 {
		return out, nil
	}
	out = detector.Kinds()
	for _, r := range c.Rules {
		out = append(out, detector.RuleKind(r.Name))
	}
	return out, nil
}

// writeTrials writes a row for each sink and kind. The error tells of each sink what did not arrive, and why.
func writeTrials(out io.Writer, trials []app.Trial) error {
	rows := [][]string{{"SINK", "TYPE", "KIND", "OPENED", "RESOLVED"}}
	missed := 0
	for _, t := range trials {
		rows = append(rows, []string{t.Sink, t.Type, string(t.Kind), string(t.Opened), string(t.Resolved)})
		if !t.Delivered() {
			missed++
		}
	}
	if err := columns(out, rows...); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d of %s arrived, each opened and resolved. Severity, kinds, prefixes, sites and labels of the sinks were not asked: these decide what the daemon tells.\n",
		len(trials)-missed, plural(len(trials), "example", "examples"))
	if missed == 0 {
		return nil
	}
	return fmt.Errorf("%s did not arrive:\n%s", plural(missed, "example", "examples"), strings.Join(reasons(trials), "\n"))
}

// reasons gives a line for each sink and reason.
func reasons(trials []app.Trial) []string {
	var lines []string
	untried := map[string]int{}
	for n, t := range trials {
		if errors.Is(t.Err, app.ErrNotTried) {
			untried[t.Sink]++
		} else if t.Err != nil {
			lines = append(lines, fmt.Sprintf("  %s, %s: %s", plain(t.Sink), t.Kind, plain(t.Err.Error())))
		}
		if more := untried[t.Sink]; more > 0 && (n == len(trials)-1 || trials[n+1].Sink != t.Sink) {
			lines = append(lines, fmt.Sprintf("  %s: %s not tried, because these did not arrive", plain(t.Sink), plural(more, "more was", "more were")))
		}
	}
	return lines
}
