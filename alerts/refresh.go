package alerts

import (
	"context"
	"time"

	"anywatch/detector"
)

// Refresher is a sink whose receiver forgets what it is not told again, as Alertmanager does.
type Refresher interface {
	Sink
	// RefreshEvery is how often what is open is said again; it does not change.
	RefreshEvery() time.Duration
	// Refresh says again what is open: of each incident that the sink was told of and that is not resolved the newest change, in no
	// order. It is called from the goroutine that calls Notify, and keeps to the same rules; what fails comes again at the next time.
	Refresh(ctx context.Context, open []detector.Change) error
}

// refresher is what a worker keeps for a sink that is a Refresher.
type refresher struct {
	open map[string]detector.Change // as the sink was told
	next time.Time                  // when it is to be said again; zero while nothing is open
}

// keep remembers what a sink was told, to say it again.
func (w *worker) keep(e *entry, now time.Time) {
	sink, ok := w.route.Sink.(Refresher)
	if !ok {
		return
	}
	r := &w.refresher
	if e.Change.Event == detector.Resolved {
		delete(r.open, e.Change.Incident.ID)
	} else {
		if r.open == nil {
			r.open = make(map[string]detector.Change)
		}
		r.open[e.Change.Incident.ID] = e.Change
	}
	switch {
	case len(r.open) == 0:
		r.next = time.Time{}
	case r.next.IsZero():
		r.next = now.Add(sink.RefreshEvery())
	}
}

// refresh says again what is open if the time for it has come, and gives how long it is until the next time; 0 when there is none.
func (w *worker) refresh(ctx context.Context) time.Duration {
	w.mu.Lock()
	sink, ok := w.route.Sink.(Refresher)
	now, r := w.clock.Now(), &w.refresher
	if !ok || r.next.IsZero() || w.closing {
		w.mu.Unlock()
		return 0
	}
	if wait := r.next.Sub(now); wait > 0 {
		w.mu.Unlock()
		return wait
	}
	open := make([]detector.Change, 0, len(r.open))
	for _, c := range r.open {
		open = append(open, c)
	}
	r.next = now.Add(sink.RefreshEvery())
	w.mu.Unlock()
	if err := sink.Refresh(ctx, open); err != nil && ctx.Err() == nil {
		w.log.Warn("what is open could not be said again; trying at the next time", "open", len(open), "in", sink.RefreshEvery(), "error", err)
	}
	return sink.RefreshEvery()
}
