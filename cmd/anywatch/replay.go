package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"anywatch/alerts/terminal"
	"anywatch/cmd/internal/app"
	"anywatch/collector/archive"
	"anywatch/detector"
)

// replayFlags are what the command line says.
type replayFlags struct {
	config, format, from, to, store string
	tail                            time.Duration
	merge                           bool
}

func replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use: "replay -c FILE INPUT…",

		Short: "Say what would have been said: recorded input through the same engine",
		Long: `Read recorded routes and print what the daemon would have said. An INPUT is a file, a directory (read in name order) or - for standard input; its
format is recognised from the content: MRT, a raw BMP stream, OpenBMP frames, JSON lines of RIS Live or ExaBGP; plain or compressed with gz, bz2 or zst. The clock of detection
moves by the times in the input. What can't be read is counted, reported on standard error, and passed over.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("replay needs an INPUT: a file, a directory, or - for standard input")
			}
			if first := slices.Index(args, "-"); first >= 0 && slices.Contains(args[first+1:], "-") {
				return errors.New("- is given twice: standard input can be read only once")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT` of the output: text, a line for each event, or jsonl, a JSON object for each")
	cmd.Flags().StringVar(&f.from, "from", "", "pass over what is older than this `TIME`, such as 2008-02-24T18:40:00Z")
	cmd.Flags().StringVar(&f.to, "to", "", "pass over what is not older than this `TIME`")
	cmd.Flags().DurationVar(&f.tail, "tail", 0, "let the clock move on by this `DURATION` at the end, so that what is pending can come due")
	cmd.Flags().BoolVar(&f.merge, "merge", false, "read the inputs side by side, ordered by time")
	cmd.Flags().StringVar(&f.store, "store", "", "keep the history in the database at this `URL`; not possible in this version")
	return cmd
}

func (f replayFlags) run(cmd *cobra.Command, args []string) error {
	began := time.Now()
	r, err := f.replay(cmd, args)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	show := printer{out: out, jsonl: f.format == "jsonl"}
	problems := problems{out: cmd.ErrOrStderr()}
	stop := progress(cmd.ErrOrStderr(), &r)
	r.Stdin, r.Emit, r.Report = cmd.InOrStdin(), show.change, problems.report
	sum, err := r.Run(cmd.Context())
	stop()
	problems.rest()
	for _, x := range sum.Failed {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %v; it failed on %s\n", x.First, plural(x.Times, "route", "routes"))
	}
	if err == nil {
		show.summary(sum, time.Since(began))
	}
	return errors.Join(err, show.err, out.Flush())
}

// replay checks the flags and reads the configuration.
func (f replayFlags) replay(cmd *cobra.Command, args []string) (r app.Replay, err error) {
	if f.format != "text" && f.format != "jsonl" {
		return r, fmt.Errorf("--format %q: it is text or jsonl", f.format)
	}
	if f.store != "" {
		return r, errors.New("--store: this version keeps no history; leave it out")
	}
	if f.tail < 0 {
		return r, fmt.Errorf("--tail %s: it is a time above 0, such as 5m", f.tail)
	}
	r = app.Replay{Inputs: args, Tail: f.tail}
	r.Merge = f.merge
	if r.From, err = parseTime("--from", f.from); err != nil {
		return r, err
	}
	if r.To, err = parseTime("--to", f.to); err != nil {
		return r, err
	}
	if !r.To.IsZero() && !r.From.Before(r.To) {
		return r, fmt.Errorf("--from %s is not before --to %s: nothing lies between them", f.from, f.to)
	}
	r.Config, err = loadConfig(cmd, f.config)
	return r, err
}

func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s %q is no time; write it as 2008-02-24T18:40:00Z (RFC 3339)", flag, text)
	}
	return t, nil
}

// printer writes changes and the summary; the first error stays.
type printer struct {
	out   io.Writer
	jsonl bool
	err   error
}

func (p *printer) line(b []byte, err error) {
	if p.err == nil {
		p.err = err
	}
	if p.err == nil {
		_, p.err = p.out.Write(append(b, '\n'))
	}
}

func (p *printer) change(c detector.Change) {
	if p.jsonl {
		p.line(c.JSON())
		return
	}
	p.line([]byte(terminal.Line(c)), nil)
}

// summaryLine is the last line of a replay, as the contract has it.
type summaryLine struct {
	Event     string                `json:"event"`
	Messages  uint64                `json:"messages"`
	Updates   uint64                `json:"updates"`
	Prefixes  uint64                `json:"prefixes"`
	Matched   uint64                `json:"matched"`
	Skipped   uint64                `json:"skipped"`
	Malformed uint64                `json:"malformed"`
	Incidents map[detector.Kind]int `json:"incidents"`
	Seconds   float64               `json:"seconds"`
}

func (p *printer) summary(s app.Summary, took time.Duration) {
	if p.jsonl {
		p.line(json.Marshal(summaryLine{"summary", s.Messages, s.Updates, s.Prefixes, s.Matched, s.Skipped, s.Malformed, s.Incidents, took.Seconds()}))
		return
	}
	total := 0
	for _, n := range s.Incidents {
		total += n
	}
	p.line(fmt.Appendf(nil, "%s; %s, %s of %s, %d matched, %d malformed", plural(total, "incident", "incidents"), plural(s.Messages, "message", "messages"),
		plural(s.Updates, "update", "updates"), plural(s.Prefixes, "prefix", "prefixes"), s.Matched, s.Malformed), nil)
}

// problemsShown is how many problems of one file are told one by one.
const problemsShown = 20

// problems reports what could not be read; of one file only so much that the rest can still be seen.
type problems struct {
	out  io.Writer
	file string
	n    int
}

func (p *problems) report(x archive.Problem) {
	if x.File != p.file {
		p.rest()
		p.file = x.File
	}
	if p.n++; p.n <= problemsShown {
		fmt.Fprintln(p.out, "anywatch:", x)
	}
}

// rest tells how many problems were not told.
func (p *problems) rest() {
	if more := p.n - problemsShown; more > 0 {
		fmt.Fprintf(p.out, "anywatch: %s: %s could not be read\n", p.file, plural(more, "more record", "more records"))
	}
	p.n = 0
}

// progress shows a bar to a person who waits, and gives a function that ends it.
func progress(out io.Writer, r *app.Replay) (stop func()) {
	if !isTerminal(out) {
		return func() {}
	}
	p := mpb.New(mpb.WithOutput(out), mpb.WithWidth(60))
	bar := p.AddBar(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.CountersKibiByte("% .1f / % .1f ")), mpb.AppendDecorators(decor.Percentage()))
	r.Progress = func(read, total int64) {
		bar.SetTotal(max(total, read+1), false)
		bar.SetCurrent(read)
	}
	return func() {
		bar.SetTotal(-1, true)
		p.Wait()
	}
}
