package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/alerts"
	"anywatch/cmd/internal/config"
	"anywatch/cmd/internal/store"
	"anywatch/detector"
)

// openStore opens the history that the configuration names.
func openStore(c *config.Config, log *slog.Logger, now func() time.Time, reg prometheus.Registerer, renewed func()) (*store.Store, error) {
	s, err := store.Open(context.Background(), store.Config{
		URL: storeURL(c), Keep: c.Store.Keep, Renewed: renewed, Now: now, Log: log, Registerer: reg,
	})
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	return s, nil
}

// storeURL is the address of the history, a file by its full name.
func storeURL(c *config.Config) string {
	if c.Store.Database.IsZero() {
		return c.Store.URL.Reveal()
	}
	return "sqlite:" + c.Store.Database.Path
}

// recordWithin bounds how long alerting waits for the disk. What takes longer is told without, and kept when it can be.
const recordWithin = 2 * time.Second

// journal keeps in the store what happened and what sinks have yet to be told. The store itself says when it can't.
type journal struct{ store *store.Store }

// Record keeps changes and who is to be told of them.
func (j journal) Record(changes []detector.Change, tell []alerts.Kept) {
	b := &store.Batch{Changes: make([]store.Change, len(changes))}
	for i := range changes {
		b.Changes[i] = store.Change{Change: changes[i]}
	}
	for i := range tell {
		b.Notifications = append(b.Notifications, notification(&tell[i], len(changes)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordWithin)
	defer cancel()
	_ = j.store.Record(ctx, b)
	for i := range b.Notifications {
		tell[i].Seq = uint64(b.Notifications[i].Seq)
	}
}

// notification writes what a sink is to be told, by the change among those of the same write if it is there, else with a copy of its own.
func notification(k *alerts.Kept, changes int) store.Notification {
	n := store.Notification{Sink: k.Sink, Incident: k.Change.Incident.ID, Due: k.At, Of: k.Of}
	if k.Of < 0 || k.Of >= changes {
		body, _ := json.Marshal(k.Change) // it has nothing that JSON can't write
		n.Of, n.Body = 0, string(body)
		n.Key = fmt.Sprintf("%s-%d-escalated", n.Incident, k.Change.Incident.Reopened)
	}
	return n
}

// Settle notes what became of something that a sink was to be told, and why it was given up if it was.
func (j journal) Settle(sink string, what alerts.Outcome, why string, seqs []uint64) {
	o := store.Outcome{Seqs: make([]int64, len(seqs)), State: store.Delivered, Error: why}
	for i, seq := range seqs {
		o.Seqs[i] = int64(seq)
	}
	switch what {
	case alerts.Failed:
		o.State = store.Failed
	case alerts.Condensed:
		o.State = store.Condensed
	}
	j.store.Settle(o)
}

// restore takes over, before the first event, what the run before has left: incidents, and what sinks have yet to be told.
func (d *Daemon) restore(ctx context.Context) {
	muted, err := d.muted(ctx)
	if err != nil {
		d.log.Error("silences can't be read; nothing is silenced", "error", err)
	}
	d.owner.engine.SetSilences(muted, d.now()) // before the incidents that they mute are there: else these would seem to be muted no more
	incidents, told, err := d.formerIncidents(ctx)
	if err != nil {
		d.log.Error("what the run before has left can't be read; what is open is told anew", "error", err)
		return
	}
	pending, err := d.formerPending(ctx)
	if err != nil {
		d.log.Error("what sinks have yet to be told can't be read", "error", err)
	}
	d.alerts.Restore(alerts.Backlog{Pending: pending, Told: told})
	if err := d.owner.engine.Restore(incidents, d.now()); err != nil {
		d.log.Warn("some incidents of the run before can't be taken over", "why", err)
	}
	d.metrics.restored(d.owner.engine.Open())
	if len(incidents)+len(pending) > 0 {
		d.log.Info("the run before has left", "incidents", len(incidents), "notifications", len(pending))
	}
}

// formerIncidents gives the incidents that were open at the end, or resolved so lately that they may come back, and what sinks know of them.
func (d *Daemon) formerIncidents(ctx context.Context) (list []detector.Incident, told []alerts.Kept, err error) {
	open, err := d.store.OpenIncidents(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range open {
		list = append(list, c.Incident)
		h, err := d.store.Incident(ctx, c.Incident.ID)
		if err != nil {
			return nil, nil, err
		}
		told = append(told, delivered(h)...)
	}
	filter := store.Filter{States: []string{"resolved"}, Since: d.now().Add(-d.options.Config.Detect.ReopenWithin)}
	for page := (store.Page{Limit: 500}); ; {
		some, next, err := d.store.Incidents(ctx, filter, page)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range some {
			list = append(list, c.Incident)
		}
		if next == "" {
			return list, told, nil
		}
		page.After = next
	}
}

// delivered gives the newest that each sink was told of an incident in its present life.
func delivered(h store.History) []alerts.Kept {
	newest := make(map[string]alerts.Kept)
	for _, n := range h.Notifications {
		if n.State != store.Delivered {
			continue
		}
		c, err := told(n)
		if err != nil || c.Incident.Reopened != h.Incident.Reopened {
			continue
		}
		// What the sink knows is the change that it was told; what the incident is now, it hears with the next one.
		newest[n.Sink] = alerts.Kept{Seq: uint64(n.Seq), Sink: n.Sink, At: n.Done, Change: c}
	}
	var out []alerts.Kept
	for _, sink := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, newest[sink])
	}
	return out
}

// told gives the change that a notification is about.
func told(n store.Notification) (c detector.Change, err error) {
	if n.Body != "" {
		err = json.Unmarshal([]byte(n.Body), &c)
		return c, err
	}
	if n.Change == nil {
		return c, fmt.Errorf("notification %s tells nothing", n.Key)
	}
	return *n.Change, nil
}

// formerPending gives what sinks have yet to be told.
func (d *Daemon) formerPending(ctx context.Context) (out []alerts.Kept, err error) {
	waiting, err := d.store.Backlog(ctx)
	if err != nil {
		return nil, err
	}
	for _, sink := range slices.Sorted(maps.Keys(waiting)) {
		for after := int64(0); ; {
			some, err := d.store.Pending(ctx, sink, after, 500)
			if err != nil {
				return out, err
			}
			for _, n := range some {
				after = n.Seq
				c, err := told(n)
				if err != nil {
					d.log.Error("a notification that was kept can't be read, and is lost", "sink", sink, "key", n.Key, "why", err)
					d.store.Settle(store.Outcome{Seqs: []int64{n.Seq}, State: store.Failed, Error: "it can't be read"})
					continue
				}
				out = append(out, alerts.Kept{Seq: uint64(n.Seq), Sink: sink, At: n.Due, Change: c})
			}
			if len(some) == 0 {
				break
			}
		}
	}
	return out, nil
}

// renewed records what is open again, after the database had to be begun anew. It is called by the store, and does not wait for it.
func (d *Daemon) renewed() {
	go d.owner.ask(func(e *detector.Engine) {
		b := &store.Batch{}
		for _, i := range e.Open() {
			b.Changes = append(b.Changes, store.Change{Change: detector.Change{Event: detector.Opened, Time: i.Opened, Incident: i}})
		}
		_ = d.store.Submit(b, func(error) {})
	})
}

// sinkTrouble has the others told of a sink that can't be told what happens.
func (d *Daemon) sinkTrouble(sink string, err error) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	d.owner.ask(func(e *detector.Engine) { e.SetSink(sink, why, d.now()) })
}
