package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/example"
	"anywatch/cmd/internal/config"
	"anywatch/detector"
)

// SinkTest sends examples through the sinks of a configuration, as the daemon would send incidents. What a sink wants to hear is not asked.
type SinkTest struct {
	Config *config.Config
	// Sink is the name of the only one to try; "" is all of them.
	Sink string
	// Kinds are sent; none means one of every kind.
	Kinds []detector.Kind
	Clock alerts.Clock
}

// The bounds of a test: after so many kinds in a row that did not arrive the others are not tried, and a receiver that asks for time is
// waited for this long, this often.
const (
	failuresInARow = 2
	longestPause   = 30 * time.Second
	patientTries   = 4
)

// Trial is what became of the example of one kind.
type Trial struct {
	Sink, Type string
	Kind       detector.Kind
	// Opened and Resolved say what became of the two: delivered, refused, failed, or not sent.
	Opened, Resolved TrialOutcome
	// Err is why; nil when all arrived. It says what to do, and shows no secret.
	Err error
}

// TrialOutcome is what became of a notification.
type TrialOutcome string

// The outcomes.
const (
	TrialDelivered TrialOutcome = "delivered"
	TrialRefused   TrialOutcome = "refused" // for good
	TrialFailed    TrialOutcome = "failed"  // the daemon would try again
	TrialNotSent   TrialOutcome = "not sent"
)

// Delivered tells that all arrived.
func (t Trial) Delivered() bool { return t.Opened == TrialDelivered && t.Resolved == TrialDelivered }

// ErrNotTried is why an example was not sent.
var ErrNotTried = errors.New("not tried, because those before did not arrive")

// Run sends the examples, to several sinks at a time, and gives the trials in the order of the configuration. The error says why nothing could
// be tried.
func (t SinkTest) Run(ctx context.Context) ([]Trial, error) {
	chosen, err := t.chosen()
	if err != nil {
		return nil, err
	}
	lives := t.lives()
	results := make([][]Trial, len(chosen))
	var wg sync.WaitGroup
	for n, s := range chosen {
		wg.Go(func() { results[n] = t.try(ctx, s, lives) })
	}
	wg.Wait()
	return slices.Concat(results...), nil
}

// chosen gives the sinks that are to be tried.
func (t SinkTest) chosen() ([]config.Sink, error) {
	all := t.Config.Alerts.Sinks
	if len(all) == 0 {
		return nil, errors.New("the configuration has no sinks: nobody would be told; add one under alerts.sinks")
	}
	if t.Sink == "" {
		return all, nil
	}
	var names []string
	for _, s := range all {
		if s.Name == t.Sink {
			return []config.Sink{s}, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("there is no sink %q; the configuration has %s", t.Sink, strings.Join(names, ", "))
}

// lives makes the examples.
func (t SinkTest) lives() []example.Life {
	now := t.Clock.Now()
	if len(t.Kinds) == 0 {
		return example.Lives(now)
	}
	var lives []example.Life
	for _, k := range t.Kinds {
		lives = append(lives, example.Of(k, now))
	}
	return lives
}

// try sends the examples through one sink.
func (t SinkTest) try(ctx context.Context, s config.Sink, lives []example.Life) []Trial {
	trials := make([]Trial, len(lives))
	sink, err := newSink(s, alerts.Dashboard(t.Config.Web.ExternalURL))
	if c, ok := sink.(io.Closer); ok && err == nil {
		defer c.Close()
	}
	failures := 0
	for n, l := range lives {
		out := &trials[n]
		*out = Trial{Sink: s.Name, Type: s.Type(), Kind: l.Opened.Incident.Kind, Opened: TrialNotSent, Resolved: TrialNotSent, Err: err}
		switch {
		case err != nil:
			continue
		case failures >= failuresInARow:
			out.Err = ErrNotTried
			continue
		}
		if out.Opened, out.Err = t.tell(ctx, sink, l.Opened); out.Err == nil {
			out.Resolved, out.Err = t.tell(ctx, sink, l.Resolved)
		}
		failures++
		if out.Err == nil {
			failures = 0
		}
	}
	return trials
}

// tell sends one notification. A receiver that asks for time gets some: dozens of messages at once are more than some take.
func (t SinkTest) tell(ctx context.Context, sink alerts.Sink, c detector.Change) (TrialOutcome, error) {
	for try := 1; ; try++ {
		err := sink.Notify(ctx, alerts.Notification{Changes: []detector.Change{c}, Since: t.Clock.Now()})
		e, known := errors.AsType[*alerts.Error](err)
		switch {
		case err == nil:
			return TrialDelivered, nil
		case known && e.Permanent:
			return TrialRefused, fmt.Errorf("%w: the daemon would not try again", err)
		case !known || e.RetryAfter == 0 || e.RetryAfter > longestPause || try == patientTries:
			return TrialFailed, fmt.Errorf("%w: the daemon would try again; see that the receiver runs, and can be reached from here", err)
		}
		select {
		case <-t.Clock.After(e.RetryAfter):
		case <-ctx.Done():
			return TrialFailed, context.Cause(ctx)
		}
	}
}
