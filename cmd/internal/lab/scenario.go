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

// String gives "origin-hijack of 192.0.2.0/24 from AS64511" or "site-missing of 192.0.2.0/24 at nrt", without what is not there.
func (e Expected) String() string {
	s := e.Kind
	if e.Prefix.IsValid() {
		s += " of " + e.Prefix.String()
	}
	if e.Origin != 0 {
		s += fmt.Sprintf(" from AS%d", e.Origin)
	}
	if e.Site != "" {
		s += " at " + e.Site
	}
	return s
}

// Scenario is the demonstration, a story of several chapters with quiet between them. After each change there is time to read the alert. Where a
// chapter ends with a wait for the monitor to be sure that it is over, another one about something else is told meanwhile.
func Scenario() []Step {
	steps := []Step{calm(0, "All is quiet: ams, nrt and iad announce 192.0.2.0/24 and 2001:db8:53::/48.")}
	for _, chapter := range [][]Step{
		exactHijack(), forgedOrigin(), moreSpecificHijack(), shiftAndDeadService(), leak(), lostSite(), flapStormAndBadROA(), drainAndLostCache(),
	} {
		steps = append(steps, chapter...)
	}
	return append(steps, calm(98*time.Second, "All is quiet again."))
}

func calm(at time.Duration, title string) Step {
	return Step{At: at, Title: title, Do: func(ctx context.Context, n *Network) error { return n.Ready(ctx) }}
}

// exactHijack: somebody announces our prefix.
func exactHijack() []Step {
	hijack := Expected{Kind: "origin-hijack", Prefix: AnycastV4, Origin: HijackerASN, Severity: "critical"}
	return []Step{{
		At:       2 * time.Second,
		Title:    "AS64511 announces 192.0.2.0/24, which is ours. AS64497 believes it, AS64496 does not.",
		Do:       func(ctx context.Context, n *Network) error { return n.HijackExact(ctx) },
		Expected: []Expected{opens(hijack)},
	}, endHijack(8*time.Second, AnycastV4, hijack)}
}

// forgedOrigin: somebody announces our prefix as if he had it from us. To the RPKI all is well; the configuration knows who our upstreams are.
func forgedOrigin() []Step {
	forged := Expected{Kind: "unexpected-upstream", Prefix: AnycastV4, Origin: OurASN, Severity: "warning"}
	return []Step{{
		At:       11 * time.Second,
		Title:    "AS64511 has learnt: it announces 192.0.2.0/24 with AS64500 as origin. That is RPKI-valid.",
		Do:       func(ctx context.Context, n *Network) error { return n.ForgeOrigin(ctx) },
		Expected: []Expected{opens(forged)},
	}, endHijack(17*time.Second, AnycastV4, forged)}
}

// moreSpecificHijack: somebody announces a part of our prefix, which wins everywhere.
func moreSpecificHijack() []Step {
	hijack := Expected{Kind: "subprefix-hijack", Prefix: HalfV4, Origin: HijackerASN, Severity: "critical"}
	return []Step{{
		At:       20 * time.Second,
		Title:    "AS64511 announces 192.0.2.128/25, a half of ours. Everybody follows the longer match.",
		Do:       func(ctx context.Context, n *Network) error { return n.HijackMoreSpecific(ctx) },
		Expected: []Expected{opens(hijack)},
	}, endHijack(26*time.Second, HalfV4, hijack)}
}

func endHijack(at time.Duration, p netip.Prefix, e Expected) Step {
	return Step{
		At: at, Title: fmt.Sprintf("AS64511 withdraws %s.", p), Expected: []Expected{resolves(e)},
		Do: func(ctx context.Context, n *Network) error { return n.EndHijack(ctx, p) },
	}
}

// shiftAndDeadService: two sites make themselves unattractive, and the third gets all the clients. One incident: the others lose no more than
// a view each. It is over when nothing has moved for a while; the way back is a part of it.
//
// Meanwhile a site draws clients and does not answer them. That is the most dangerous state of anycast: to routing, all is well.
func shiftAndDeadService() []Step {
	shift := Expected{Kind: "catchment-shift", Prefix: AnycastV4, Site: "iad", Severity: "warning"}
	unhealthy := Expected{Kind: "announced-unhealthy", Prefix: AnycastV4, Site: "ams", Severity: "critical"}
	prepend := func(on bool) func(context.Context, *Network) error {
		return func(ctx context.Context, n *Network) error { return n.PrependSites(ctx, AnycastV4, on, "ams", "nrt") }
	}
	return []Step{{
		At: 29 * time.Second,
		// The monitor looks at catchments at intervals of five seconds, and must have seen how it was before.
		NotBefore: 7 * time.Second,
		Title:     "ams and nrt prepend 192.0.2.0/24 three times, by mistake: all the world goes to iad.",
		Do:        prepend(true),
		Expected:  []Expected{opens(shift)},
	}, {
		At:    35 * time.Second,
		Title: "The mistake is noticed and undone.",
		Do:    prepend(false),
	}, {
		At:       37 * time.Second,
		Title:    "The service at ams fails, and ams still announces: its clients get no answer.",
		Do:       func(_ context.Context, n *Network) error { return n.FailService("ams") },
		Expected: []Expected{opens(unhealthy)},
	}, {
		At:       43 * time.Second,
		Title:    "The service at ams works again.",
		Do:       func(_ context.Context, n *Network) error { return n.MendService("ams") },
		Expected: []Expected{resolves(unhealthy), resolves(shift)},
	}}
}

