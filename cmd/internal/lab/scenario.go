package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Step is one thing that happens in a scenario.
type Step struct {
	At       time.Duration // after the network was ready, at normal speed
	Title    string        // what happens, for people
	Do       func(context.Context, *Network) error
	Expected []Expected // what the monitor should make of it
}

// Expected is an incident that a step should open or resolve.
type Expected struct {
	Kind     string       // as in the contract of incidents, such as origin-hijack
	Prefix   netip.Prefix // the announced one
	Origin   uint32
	Opens    bool
	Resolves bool
}

// String gives "origin-hijack of 192.0.2.0/24 by AS64511", without what is not there.
func (e Expected) String() string {
	s := e.Kind
	if e.Prefix.IsValid() {
		s += " of " + e.Prefix.String()
	}
	if e.Origin != 0 {
		s += fmt.Sprintf(" by AS%d", e.Origin)
	}
	return s
}

// Scenario is the demonstration: a hijack of an anycast prefix, then of a half of it, and back to normal each time. Between a hijack and
// the next change there is time to read the alert.
func Scenario() []Step {
	exact := Expected{Kind: "origin-hijack", Prefix: AnycastV4, Origin: HijackerASN}
	half := Expected{Kind: "subprefix-hijack", Prefix: HalfV4, Origin: HijackerASN}
	return []Step{
		{
			At:    0,
			Title: "All is quiet: ams, nrt and iad announce 192.0.2.0/24 and 2001:db8:53::/48.",
			Do:    func(ctx context.Context, n *Network) error { return n.Ready(ctx) },
		},
		{
			At:       4 * time.Second,
			Title:    "AS64511 announces 192.0.2.0/24, which is ours. AS64497 believes it, AS64496 does not.",
			Do:       func(ctx context.Context, n *Network) error { return n.HijackExact(ctx) },
			Expected: []Expected{opens(exact)},
		},
		{
			At:       14 * time.Second,
			Title:    "AS64511 withdraws 192.0.2.0/24.",
			Do:       ends(AnycastV4),
			Expected: []Expected{resolves(exact)},
		},
		{
			At:       20 * time.Second,
			Title:    "AS64511 announces 192.0.2.128/25, a half of ours. Everybody follows the longer match.",
			Do:       func(ctx context.Context, n *Network) error { return n.HijackMoreSpecific(ctx) },
			Expected: []Expected{opens(half)},
		},
		{
			At:       30 * time.Second,
			Title:    "AS64511 withdraws 192.0.2.128/25.",
			Do:       ends(HalfV4),
			Expected: []Expected{resolves(half)},
		},
		{
			At:    36 * time.Second,
			Title: "All is quiet again.",
			Do:    func(ctx context.Context, n *Network) error { return n.Ready(ctx) },
		},
	}
}

func opens(e Expected) Expected    { e.Opens = true; return e }
func resolves(e Expected) Expected { e.Resolves = true; return e }

func ends(p netip.Prefix) func(context.Context, *Network) error {
	return func(ctx context.Context, n *Network) error { return n.EndHijack(ctx, p) }
}

// Clock is where a playback takes its time from.
type Clock interface {
	Now() time.Time
	// Wait returns after the duration, or with the context's error when that ends first. It returns at once where nothing is left to wait for.
	Wait(ctx context.Context, d time.Duration) error
}

// Playback is a scenario being played on a network that has been started.
type Playback struct {
	Steps []Step
	Clock Clock
	Speed float64 // 10 plays ten times as fast; 0 counts as 1
	// Observe is called as each step begins.
	Observe func(Step, time.Time)
}

// Play waits until the network is ready, then lets each step happen at its time: not before the step ahead of it has taken effect, so that
// a slow machine plays a longer scenario, not another one.
func (p Playback) Play(ctx context.Context, n *Network) error {
	speed := p.Speed
	switch {
	case speed == 0:
		speed = 1
	case !(speed > 0): // also what is no number
		return fmt.Errorf("a speed of %v is not possible; it must be above 0", p.Speed)
	}
	if err := n.Ready(ctx); err != nil {
		return fmt.Errorf("the network does not come up: %w", err)
	}
	start := p.Clock.Now()
	for _, s := range p.Steps {
		due := start.Add(time.Duration(float64(s.At) / speed))
		if err := p.Clock.Wait(ctx, due.Sub(p.Clock.Now())); err != nil {
			return err
		}
		if p.Observe != nil {
			p.Observe(s, p.Clock.Now())
		}
		if err := s.Do(ctx, n); err != nil {
			return fmt.Errorf("the step %q at %s failed: %w", s.Title, s.At, err)
		}
	}
	return nil
}

// SystemClock is the time of day.
type SystemClock struct{}

// Now gives the present time.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait lets the duration pass.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
