package alerts

import (
	"context"
	"time"

	"anywatch/detector"
)

// deliver tells the sink a batch, and draws the consequences.
func (w *worker) deliver(ctx context.Context, b *batch) {
	sink, entries := w.choose(b)
	var err error
	if len(entries) > 0 {
		err = sink.Notify(ctx, notification(entries))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inHand = 0
	now := w.clock.Now()
	switch permanent, wait := verdict(err); {
	case err == nil:
		w.delivered(entries, now)
	case ctx.Err() != nil:
		w.queue.putBack(b)
	case permanent:
		w.giveUp(b, "a notification was refused and is lost", err)
	case now.Sub(b.first) >= giveUpAfter:
		w.giveUp(b, "a notification could not be delivered for too long and is lost", err)
	default:
		w.retry(b, err, wait, now)
	}
	w.showDepth()
}

// choose gives what of a batch the sink is told, after its manner.
func (w *worker) choose(b *batch) (Sink, []*entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.manner.Updates == EveryUpdate {
		return w.route.Sink, b.entries
	}
	var chosen []*entry
	said := make(map[string]detector.Severity)
	for _, e := range b.entries {
		i := &e.change.Incident
		last, known := said[i.ID]
		if !known {
			last, known = w.told[i.ID]
		}
		if e.change.Event == detector.Updated && known && last == i.Severity {
			continue
		}
		said[i.ID] = i.Severity
		chosen = append(chosen, e)
	}
	return w.route.Sink, chosen
}

func notification(entries []*entry) Notification {
	n := Notification{Changes: make([]detector.Change, len(entries))}
	for i, e := range entries {
		n.Changes[i] = e.change
	}
	return n
}

// delivered counts, remembers what the sink knows now, and ends a time of failure.
func (w *worker) delivered(entries []*entry, now time.Time) {
	for _, e := range entries {
		w.metrics.sent.Inc()
		w.metrics.latency.Observe(now.Sub(e.at).Seconds())
		w.note(e)
		w.keep(e, now)
	}
	if w.failures > 0 {
		w.log.Info("the sink takes notifications again", "failures", w.failures, "after", now.Sub(w.failingSince))
	}
	w.failures, w.notBefore = 0, time.Time{}
}

// note remembers the severity that the sink knows of an open incident.
func (w *worker) note(e *entry) {
	if e.change.Event == detector.Resolved {
		delete(w.told, e.change.Incident.ID)
	} else {
		w.told[e.change.Incident.ID] = e.change.Incident.Severity
	}
}

// giveUp counts and logs what will not be delivered.
func (w *worker) giveUp(b *batch, what string, err error) {
	w.metrics.failed.Add(float64(len(b.entries)))
	for _, e := range b.entries {
		if e.change.Event == detector.Resolved {
			delete(w.told, e.change.Incident.ID)
		}
	}
	w.log.Error(what, "incidents", incidents(b), "error", err)
	w.failures, w.notBefore = 0, time.Time{}
}

// retry plans the next try. A batch that failed often lets others pass that wait: it may be this one that the receiver can't take. That the
// receiver asked for time is not the batch's fault.
func (w *worker) retry(b *batch, err error, wait time.Duration, now time.Time) {
	w.metrics.retried.Inc()
	if w.failures == 0 {
		w.failingSince = now
	}
	w.failures++
	if wait > 0 {
		wait = min(wait, retryAfterLimit)
	} else {
		wait = backoff(w.failures, w.chance())
		b.tries++
	}
	w.notBefore = now.Add(wait)
	w.log.Warn("a notification could not be delivered; trying again", "incidents", incidents(b), "failures", w.failures, "in", wait, "error", err)
	if b.tries >= triesAtTheFront && w.queue.depth > 0 {
		w.queue.yield(b, now)
	} else {
		w.queue.putBack(b)
	}
	if w.failing(now) {
		w.metrics.condensed.Add(float64(w.queue.condenseAll()))
	}
}

// incidentsShown bounds how many ids one line of the log lists.
const incidentsShown = 5

// incidents lists the ids of a batch, for the log.
func incidents(b *batch) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, e := range b.entries {
		id := e.change.Incident.ID
		if seen[id] {
			continue
		}
		seen[id] = true
		if len(ids) == incidentsShown {
			return append(ids, "…")
		}
		ids = append(ids, id)
	}
	return ids
}
