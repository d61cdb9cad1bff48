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
	"anywatch/cmd/internal/report"
	"anywatch/detector"
)

// reportFlags are what the command line says.
type reportFlags struct {
	config, url, format string
	since               time.Duration
}

func reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "report flaps",
		DisableFlagsInUseLine: true,
		Short:                 "What happened by day: which routes would have been damped",
		Args:                  knownCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(flapsCommand())
	return cmd
}

func flapsCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:                   "flaps [-c FILE] [--since DUR] [--format F] INPUT… | --url URL",
		DisableFlagsInUseLine: true,
		Short:                 "Which routes flapped, and whose parameters of route flap dampening would have suppressed them",
		Long: `Count the flaps of watched routes as routers do (RFC 2439), with the parameters of detect.flap and beside them those of the vendors: which routes
flapped, when, how often, the penalty, and under which parameters they would have been suppressed, from when to when. From recorded input (what
replay takes), or from a running daemon with --url, which knows what it saw since it started.`,
		Example: `  anywatch report flaps -c anywatch.yaml updates.20260301.0000.bz2
  anywatch report flaps --url http://127.0.0.1:8480 --since 24h --format html > flaps.html`,
		Args: func(_ *cobra.Command, args []string) error {
			first := slices.Index(args, "-")
			switch {
			case len(args) == 0 && f.url == "":
				return errors.New("report flaps needs an INPUT, a file, a directory or - for standard input, or a running daemon with --url")
			case len(args) > 0 && f.url != "":
				return fmt.Errorf("--url and the input %s: give one of the two", args[0])
			case first >= 0 && slices.Contains(args[first+1:], "-"):
				return errors.New("- is given twice: standard input can be read only once")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, "flaps", args) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.url, "url", "", "ask the daemon at this `URL`, as http://127.0.0.1:8480")
	cmd.Flags().DurationVar(&f.since, "since", 0, "only what flapped in this `DURATION` before the end")
	cmd.Flags().StringVar(&f.format, "format", "table", "`FORMAT` of the output: "+strings.Join(report.Formats, ", "))
	return cmd
}

func (f reportFlags) run(cmd *cobra.Command, name string, args []string) error {
	switch {
	case !slices.Contains(report.Formats, f.format):
		return fmt.Errorf("--format %q: it is %s", f.format, strings.Join(report.Formats, ", "))
	case f.since < 0:
		return fmt.Errorf("--since %s: it is a time above 0, such as 24h", f.since)
	}
	doc, err := f.make(cmd, name, args)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	return errors.Join(doc.Write(out, f.format), out.Flush())
}

func (f reportFlags) make(cmd *cobra.Command, name string, args []string) (doc report.Document, err error) {
	if f.url != "" {
		return f.ask(cmd, name)
	}
	cfg, err := loadConfig(cmd, f.config)
	if err != nil {
		return doc, err
	}
	problems := problems{out: cmd.ErrOrStderr()}
	r := app.Replay{Config: cfg, Inputs: args, Stdin: cmd.InOrStdin(), Report: problems.report, Emit: func(detector.Change) {}}
	r.Done = func(e *detector.Engine) {
		var since time.Time
		if f.since > 0 {
			since = e.Clock().Add(-f.since)
		}
		doc, _ = app.Report(e, name, since, f.format == "html")
	}
	stop := progress(cmd.ErrOrStderr(), &r)
	_, err = r.Run(cmd.Context())
	stop()
	problems.rest()
	return doc, err
}

// ask gets the report of a running daemon. Its configuration is of use for the parameters of a drawing, and needed for nothing else.
func (f reportFlags) ask(cmd *cobra.Command, name string) (doc report.Document, err error) {
	var since time.Time
	if f.since > 0 {
		since = time.Now().Add(-f.since)
	}
	if !cmd.Flags().Changed("config") {
		return app.AskReport(cmd.Context(), f.url, name, since, nil)
	}
	cfg, err := loadConfig(cmd, f.config)
	if err != nil {
		return doc, err
	}
	return app.AskReport(cmd.Context(), f.url, name, since, cfg)
}
