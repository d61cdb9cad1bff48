package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"anywatch/alerts"
	"anywatch/cmd/internal/lab"
)

// graceAfterScenario is how long after the last step incidents may still come to their end.
const graceAfterScenario = 15 * time.Second

// witness is a sink that remembers what it was told, so that the demo can compare it with what should have happened.
type witness struct {
	mu   sync.Mutex
	seen []lab.Seen
	news chan struct{} // holds a token when something came since the last look
}

func newWitness() *witness { return &witness{news: make(chan struct{}, 1)} }

// Name is what logs call it.
func (w *witness) Name() string { return "demo" }

// Manner asks for every change by itself.
func (w *witness) Manner() alerts.Manner { return alerts.Manner{Alone: true} }

// Notify remembers.
func (w *witness) Notify(_ context.Context, n alerts.Notification) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range n.Changes {
		s := lab.Seen{Event: string(c.Event), Kind: string(c.Incident.Kind)}
		if c.Incident.Prefix != nil {
			s.Prefix = *c.Incident.Prefix
		}
		if c.Incident.Origin != nil {
			s.Origin = uint32(*c.Incident.Origin)
		}
		w.seen = append(w.seen, s)
	}
	select {
	case w.news <- struct{}{}:
	default:
	}
	return nil
}

func (w *witness) list() []lab.Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]lab.Seen(nil), w.seen...)
}

// wait returns when something new came, or with an error when nothing does for so long.
func (w *witness) wait(ctx context.Context, longest time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case <-w.news:
		return nil
	case <-ctx.Done():
		return errors.New("nothing new came")
	}
}

var _ alerts.Sink = (*witness)(nil)
