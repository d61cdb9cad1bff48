package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anywatch/cmd/internal/app"
	"anywatch/collector"
	"anywatch/detector"
)

// waitFlags are what the command line says.
type waitFlags struct {
	askFlags
	prefix, site, visible string
	announced, withdrawn  bool
	timeout               time.Duration
}

func waitCommand() *cobra.Command {
	var f waitFlags
	cmd := &cobra.Command{
		Use:                   "wait --prefix P [--site S] --announced|--withdrawn [--visible 80%] [--timeout 5m] [--url URL]",
		DisableFlagsInUseLine: true,
		Short:                 "Wait until a site announces a prefix, or has withdrawn it: a step of a roll-out",
		Long: `Wait until a running daemon sees that a prefix is announced, or withdrawn, and then end with status 0; with 1 when the time is over before, and with
2 when it can't be: the configuration has no such prefix or site, no daemon answers. Each change on the way is a line on standard error.

--announced  the site announces the prefix, and is not draining; without --site, at least one site does. A prefix that has no sites in the
             configuration is announced when any vantage shows it.
--withdrawn  the site has been gone for detect.site_missing_after, in the eyes of who could see it; without --site, all sites are, and no external
             vantage shows the prefix any more. What is unknown, because a feed is lost, is not withdrawn. A site that is hidden behind better
             paths counts as withdrawn: nobody is served by it.
--visible    and of the external vantages that could see the prefix, at least so many do; with --withdrawn, at most so many. It is a share of the
             prefix, by whatever site: in anycast each vantage has chosen one. When there is no external vantage to ask, it is never reached.`,
		Example: `  anywatch wait --prefix 192.0.2.0/24 --site ams --withdrawn && upgrade ams
  anywatch wait --prefix 192.0.2.0/24 --site ams --announced --visible 80% --timeout 10m`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := f.goal()
			if err != nil {
				return err
			}
			w := waiter{now: time.Now, sleep: collector.Sleep, progress: cmd.ErrOrStderr(), ask: func(ctx context.Context) (app.Status, error) {
				return app.AskStatus(ctx, f.url, g.prefix, g.site)
			}}
			return w.wait(cmd.Context(), g, f.timeout, cmd.OutOrStdout())
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.prefix, "prefix", "", "the `PREFIX`, as the configuration has it")
	cmd.Flags().StringVar(&f.site, "site", "", "the `SITE` by its name; without, all sites of the prefix")
	cmd.Flags().BoolVar(&f.announced, "announced", false, "wait until it is announced")
	cmd.Flags().BoolVar(&f.withdrawn, "withdrawn", false, "wait until it is withdrawn")
	cmd.Flags().StringVar(&f.visible, "visible", "", "and until at least, with --withdrawn at most, this `SHARE` of external vantages sees it, as 80%")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "give up after this `DURATION`")
	return cmd
}

// goal reads the flags.
func (f waitFlags) goal() (g waitGoal, err error) {
	switch {
	case f.prefix == "":
		return g, errors.New("wait needs --prefix: the prefix to wait for, as 192.0.2.0/24")
	case f.announced == f.withdrawn:
		return g, errors.New("wait needs one of --announced and --withdrawn: what to wait for")
	case f.timeout <= 0:
		return g, fmt.Errorf("--timeout %s: it is a time above 0, such as 5m", f.timeout)
	}
	p, err := prefixOf(f.prefix)
	if err != nil {
		return g, fmt.Errorf("--prefix: %w", err)
	}
	g = waitGoal{prefix: p.String(), site: f.site, announced: f.announced}
	if f.visible != "" {
		share, err := strconv.ParseFloat(strings.TrimSuffix(f.visible, "%"), 64)
		if err != nil || !(share >= 0 && share <= 100) {
			return g, fmt.Errorf("--visible %q: it is a share from 0%% to 100%%", f.visible)
		}
		g.visible = &share
	}
	return g, nil
}

// waitGoal is what is waited for. Visible is a share in percent, nil for none.
type waitGoal struct {
	prefix, site string
	announced    bool
	visible      *float64
}

