package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Step is one thing that happens in a scenario.
type Step struct {
	At    time.Duration // after the network was ready, at normal speed
	Title string        // what happens, for people
	Do    func(context.Context, *Network) error
	Times int           // how often it happens; 0 counts as once
	Every time.Duration // the pause between two times, at normal speed
	// NotBefore is how long after the first step it happens at the earliest, at any speed.
	NotBefore time.Duration
	Expected  []Expected // what the monitor should make of it
}

// Expected is an incident that a step should open or resolve.
type Expected struct {
	Kind     string       // as in the contract of incidents, such as origin-hijack
	Prefix   netip.Prefix // the announced one
	Origin   uint32
	Site     string
	Severity string // when it opens; "" = whichever
	Opens    bool
	Resolves bool
}

// String gives "origin-hijack of 192.0.2.0/24 by AS64511" or "site-missing of 192.0.2.0/24 at nrt", without what is not there.
func (e Expected) String() string {
	s := e.Kind
	if e.Prefix.IsValid() {
		s += " of " + e.Prefix.String()
	}
	if e.Origin != 0 {
		s += fmt.Sprintf(" by AS%d", e.Origin)
	}
	if e.Site != "" {
		s += " at " + e.Site
	}
	return s
}

// Scenario is the demonstration, a story of several chapters with quiet between them. After each change there is time to read the alert.
func Scenario() []Step {
	quiet := func(at time.Duration, title string) Step {
		return Step{At: at, Title: title, Do: func(ctx context.Context, n *Network) error { return n.Ready(ctx) }}
	}
	steps := []Step{quiet(0, "All is quiet: ams, nrt and iad announce 192.0.2.0/24 and 2001:db8:53::/48.")}
	for _, chapter := range [][]Step{exactHijack(), moreSpecificHijack(), catchmentShift(), lostSite(), flapStorm(), drain(), deadService()} {
		steps = append(steps, chapter...)
	}
	return append(steps, quiet(104*time.Second, "All is quiet again."))
}

// exactHijack: somebody announces our prefix.
func exactHijack() []Step {
	hijack := Expected{Kind: "origin-hijack", Prefix: AnycastV4, Origin: HijackerASN, Severity: "critical"}
	return []Step{{
		At:       3 * time.Second,
		Title:    "AS64511 announces 192.0.2.0/24, which is ours. AS64497 believes it, AS64496 does not.",
		Do:       func(ctx context.Context, n *Network) error { return n.HijackExact(ctx) },
		Expected: []Expected{opens(hijack)},
	}, {
		At:       11 * time.Second,
		Title:    "AS64511 withdraws 192.0.2.0/24.",
		Do:       func(ctx context.Context, n *Network) error { return n.EndHijack(ctx, AnycastV4) },
		Expected: []Expected{resolves(hijack)},
	}}
}

// moreSpecificHijack: somebody announces a part of our prefix, which wins everywhere.
func moreSpecificHijack() []Step {
	hijack := Expected{Kind: "subprefix-hijack", Prefix: HalfV4, Origin: HijackerASN, Severity: "critical"}
	return []Step{{
		At:       15 * time.Second,
		Title:    "AS64511 announces 192.0.2.128/25, a half of ours. Everybody follows the longer match.",
		Do:       func(ctx context.Context, n *Network) error { return n.HijackMoreSpecific(ctx) },
		Expected: []Expected{opens(hijack)},
	}, {
		At:       23 * time.Second,
		Title:    "AS64511 withdraws 192.0.2.128/25.",
		Do:       func(ctx context.Context, n *Network) error { return n.EndHijack(ctx, HalfV4) },
		Expected: []Expected{resolves(hijack)},
	}}
}

