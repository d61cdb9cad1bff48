package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"anywatch/alerts"
	"anywatch/cmd/internal/lab"
)

// graceForAlert is how long an alert that is expected may take. On an idle machine it comes as fast as the configuration says.
const graceForAlert = 15 * time.Second

// witness is a sink that remembers what another one was told, so that the demo can compare it with what should have happened. What it
// remembers has been shown.
type witness struct {
	alerts.Sink

	mu   sync.Mutex
	seen []lab.Seen
	news chan struct{} // holds a token when something came since the last look
}

func newWitness(of alerts.Sink) *witness { return &witness{Sink: of, news: make(chan struct{}, 1)} }

// Notify passes on and remembers.
func (w *witness) Notify(ctx context.Context, n alerts.Notification) error {
	if err := w.Sink.Notify(ctx, n); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range n.Changes {
		s := lab.Seen{Event: string(c.Event), Kind: string(c.Incident.Kind), Severity: c.Incident.Severity.String()}
		if c.Incident.Prefix != nil {
			s.Prefix = *c.Incident.Prefix
		}
		if c.Incident.Origin != nil {
			s.Origin = uint32(*c.Incident.Origin)
		}
		if c.Incident.Site != nil {
			s.Site = *c.Incident.Site
		}
		w.seen = append(w.seen, s)
	}
	select {
	case w.news <- struct{}{}:
	default:
	}
	return nil
}

// forget begins anew, for another round.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
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
