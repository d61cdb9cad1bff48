package alerts

import (
	"time"

	"anywatch/detector"
)

// follow is what a worker knows of an incident that its sink hears of, from the first word to the last.
type follow struct {
	kin  string // what it has in common with those that are told together with it
	root string // the incident that explains it, "" for none
	over bool   // the end waits to be told

	told     bool
	severity detector.Severity // as the sink knows it

	// latest is the newest change, kept only where people are reminded of it or it escalates.
	latest    detector.Change
	word      time.Time // of the last word that people had
	escalated bool
}

// hears tells whether the sink is told of a change. What it was once told it follows to the end, whatever becomes of it; what is silenced, or
// explained by another incident, it is not bothered with.
func (w *worker) hears(c detector.Change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, i := w.followed[c.Incident.ID], &c.Incident
	switch {
	case f == nil && (c.Event == detector.Resolved && !w.manner.Record || !w.route.Matches(i)):
		return false
	case w.manner.Record || c.Event == detector.Resolved:
	case i.Silenced != nil:
		if f != nil {
			f.latest = c
		}
		return false
	case f == nil && i.ExplainedBy != nil && !w.explains(*i.ExplainedBy):
		return false
	}
	w.follow(c)
	return true
}

// explains tells that an incident waits to be told, so that what follows from it can be told with it.
func (w *worker) explains(id string) bool {
	f := w.followed[id]
	return f != nil && !f.told
}

// follow notes that the sink hears of an incident.
func (w *worker) follow(c detector.Change) *follow {
	f := w.followed[c.Incident.ID]
	if f == nil {
		f = &follow{kin: w.route.kin(&c.Incident)}
		if root := c.Incident.ExplainedBy; root != nil && w.followed[*root] != nil {
			f.root, f.kin = *root, w.followed[*root].kin
		}
		w.followed[c.Incident.ID] = f
	}
	f.over = c.Event == detector.Resolved
	if w.reminds() {
		f.latest = c
	}
	return f
}

// adopts takes on an incident that another sink hands over; false when the sink hears of it already.
func (w *worker) adopts(c detector.Change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed[c.Incident.ID] != nil {
		return false
	}
	w.follow(c)
	return true
}

// knows takes over what the sink was told by the process before.
func (w *worker) knows(k Kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.follow(k.Change)
	f.told, f.severity, f.word = true, k.Change.Incident.Severity, k.At
	w.keep(&entry{Kept: k}, w.clock.Now())
}

// reminds tells whether somebody has to be told of open incidents again: these people, or others.
func (w *worker) reminds() bool {
	return w.manner.Reminders && w.repeat > 0 || w.route.Escalate.To != ""
}

// waits tells that nobody has taken the incident on, and nobody wants to hear nothing of it.
func (f *follow) waits() bool {
	i := &f.latest.Incident
	return f.told && !f.over && i.Acknowledged == nil && i.Silenced == nil
}

// remind queues what people are to be told again, hands to others what nobody acknowledged in time, and gives how long it is until the next time;
// 0 when there is none.
func (w *worker) remind() (wait time.Duration) {
	w.mu.Lock()
	now := w.clock.Now()
	var handOver []detector.Change
	if w.reminds() && !w.closing {
		for _, f := range w.followed {
			if !f.waits() {
				continue
			}
			if w.manner.Reminders && w.repeat > 0 {
				wait = sooner(wait, w.remindOf(f, now))
			}
			if e := w.route.Escalate; e.To != "" && !f.escalated {
				left := f.latest.Incident.Opened.Add(e.After).Sub(now)
				if left > 0 {
					wait = sooner(wait, left)
					continue
				}
				f.escalated = true
				handOver = append(handOver, f.latest)
			}
		}
	}
	to := w.route.Escalate.To
	w.mu.Unlock()
	for _, c := range handOver {
		w.log.Info("nobody acknowledged an incident in time: it escalates", "incident", c.Incident.ID, "to", to)
		w.escalate(to, c)
	}
	return wait
}

// remindOf queues a reminder of an incident when its time has come, and gives how long it is until the next one.
func (w *worker) remindOf(f *follow, now time.Time) time.Duration {
	if left := f.word.Add(w.repeat).Sub(now); left > 0 {
		return left
	}
	f.word = now
	if len(w.queue.byIncident[f.latest.Incident.ID]) == 0 { // otherwise they are about to hear of it anyway
		c := f.latest
		c.Event, c.Changed = detector.Updated, nil
		w.queue.push(&entry{Kept: Kept{Sink: w.name, At: now, Change: c}, reminder: true}, "again: "+f.kin, now)
		w.nudge()
	}
	return w.repeat
}