// catchmentShift: two sites make themselves unattractive, and the third gets all the clients. One incident: the others lose no more than a
// view each. It is over when nothing has moved for a while; the way back is a part of it.
func catchmentShift() []Step {
	shift := Expected{Kind: "catchment-shift", Prefix: AnycastV4, Site: "iad", Severity: "warning"}
	prepend := func(on bool) func(context.Context, *Network) error {
		return func(ctx context.Context, n *Network) error {
			for _, site := range []string{"ams", "nrt"} {
				if err := n.PrependSite(ctx, site, AnycastV4, on); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return []Step{{
		At: 27 * time.Second,
		// The monitor looks at catchments at intervals of five seconds, and must have seen how it was before.
		NotBefore: 7 * time.Second,
		Title:     "ams and nrt prepend 192.0.2.0/24 three times, by mistake: all the world goes to iad.",
		Do:        prepend(true),
		Expected:  []Expected{opens(shift)},
	}, {
		At:       33 * time.Second,
		Title:    "The mistake is noticed and undone.",
		Do:       prepend(false),
		Expected: []Expected{resolves(shift)},
	}}
}

// lostSite: a site withdraws without a word. The transits show their best routes only: the reflector's Add-Path view tells that nrt is gone,
// and that ams and iad, of which no transit shows both, are not. The service there still answers whoever asks it.
func lostSite() []Step {
	missing := Expected{Kind: "site-missing", Prefix: AnycastV4, Site: "nrt", Severity: "warning"}
	idle := Expected{Kind: "healthy-withdrawn", Prefix: AnycastV4, Site: "nrt", Severity: "warning"}
	return []Step{{
		At:       47 * time.Second,
		Title:    "BGP at nrt dies: both prefixes are withdrawn there. Its service is well, and serves nobody.",
		Do:       func(ctx context.Context, n *Network) error { return n.WithdrawSite(ctx, "nrt") },
		Expected: []Expected{opens(missing), opens(idle)},
	}, {
		At:       56 * time.Second,
		Title:    "nrt is back.",
		Do:       func(ctx context.Context, n *Network) error { return n.AnnounceSite(ctx, "nrt") },
		Expected: []Expected{resolves(missing), resolves(idle)},
	}}
}

// flapStorm: a site withdraws and announces again so fast that it is never missing. No transit prefers iad, so that nothing moves outside.
func flapStorm() []Step {
	flapping := Expected{Kind: "flapping", Prefix: AnycastV4, Site: "iad", Severity: "warning"}
	return []Step{{
		At:       60 * time.Second,
		Title:    "A nervous script at iad withdraws and announces 192.0.2.0/24 six times in two seconds.",
		Do:       func(ctx context.Context, n *Network) error { return n.FlapSite(ctx, "iad", AnycastV4) },
		Times:    6,
		Every:    350 * time.Millisecond,
		Expected: []Expected{opens(flapping)},
	}, {
		At:       65 * time.Second,
		Title:    "iad is calm. Its penalty halves within seconds here; in the wild that takes a quarter of an hour.",
		Do:       func(ctx context.Context, n *Network) error { return n.Ready(ctx) },
		Expected: []Expected{resolves(flapping)},
	}}
}

// drain: a site says that it will withdraw, and does. That is work: what would be a warning for a site that dies is mere information.
func drain() []Step {
	missing := Expected{Kind: "site-missing", Prefix: AnycastV4, Site: "iad", Severity: "info"}
	return []Step{{
		At:    76 * time.Second,
		Title: "iad is drained to mend that: it marks its routes with GRACEFUL_SHUTDOWN, and the transits avoid them.",
		Do:    func(ctx context.Context, n *Network) error { return n.DrainSite(ctx, "iad") },
	}, {
		At:       79 * time.Second,
		Title:    "iad withdraws. It had said so: nobody need get up.",
		Do:       func(ctx context.Context, n *Network) error { return n.WithdrawSite(ctx, "iad") },
		Expected: []Expected{opens(missing)},
	}, {
		At:       87 * time.Second,
		Title:    "iad is back.",
		Do:       func(ctx context.Context, n *Network) error { return n.AnnounceSite(ctx, "iad") },
		Expected: []Expected{resolves(missing)},
	}}
}

// deadService: a site draws clients and does not answer them. That is the most dangerous state of anycast: to routing, all is well.
func deadService() []Step {
	unhealthy := Expected{Kind: "announced-unhealthy", Prefix: AnycastV4, Site: "ams", Severity: "critical"}
	return []Step{{
		At:       91 * time.Second,
		Title:    "The service at ams fails, and ams still announces: its clients get no answer.",
		Do:       func(_ context.Context, n *Network) error { return n.FailService("ams") },
		Expected: []Expected{opens(unhealthy)},
	}, {
		At:       100 * time.Second,
		Title:    "The service at ams works again.",
		Do:       func(_ context.Context, n *Network) error { return n.MendService("ams") },
		Expected: []Expected{resolves(unhealthy)},
	}}
}

func opens(e Expected) Expected    { e.Opens = true; return e }
func resolves(e Expected) Expected { e.Resolves = true; return e }
