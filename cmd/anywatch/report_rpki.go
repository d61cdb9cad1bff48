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

// rpkiReportFlags are what the command line of report rpki says.
type rpkiReportFlags struct {
	config, url, format, whatIf string
	announce, failOn            []string
	now                         func() time.Time
}

// failures are what --fail-on takes.
var failures = []string{"invalid", "not-found", "loose"}

func reportRPKICommand(now func() time.Time) *cobra.Command {
	f := &rpkiReportFlags{now: now}
	cmd := &cobra.Command{
		Use:                   "rpki [-c FILE] [--what-if FILE] [--announce PREFIX=ORIGIN[@SITE]] [--fail-on WHAT] [--format F] [INPUT…] | --url URL",
		DisableFlagsInUseLine: true,
		Short:                 "Whether ROAs and ASPAs say what the configuration says and what is announced, and what to change",
		Long: `Compare, for each prefix, origin and site, what the configuration expects, what the VRPs authorise, and what is announced: missing ROAs, AS0, a maxLength
wider than what is announced (RFC 9319), ROAs for others, ROAs that expire; for each origin whether its ASPA names its upstreams. It ends with a score and
with the exact changes to make.

The VRPs are those of rpki.files in the configuration; what is announced is what INPUT shows (what replay takes), and without any, nothing is known of that.
With --url all is as a running daemon knows it.

--what-if judges by a planned file instead: VRPs take the place of all others (ASPAs only if it has any), SLURM exceptions (RFC 8416) that of the exceptions in force; which of the
two it is is seen from its content. --announce adds an announcement that is planned. --fail-on is for pipelines: status 1 when any row has it.`,
		Example: `  anywatch report rpki -c anywatch.yaml
  anywatch report rpki -c anywatch.yaml --what-if planned.json --announce 192.0.2.0/25=64500@ams --fail-on invalid,loose rib.bz2
  anywatch report rpki --url http://127.0.0.1:8480 --format html > rpki.html`,
		Args: func(_ *cobra.Command, args []string) error { return f.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.url, "url", "", "ask the daemon at this `URL`, as http://127.0.0.1:8480")
	cmd.Flags().StringVar(&f.whatIf, "what-if", "", "judge by this `FILE` of planned VRPs or SLURM exceptions")
	cmd.Flags().StringArrayVar(&f.announce, "announce", nil, "judge a planned announcement, `PREFIX=ORIGIN[@SITE]`, too; may be given several times")
	cmd.Flags().StringSliceVar(&f.failOn, "fail-on", nil, "end with status 1 when any row is `WHAT`: "+strings.Join(failures, ", ")+"; may be given several times, or with commas")
	cmd.Flags().StringVar(&f.format, "format", "table", "`FORMAT` of the output: "+strings.Join(report.Formats, ", "))
	return cmd
}

// check refuses what can't be meant.
func (f *rpkiReportFlags) check(args []string) error {
	first := slices.Index(args, "-")
	switch {
	case len(args) > 0 && f.url != "":
		return fmt.Errorf("--url and the input %s: give one of the two", args[0])
	case first >= 0 && slices.Contains(args[first+1:], "-"):
		return errors.New("- is given twice: standard input can be read only once")
	case !slices.Contains(report.Formats, f.format):
		return fmt.Errorf("--format %q: it is %s", f.format, strings.Join(report.Formats, ", "))
	}
	for _, what := range f.failOn {
		if !slices.Contains(failures, what) {
			return fmt.Errorf("--fail-on %q: it is %s", what, strings.Join(failures, ", "))
		}
	}
	return nil
}

func (f *rpkiReportFlags) run(cmd *cobra.Command, args []string) error {
	q := app.RPKIReport{WhatIf: f.whatIf, Warn: func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+text) }}
	for _, text := range f.announce {
		a, err := app.ParsePlanned(text)
		if err != nil {
			return err
		}
		q.Planned = append(q.Planned, a)
	}
	doc, err := f.make(cmd, q, args)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	if err := errors.Join(doc.Write(out, f.format), out.Flush()); err != nil {
		return err
	}
	if has := report.FailsOn(doc, f.failOn); len(has) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "--fail-on: some rows are %s\n", strings.Join(has, ", "))
		return errNo
	}
	return nil
}

// make makes the report: from a daemon, from input, or from files alone.
func (f *rpkiReportFlags) make(cmd *cobra.Command, q app.RPKIReport, args []string) (doc report.Document, err error) {
	if f.url != "" {
		return q.Ask(cmd.Context(), f.url)
	}
	cfg, err := loadConfig(cmd, f.config)
	if err != nil {
		return doc, err
	}
	if len(args) == 0 {
		return q.Files(cfg, nil, f.now())
	}
	problems := problems{out: cmd.ErrOrStderr()}
	r := app.Replay{Config: cfg, Inputs: args, Stdin: cmd.InOrStdin(), Report: problems.report, Emit: func(detector.Change) {}}
	var judged error
	r.Done = func(e *detector.Engine) { doc, judged = q.Files(cfg, e, f.now()) }
	stop := progress(cmd.ErrOrStderr(), &r)
	_, err = r.Run(cmd.Context())
	stop()
	problems.rest()
	return doc, errors.Join(err, judged)
}
