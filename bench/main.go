// Command bench measures anywatch beside its alternatives and prints what it found as a table: run it with go run ./bench from the root of the
// repository. docs/performance.md says what each line means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/part"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "part" {
		err = part.Run(ctx, os.Stdin, os.Stdout, os.Args[2:])
	} else {
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	only     []string
	quick    bool
	markdown bool
	repeats  int
	anywatch string
}

func parseOptions(args []string, out io.Writer) (o options, err error) {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(out)
	only := set.String("only", "", "run only these `CASES`, comma-separated: "+strings.Join(names(), ", "))
	set.BoolVar(&o.quick, "quick", false, "small sizes, one run each: to see that nothing is lost, not how fast it is")
	set.BoolVar(&o.markdown, "markdown", false, "print the table for the README")
	set.IntVar(&o.repeats, "repeats", 0, "`RUNS` of each case, of which the median counts (default 3; 1 with -quick)")
	set.StringVar(&o.anywatch, "anywatch", "", "measure this `BINARY` instead of building one")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("%q is no option; try -help", set.Arg(0))
	}
	if o.repeats == 0 {
		if o.repeats = 3; o.quick {
			o.repeats = 1
		}
	}
	if o.repeats < 1 {
		return o, fmt.Errorf("-repeats %d: at least one run is needed", o.repeats)
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	_, err = chosen(o.only)
	return o, err
}

// run measures, and prints the table also when something failed. The error says what was lost or not found; it is never about slowness.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	list, err := chosen(o.only)
	if err != nil {
		return err
	}
	facts := machine() // before we load it ourselves
	b, err := newBench(ctx, o, progress)
	if err != nil {
		return err
	}
	defer b.close()
	var rows []figure.Row
	var failed error
	for _, c := range list {
		got, err := c.run(ctx, b)
		rows = append(rows, got...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", c.name, err))
			b.say("%s FAILED: %v", c.name, err)
		}
	}
	show := figure.Text
	if o.markdown {
		show = figure.Markdown
	}
	_, err = fmt.Fprintf(out, "%s\n\n%s", facts, show(rows))
	return errors.Join(failed, err)
}
