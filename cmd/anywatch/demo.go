package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/alerts"
	"anywatch/alerts/terminal"
	"anywatch/cmd/internal/app"
	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/lab"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	listen    string
	exitAfter time.Duration
	speed     float64
	verbose   bool
}

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch an anycast network of real BGP speakers get into trouble, in this one process",
		Long: `Build an anycast network of real BGP speakers on loopback, in this one process: three sites and a route reflector of AS64500, two transit
networks, a hijacker, an RPKI cache. The real daemon watches it over BGP, BMP and RTR, and asks the sites' services how they fare, while
things happen in it: hijacks, with our own AS as forged origin too, a shift of clients, a dead service, a leak, a lost site, a flap storm, a
bad ROA of our own, a drain, an RPKI cache that goes away. Needs nothing, no file.

With --exit-after it ends when the scenario has run once, at the latest after that time: with status 0 only if exactly the expected incidents
opened and resolved, else 1. Without, the scenario repeats until Ctrl-C.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(o.speed > 0) || math.IsInf(o.speed, 0) {
				return fmt.Errorf("--speed %v: it is a number above 0; 10 runs the timeline ten times as fast", o.speed)
			}
			if o.exitAfter < 0 {
				return fmt.Errorf("--exit-after %v: it is a time above 0, such as 2m", o.exitAfter)
			}
			return runDemo(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8480", "where metrics are served: `ADDR`")
	cmd.Flags().DurationVar(&o.exitAfter, "exit-after", 0, "run the scenario once, at the longest for this `DURATION`, and check what it showed")
	cmd.Flags().Float64Var(&o.speed, "speed", 1, "run the timeline `X` times as fast")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "show the daemon's log too")
	return cmd
}

// errDemo is what the demo ends with when its time was over before the scenario was.
var errDemo = errors.New("the time of --exit-after was over")

// demo is a running demonstration.
type demo struct {
	demoOptions
	out     io.Writer
	log     *slog.Logger
	dir     string // for what the daemon keeps; it is gone with the demo
	network *lab.Network
	daemon  *app.Daemon
	seen    *witness
}

func runDemo(ctx context.Context, o demoOptions, out, errOut io.Writer) error {
	if o.exitAfter > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.exitAfter, errDemo)
		defer cancel()
	}
	dir, err := os.MkdirTemp("", "anywatch-demo-")
	if err != nil {
		return fmt.Errorf("the demo needs a folder for what it keeps while it runs: %w", err)
	}
	defer os.RemoveAll(dir)
	d := &demo{demoOptions: o, out: out, log: slog.New(slog.DiscardHandler), dir: dir}
	if o.verbose {
		d.log = slog.New(slog.NewTextHandler(errOut, nil))
	}
	if err := d.prepare(); err != nil {
		return err
	}
	defer d.network.Stop()
	return d.run(ctx)
}

// prepare builds the network's description and the daemon, which reads its configuration from the same text that a user would write.
func (d *demo) prepare() (err error) {
	if d.network, err = lab.New(lab.Options{Logger: d.log}); err != nil {
		return err
	}
	cfg, err := d.configuration()
	if err != nil {
		d.network.Stop()
		return byFlag(err)
	}
	d.seen = newWitness(terminal.New("terminal", d.out, terminal.Options{Color: colored(d.out)}))
	sinks := []alerts.Route{{Sink: d.seen}}
	if d.daemon, err = app.New(app.Options{Config: cfg, Log: d.log, Now: time.Now, Sinks: sinks}); err != nil {
		d.network.Stop()
		return byFlag(err)
	}
	return nil
}

func (d *demo) configuration() (*config.Config, error) {
	text, err := d.network.Description().AtSpeed(d.speed).Config()
	if err != nil {
		return nil, err
	}
	text += fmt.Sprintf("\nstore: {url: %q}\nweb: {listen: %q}\n", "sqlite:"+filepath.Join(d.dir, "anywatch.db"), d.listen)
	return config.Parse("demo.yaml", []byte(text), ".")
}

// webKey is the key of the configuration that --listen sets.
const webKey = "web.listen"

// byFlag names the flag where a fault names the key that it sets: of the demo's configuration the user knows nothing.
func byFlag(err error) error {
	var faults config.Faults
	if errors.As(err, &faults) && len(faults) == 1 && faults[0].Key == webKey {
		return fmt.Errorf("--listen: %s; %s", faults[0].Problem, faults[0].Remedy)
	}
	if text, ok := strings.CutPrefix(err.Error(), webKey+": "); ok {
		return fmt.Errorf("--listen: %s", text)
	}
	return err
}

func (d *demo) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() {
		err := d.daemon.Run(ctx)
		cancel(err) // a daemon that failed ends the demo
		ended <- err
	}()
	d.greet()
	err := d.network.Start(ctx)
	if err == nil {
		err = d.play(ctx)
	}
	cancel(nil)
	return errors.Join(d.reason(ctx, err), <-ended)
}

// reason turns an interruption into a normal end, and time that ran out into the answer no.
func (d *demo) reason(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errDemo):
		fmt.Fprintf(d.out, "\n%v after %s, before the scenario had run once. A busy machine needs more: --exit-after 5m.\n", errDemo, d.exitAfter)
		return errNo
	case err != nil && errors.Is(err, context.Canceled):
		return nil
	}
	return err
}

func (d *demo) greet() {
	fmt.Fprintf(d.out, `anywatch demo: an anycast network of real BGP speakers, in this process

  AS64500   ams  nrt  iad → route reflector        ours: 192.0.2.0/24 and 2001:db8:53::/48
  AS64496   transit-a ─┐
  AS64497   transit-b ─┴─ AS64511, who is up to no good