// String says it in words.
func (g waitGoal) String() string {
	verb := "withdrawn"
	if g.announced {
		verb = "announced"
	}
	text := g.prefix + " " + verb
	if g.site != "" {
		text += " at " + g.site
	}
	if g.visible != nil {
		bound := "at most"
		if g.announced {
			bound = "at least"
		}
		text += fmt.Sprintf(", and seen by %s %g %% of external vantages", bound, *g.visible)
	}
	return text
}

// reached tells whether the prefix is where it should be.
func (g waitGoal) reached(p app.PrefixStatus) bool {
	if g.announced {
		return g.isAnnounced(p) && (g.visible == nil || p.Of > 0 && share(p) >= *g.visible)
	}
	switch {
	case !g.isWithdrawn(p):
		return false
	case g.visible != nil:
		return p.Of > 0 && share(p) <= *g.visible
	}
	return g.site != "" || p.Seeing == 0
}

func share(p app.PrefixStatus) float64 { return float64(p.Seeing) * 100 / float64(p.Of) }

func (g waitGoal) isAnnounced(p app.PrefixStatus) bool {
	if len(p.Sites) == 0 {
		return p.Showing > 0
	}
	for _, x := range p.Sites {
		if x.State == "announced" {
			return true
		}
	}
	return false
}

func (g waitGoal) isWithdrawn(p app.PrefixStatus) bool {
	if len(p.Sites) == 0 {
		return p.Showing == 0 && p.Could > 0
	}
	for _, x := range p.Sites {
		if x.State != "missing" {
			return false
		}
	}
	return true
}

// standing says how far it has got.
func standing(p app.PrefixStatus) string {
	var parts []string
	for _, x := range p.Sites {
		state := x.State
		if x.Hidden && state == "missing" {
			state = "hidden behind better paths"
		}
		parts = append(parts, x.Site+" "+state)
	}
	const most = 8
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("%d more sites", len(parts)-most))
	}
	if len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("shown by %d of %d vantages", p.Showing, p.Could))
	}
	seen := "no external vantage could see it"
	if p.Of > 0 {
		seen = fmt.Sprintf("seen by %d of %d external vantages (%.0f %%)", p.Seeing, p.Of, share(p))
	}
	return strings.Join(parts, ", ") + "; " + seen
}

// waiter asks a daemon again and again.
type waiter struct {
	ask      func(context.Context) (app.Status, error)
	now      func() time.Time
	sleep    func(context.Context, time.Duration) bool
	progress io.Writer
}

// pollEvery is how often the daemon is asked.
const pollEvery = time.Second

// wait ends when the goal is reached, or with errNo when the time is over. A daemon that answered once may be away for a while.
func (w waiter) wait(ctx context.Context, g waitGoal, timeout time.Duration, out io.Writer) error {
	began, said := w.now(), ""
	for {
		p, err := w.look(ctx, timeout-w.now().Sub(began))
		var refused *app.Refusal
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &refused) || err != nil && said == "":
			return err
		}
		says := standingOr(p, err)
		if says != said {
			fmt.Fprintf(w.progress, "%s %s: %s\n", w.now().UTC().Format(time.TimeOnly), g.prefix, plain(says))
			said = says
		}
		passed := w.now().Sub(began)
		switch {
		case err == nil && g.reached(p):
			_, err := fmt.Fprintf(out, "%s, after %s\n", g, detector.HumanDuration(passed))
			return err
		case passed >= timeout:
			fmt.Fprintf(w.progress, "anywatch: not within %s: %s; it is: %s\n", detector.HumanDuration(timeout), g, plain(says))
			return errNo
		}
		if !w.sleep(ctx, min(pollEvery, timeout-passed)) {
			return context.Cause(ctx)
		}
	}
}

// atLeast is how long an answer may take, however little time is left.
const atLeast = 2 * time.Second

// look asks once.
func (w waiter) look(ctx context.Context, left time.Duration) (p app.PrefixStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(left, atLeast))
	defer cancel()
	s, err := w.ask(ctx)
	switch {
	case err != nil:
		return p, err
	case len(s.Prefixes) != 1:
		return p, errors.New("the daemon's answer is not about this prefix alone: is it a daemon of this version?")
	}
	return s.Prefixes[0], nil
}

func standingOr(p app.PrefixStatus, err error) string {
	if err != nil {
		return err.Error()
	}
	return standing(p)
}
