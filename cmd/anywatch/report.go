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
		Use:                   "report catchment|flaps|rpki|sites",
		DisableFlagsInUseLine: true,
		Short:                 "What happened by day: which site served whom, how available each was, which routes would have been damped, what RPKI says",
		Args:                  knownCommand,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, k := range reportKinds {
		cmd.AddCommand(k.command())
	}
	cmd.AddCommand(reportRPKICommand(time.Now))
	return cmd
}

// reportKind is one report as the command line presents it.
type reportKind struct {
	name, short, long, since string
}

var reportKinds = []reportKind{
	{
		name: "catchment", since: "draw only what went in this `DURATION` before the end",
		short: "Which external vantages each site serves, with what share, and who goes astray",
		long: `Show which external vantages reach each prefix at which site, by the matchers of the sites, and the share of each site. Where the places of a site and of a
public collector are known, vantages that go further than to the nearest site that announces the prefix, or to another region, are marked. As html with a map,
the shares over time, the flows between sites and how often each vantage changed sites.`,
	},
	{
		name: "flaps", since: "only what flapped in this `DURATION` before the end",
		short: "Which routes flapped, and whose parameters of route flap dampening would have suppressed them",
		long: `Count the flaps of watched routes as routers do (RFC 2439), with the parameters of detect.flap and beside them those of the vendors: which routes
flapped, when, how often, the penalty, and under which parameters they would have been suppressed, from when to when.`,
	},
	{
		name: "sites", since: "only what was known in this `DURATION` before the end",
		short: "How available each prefix was at each site: outages, downtime, mean time to repair",
		long: `Show the state of each prefix at each of its sites, since when, and for how much of the time in which that was known it was announced: the outages, how long
they lasted together, and the mean time to repair. Time in which nobody could know it counts neither way.`,
	},
}

func (k reportKind) command() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:                   k.name + " [-c FILE] [--since DUR] [--format F] INPUT… | --url URL",
		DisableFlagsInUseLine: true,
		Short:                 k.short,
		Long:                  k.long + " From recorded input (what\nreplay takes), or from a running daemon with --url, which knows what it saw since it started.",
		Example: fmt.Sprintf(`  anywatch report %[1]s -c anywatch.yaml updates.20260301.0000.bz2
  anywatch report %[1]s --url http://127.0.0.1:8480 --since 24h --format html > %[1]s.html`, k.name),
		Args: func(_ *cobra.Command, args []string) error { return f.inputs(k.name, args) },
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, k.name, args) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.url, "url", "", "ask the daemon at this `URL`, as http://127.0.0.1:8480")
	cmd.Flags().DurationVar(&f.since, "since", 0, k.since)
	cmd.Flags().StringVar(&f.format, "format", "table", "`FORMAT` of the output: "+strings.Join(report.Formats, ", "))
	return cmd
}

// inputs checks where the report is to come from: recorded input, or a daemon.
func (f *reportFlags) inputs(name string, args []string) error {
	first := slices.Index(args, "-")
	switch {
	case len(args) == 0 && f.url == "":
		return fmt.Errorf("report %s needs an INPUT, a file, a directory or - for standard input, or a running daemon with --url", name)
	case len(args) > 0 && f.url != "":
		return fmt.Errorf("--url and the input %s: give one of the two", args[0])
	case first >= 0 && slices.Contains(args[first+1:], "-"):
		return errors.New("- is given twice: standard input can be read only once")
	}
	return nil
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
	if f.format == "json" {
		doc.Plain()
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
