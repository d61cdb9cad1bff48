package alerts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"anywatch/detector"
)

// crowd is how many changes may wait for a sink before those of one incident are condensed.
const crowd = 100

// lossLogEvery bounds how often the log tells that a queue is full.
const lossLogEvery = 10 * time.Second

// worker is everything about one sink: its filter, its queue, and the goroutine that delivers.
type worker struct {
	name    string
	clock   Clock
	log     *slog.Logger
	chance  func() float64
	limit   int
	metrics sinkMetrics
	wake    chan struct{}

	mu        sync.Mutex
	route     Route
	manner    Manner
	groupWait time.Duration
	queue     *queue
	inHand    int                          // changes that the sink is being told
	followed  map[string]bool              // open incidents that the sink was told of
	told      map[string]detector.Severity // the severity of each, as the sink knows it
	refresher refresher
	closing   bool // deliver what waits, without gathering, and end
	ended     bool

	failures     int // in a row
	failingSince time.Time
	notBefore    time.Time
	lost         int // given up because the queue was full, and not yet logged
	lossLogged   time.Time
}

func newWorker(r Route, c *Config) *worker {
	name := r.Sink.Name()
	return &worker{
		name: name, clock: c.Clock, log: c.Log.With("sink", name), chance: c.Chance, limit: c.QueueLimit, metrics: c.Metrics.of(name),
		wake:  make(chan struct{}, 1),
		route: r, manner: r.Sink.Manner(), groupWait: c.GroupWait,
		queue: newQueue(), followed: make(map[string]bool), told: make(map[string]detector.Severity),
	}
}

// offer queues a change if the sink is to hear of it. It never waits for the sink.
func (w *worker) offer(c detector.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.hears(&c) {
		return
	}
	if w.ended {
		w.metrics.failed.Inc()
		w.log.Error("a notification came after the sink was closed and is lost", "incident", c.Incident.ID, "event", c.Event)
		return
	}
	now := w.clock.Now()
	if w.manner.Alone {
		w.queue.push(c, "", now, now)
	} else {
		w.queue.push(c, together(&c.Incident), now, now.Add(w.groupWait))
	}
	w.relieve(c.Incident.ID, now)
	w.showDepth()
	w.nudge()
}

// hears tells whether the sink is told of a change. What it was once told it follows to the end, whatever becomes of it.
func (w *worker) hears(c *detector.Change) bool {
	id := c.Incident.ID
	if !w.followed[id] && !w.route.Matches(&c.Incident) {
		return false
	}
	if c.Event == detector.Resolved {
		delete(w.followed, id)
	} else {
		w.followed[id] = true
	}
	return true
}

// relieve condenses when the sink is behind, and makes room when the queue is full: what waits longest goes, counted and logged.
func (w *worker) relieve(id string, now time.Time) {
	switch {
	case w.queue.depth == crowd:
		w.metrics.condensed.Add(float64(w.queue.condenseAll()))
	case w.queue.depth > crowd || w.failing(now):
		w.metrics.condensed.Add(float64(w.queue.condense(id)))
	}
	for w.queue.depth > w.limit {
		oldest := w.queue.oldest()
		n := w.queue.drop(oldest)
		delete(w.told, oldest)
		w.metrics.failed.Add(float64(n))
		w.lost += n
	}
	w.logLoss(now)
}

func (w *worker) logLoss(now time.Time) {
	if w.lost > 0 && now.Sub(w.lossLogged) >= lossLogEvery {
		w.log.Error("the queue is full: the oldest notifications are lost; see why the sink does not take them", "lost", w.lost, "limit", w.limit)
		w.lost, w.lossLogged = 0, now
	}
}

// failing tells that the sink has failed for longer than is usual.
func (w *worker) failing(now time.Time) bool {
	return w.failures > 0 && now.Sub(w.failingSince) >= patience
}

func (w *worker) showDepth() { w.metrics.depth.Set(float64(w.queue.depth + w.inHand)) }

func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake already
	}
}

// adopt puts another route to a sink of the same name in force; what waits stays.
func (w *worker) adopt(r Route, groupWait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.route, w.manner, w.groupWait = r, r.Sink.Manner(), groupWait
}

// close lets the goroutine deliver what waits and end.
func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
	w.nudge()
}

// run delivers until the worker is closed and nothing waits, or ctx ends. It gives how many changes were not delivered.
func (w *worker) run(ctx context.Context) int {
	for ctx.Err() == nil {
		b, wait, done := w.next()
		switch {
		case done:
			return 0
		case b != nil:
			w.deliver(ctx, b)
			continue
		}
		if again := w.refresh(ctx); wait == 0 || again > 0 && again < wait {
			wait = again
		}
		var due <-chan time.Time
		if wait > 0 {
			due = w.clock.After(wait)
		}
		select {
		case <-due:
		case <-w.wake:
		case <-ctx.Done():
		}
	}
	return w.abandon()
}

// next gives the batch that is due, or how long to wait for one: zero means until something comes.
func (w *worker) next() (b *batch, wait time.Duration, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	w.logLoss(now)
	due, waiting := w.queue.due()
	if !waiting {
		w.ended = w.closing
		return nil, 0, w.closing
	}
	if w.closing {
		due = now
	}
	if w.notBefore.After(due) {
		due = w.notBefore
	}
	if wait = due.Sub(now); wait > 0 {
		return nil, wait, false
	}
	b = w.queue.take()
	if !b.tried() {
		b.first = now
	}
	w.inHand = len(b.entries)
	return b, 0, false
}

// abandon counts what was not delivered when there is no more time.
func (w *worker) abandon() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	n := w.queue.depth
	if n == 0 {
		return 0
	}
	w.log.Error("notifications were not delivered before the end and are lost", "lost", n, "oldest", w.queue.oldest())
	w.metrics.failed.Add(float64(n))
	w.queue = newQueue()
	w.showDepth()
	return n
}