// leak: a customer of both transits passes on between them what it hears. It does not lie; it carries more than it can. The transit that believes
// it has agreed to take our routes from others only.
func leak() []Step {
	leaked := Expected{Kind: "route-leak", Prefix: AnycastV4, Origin: OurASN, Severity: "warning"}
	return []Step{{
		At:       48 * time.Second,
		Title:    "AS64511 leaks: it hands AS64497 what it has from AS64496, and AS64497 prefers customers.",
		Do:       func(ctx context.Context, n *Network) error { return n.Leak(ctx) },
		Expected: []Expected{opens(leaked)},
	}, {
		At:       54 * time.Second,
		Title:    "AS64511 has its filters back.",
		Do:       func(ctx context.Context, n *Network) error { return n.EndLeak(ctx) },
		Expected: []Expected{resolves(leaked)},
	}}
}

// lostSite: a site withdraws without a word. The transits show their best routes only: the reflector's Add-Path view tells that nrt is gone,
// and that ams and iad, of which no transit shows both, are not. The service there still answers whoever asks it.
func lostSite() []Step {
	missing := Expected{Kind: "site-missing", Prefix: AnycastV4, Site: "nrt", Severity: "warning"}
	idle := Expected{Kind: "healthy-withdrawn", Prefix: AnycastV4, Site: "nrt", Severity: "warning"}
	return []Step{{
		At:       57 * time.Second,
		Title:    "BGP at nrt dies: both prefixes are withdrawn there. Its service is well, and serves nobody.",
		Do:       func(ctx context.Context, n *Network) error { return n.WithdrawSite(ctx, "nrt") },
		Expected: []Expected{opens(missing), opens(idle)},
	}, {
		At:       65 * time.Second,
		Title:    "nrt is back.",
		Do:       func(ctx context.Context, n *Network) error { return n.AnnounceSite(ctx, "nrt") },
		Expected: []Expected{resolves(missing), resolves(idle)},
	}}
}

// flapStormAndBadROA: a site withdraws and announces again so fast that it is never missing. No transit prefers iad, so that nothing moves
// outside.
//
// While its penalty cools, we make one of our own prefixes invalid. Each change of a ROA is told once, and is over at once; what it does lasts.
func flapStormAndBadROA() []Step {
	flapping := Expected{Kind: "flapping", Prefix: AnycastV4, Site: "iad", Severity: "warning"}
	worse := Expected{Kind: "roa-changed", Prefix: AnycastV6, Severity: "warning"}
	better := Expected{Kind: "roa-changed", Prefix: AnycastV6, Severity: "info"}
	invalid := Expected{Kind: "rpki-invalid", Prefix: AnycastV6, Origin: OurASN, Severity: "warning"}
	return []Step{{
		At:       69 * time.Second,
		Title:    "A nervous script at iad withdraws and announces 192.0.2.0/24 six times in two seconds.",
		Do:       func(ctx context.Context, n *Network) error { return n.FlapSite(ctx, "iad", AnycastV4) },
		Times:    6,
		Every:    350 * time.Millisecond,
		Expected: []Expected{opens(flapping)},
	}, calm(73*time.Second, "iad is calm. Its penalty halves within seconds here; in the wild that takes a quarter of an hour."), {
		At:       74 * time.Second,
		Title:    "Somebody tidies our ROA for 2001:db8:50::/44: maxLength is 44 now. Our /48 is longer.",
		Do:       func(_ context.Context, n *Network) error { return n.SetROAs(ShortROAs()) },
		Expected: []Expected{opens(worse), resolves(worse), opens(invalid)},
	}, {
		At:       80 * time.Second,
		Title:    "The ROA is mended.",
		Do:       func(_ context.Context, n *Network) error { return n.SetROAs(ROAs()) },
		Expected: []Expected{opens(better), resolves(better), resolves(invalid), resolves(flapping)},
	}}
}

// drainAndLostCache: a site says that it will withdraw, and does. That is work: what would be a warning for a site that dies is mere information.
//
// Meanwhile the RPKI cache goes away, and the monitor says that it judges without it.
func drainAndLostCache() []Step {
	missing := Expected{Kind: "site-missing", Prefix: AnycastV4, Site: "iad", Severity: "info"}
	stale := Expected{Kind: "rpki-stale", Severity: "warning"}
	return []Step{{
		At:    85 * time.Second,
		Title: "iad is drained to mend that script: it marks its routes with GRACEFUL_SHUTDOWN, and the transits avoid them.",
		Do:    func(ctx context.Context, n *Network) error { return n.DrainSite(ctx, "iad") },
	}, {
		At:       87 * time.Second,
		Title:    "iad withdraws. It had said so: nobody need get up.",
		Do:       func(ctx context.Context, n *Network) error { return n.WithdrawSite(ctx, "iad") },
		Expected: []Expected{opens(missing)},
	}, {
		At:       90 * time.Second,
		Title:    "The RPKI cache goes away.",
		Do:       func(_ context.Context, n *Network) error { return n.StopCache() },
		Expected: []Expected{opens(stale)},
	}, {
		At:       95 * time.Second,
		Title:    "The RPKI cache is back, and so is iad.",
		Do:       backAtOnce,
		Expected: []Expected{resolves(stale), resolves(missing)},
	}}
}

func backAtOnce(ctx context.Context, n *Network) error {
	if err := n.StartCache(ctx); err != nil {
		return err
	}
	return n.AnnounceSite(ctx, "iad")
}

func opens(e Expected) Expected    { e.Opens = true; return e }
func resolves(e Expected) Expected { e.Resolves = true; return e }