The daemon peers with the reflector and both transits, takes the reflector's BMP stream, and
reads ROAs from an RPKI cache. Metrics: http://%s/metrics

`, d.daemon.WebAddr())
}

// heading makes a step of the timeline stand out from the alerts.
func (d *demo) heading(text string) string {
	if !colored(d.out) {
		return text
	}
	return "\x1b[1;36m" + text + "\x1b[0m"
}

// play runs the scenario once and judges it, or again and again.
func (d *demo) play(ctx context.Context) error {
	for {
		began := time.Now()
		d.seen.forget()
		p := lab.Playback{Steps: lab.Scenario(), Clock: lab.SystemClock{}, Speed: d.speed, Await: d.await, Observe: func(s lab.Step, at time.Time) {
			fmt.Fprintf(d.out, "%s\n\n", d.heading(at.UTC().Format("15:04:05")+" ── "+s.Title))
		}}
		if err := p.Play(ctx, d.network); err != nil {
			return err
		}
		if d.exitAfter > 0 {
			return d.judge(ctx, p.Steps, began)
		}
	}
}

// await waits until the alerts that the steps expect have come. When nothing comes for long, they never will, and that is for the judge to say.
func (d *demo) await(ctx context.Context, steps []lab.Step) error {
	for lab.Pending(steps, d.seen.list()) {
		if err := d.seen.wait(ctx, graceForAlert); err != nil {
			break
		}
	}
	return ctx.Err()
}

// judge says whether exactly the expected incidents opened and resolved.
func (d *demo) judge(ctx context.Context, steps []lab.Step, began time.Time) error {
	if err := d.await(ctx, steps); err != nil {
		return err
	}
	if wrong := lab.Judge(steps, d.seen.list()); len(wrong) > 0 {
		fmt.Fprintf(d.out, "Not what was expected:\n  %s\n", strings.Join(wrong, "\n  "))
		return errNo
	}
	fmt.Fprintf(d.out, "Exactly the expected incidents opened and resolved, in %s.\n", time.Since(began).Round(time.Second))
	return nil
}
