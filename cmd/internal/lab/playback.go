package lab

import (
	"context"
	"fmt"
	"time"
)

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
	// Await, when it is there, is called before each step with all that went before. It returns when the monitor has made of those what it
	// should, or has had enough time for it: then nothing is told of a step after the next one has begun.
	Await func(context.Context, []Step) error
}

// Play waits until the network is ready, then lets each step happen at its time: not before the step ahead of it has taken effect, so that
// a slow machine plays a longer scenario, not another one. What comes after a step that was late keeps its distance to it.
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
	paced := func(d time.Duration) time.Duration { return time.Duration(float64(d) / speed) }
	start := p.Clock.Now()
	last := start
	for i, s := range p.Steps {
		if i > 0 {
			due := last.Add(paced(s.At - p.Steps[i-1].At))
			if least := start.Add(s.NotBefore); due.Before(least) {
				due = least
			}
			if err := p.until(ctx, due, p.Steps[:i]); err != nil {
				return err
			}
		}
		last = p.Clock.Now()
		if p.Observe != nil {
			p.Observe(s, last)
		}
		if err := p.do(ctx, n, s, paced(s.Every)); err != nil {
			return fmt.Errorf("the step %q at %s failed: %w", s.Title, s.At, err)
		}
	}
	return nil
}

// until waits for a time, and for what is to come of the steps that went before.
func (p Playback) until(ctx context.Context, due time.Time, before []Step) error {
	if err := p.Clock.Wait(ctx, due.Sub(p.Clock.Now())); err != nil {
		return err
	}
	if p.Await == nil {
		return nil
	}
	return p.Await(ctx, before)
}

// do lets a step happen, as often as it says.
func (p Playback) do(ctx context.Context, n *Network, s Step, every time.Duration) error {
	for again := range max(s.Times, 1) {
		if again > 0 {
			if err := p.Clock.Wait(ctx, every); err != nil {
				return err
			}
		}
		if err := s.Do(ctx, n); err != nil {
			return err
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
