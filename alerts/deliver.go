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
	if news := w.conclude(ctx, b, entries, err); news != nil {
		w.trouble(w.name, news.err)
	}
}

// standing is news of a sink: it is in trouble, or with a nil error is so no more.
type standing struct{ err error }

// conclude draws the consequences of a delivery, and gives the news of the sink's standing, if there are any.
func (w *worker) conclude(ctx context.Context, b *batch, entries []*entry, err error) *standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inHand = 0
	now := w.clock.Now()
	was := w.troubled
	switch permanent, wait := verdict(err); {
	case err == nil:
		w.delivered(entries, now)
		w.settle(Sent, "", b.entries)
		w.troubled = w.troubled && len(entries) == 0
	case ctx.Err() != nil:
		w.queue.putBack(b)
	case permanent:
		w.giveUp(b, "a notification was refused and is lost", err)
		w.troubled = true
	case now.Sub(b.first) >= giveUpAfter:
		w.giveUp(b, "a notification could not be delivered for too long and is lost", err)
	default:
		w.retry(b, err, wait, now)
		w.troubled = w.troubled || now.Sub(w.failingSince) >= troubledAfter
	}
	w.showDepth()
	if was == w.troubled {
		return nil
	}
	return &standing{err}
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
		i := &e.Change.Incident
		last, known := said[i.ID]
		if f := w.followed[i.ID]; !known && f != nil && f.told {
			last, known = f.severity, true
		}
		if e.Change.Event == detector.Updated && known && last == i.Severity && !e.reminder {
			continue
		}
		said[i.ID] = i.Severity
		chosen = append(chosen, e)
	}
	return w.route.Sink, chosen
}

func notification(entries []*entry) Notification {
	n := Notification{Changes: make([]detector.Change, len(entries)), Since: entries[0].At}
	for i, e := range entries {
		n.Changes[i] = e.Change
		if e.At.Before(n.Since) {
			n.Since = e.At
		}
		n.Reminder = n.Reminder || e.reminder
	}
	return n
}

// delivered counts, remembers what the sink knows now, and ends a time of failure.
func (w *worker) delivered(entries []*entry, now time.Time) {
	for _, e := range entries {
		w.metrics.sent.Inc()
		w.metrics.latency.Observe(now.Sub(e.At).Seconds())
		w.note(e, now)
		w.keep(e, now)
	}
	if w.failures > 0 {
		w.log.Info("the sink takes notifications again", "failures", w.failures, "after", now.Sub(w.failingSince))
	}
	w.failures, w.notBefore = 0, time.Time{}
}

// note remembers what the sink knows of an open incident, and forgets one whose end it knows.
func (w *worker) note(e *entry, now time.Time) {
	f := w.followed[e.Change.Incident.ID]
	if f == nil {
		return
	}
	if e.Change.Event != detector.Resolved {
		f.told, f.severity, f.word = true, e.Change.Incident.Severity, now
		return
	}
	f.told = false
	w.release(e)
}

// release forgets an incident with its end, unless it has come back since.
func (w *worker) release(e *entry) {
	if f := w.followed[e.Change.Incident.ID]; f != nil && f.over && e.Change.Event == detector.Resolved {
		delete(w.followed, e.Change.Incident.ID)
	}
}

// giveUp counts and logs what will not be delivered.
func (w *worker) giveUp(b *batch, what string, err error) {
	w.metrics.failed.Add(float64(len(b.entries)))
	w.settle(Failed, err.Error(), b.entries)
	for _, e := range b.entries {
		w.release(e)
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
		w.condensed(w.queue.condenseAll())
	}
}

// incidentsShown bounds how many ids one line of the log lists.
const incidentsShown = 5

// incidents lists the ids of a batch, for the log.
func incidents(b *batch) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, e := range b.entries {
		id := e.Change.Incident.ID
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
