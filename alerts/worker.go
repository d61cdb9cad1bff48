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
	journal Journal
	trouble func(sink string, err error)
	// escalate tells another sink.
	escalate func(to string, c detector.Change)
	wake     chan struct{}

	mu        sync.Mutex
	route     Route
	manner    Manner
	groupWait time.Duration
	repeat    time.Duration
	queue     *queue
	inHand    int                // changes that the sink is being told
	followed  map[string]*follow // the incidents that the sink hears of, by id
	refresher refresher
	closing   bool // deliver what waits, without gathering, and end
	ended     bool

	failures     int // in a row
	failingSince time.Time
	notBefore    time.Time
	troubled     bool // and trouble was told
	lost         int  // given up because the queue was full, and not yet logged
	lossLogged   time.Time
}

func newWorker(r Route, c *Config) *worker {
	name := r.Sink.Name()
	return &worker{
		name: name, clock: c.Clock, log: c.Log.With("sink", name), chance: c.Chance, limit: c.QueueLimit, metrics: c.Metrics.of(name),
		journal: c.Journal, trouble: c.Trouble,
		wake:  make(chan struct{}, 1),
		route: r, manner: r.Sink.Manner(), groupWait: c.GroupWait, repeat: c.Repeat,
		queue: newQueue(), followed: make(map[string]*follow),
	}
}

// offer queues what the sink is to be told. It never waits for the sink.
func (w *worker) offer(k Kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := k.Change.Incident.ID
	if w.ended {
		w.metrics.failed.Inc()
		w.log.Error("a notification came after the sink was closed; without a journal it is lost", "incident", id, "event", k.Change.Event)
		return
	}
	now := w.clock.Now()
	w.enqueue(&entry{Kept: k}, now.Add(w.groupWait))
	w.relieve(id, now)
	w.showDepth()
	w.nudge()
}

// enqueue puts an entry beside its kin.
func (w *worker) enqueue(e *entry, due time.Time) {
	if w.manner.Alone {
		w.queue.push(e, "", e.At)
		return
	}
	f := w.followed[e.Change.Incident.ID]
	if f == nil { // it is over, and the sink was never told
		f = &follow{kin: w.route.kin(&e.Change.Incident)}
	}
	if f.root != "" && w.queue.beside(e, f.root) {
		return
	}
	w.queue.push(e, f.kin, due)
}

// resume queues what the process before had not delivered. It has waited long enough.
func (w *worker) resume(k Kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow(k.Change)
	w.enqueue(&entry{Kept: k}, w.clock.Now())
	w.relieve(k.Change.Incident.ID, w.clock.Now())
	w.showDepth()
}

// relieve condenses when the sink is behind, and makes room when the queue is full: what waits longest goes, counted and logged.
func (w *worker) relieve(id string, now time.Time) {
	switch {
	case w.queue.depth == crowd:
		w.condensed(w.queue.condenseAll())
	case w.queue.depth > crowd || w.failing(now):
		w.condensed(w.queue.condense(id))
	}
	for w.queue.depth > w.limit {
		oldest := w.queue.oldest()
		gone := w.queue.drop(oldest)
		delete(w.followed, oldest)
		w.settle(Failed, "the queue was full", gone)
		w.metrics.failed.Add(float64(len(gone)))
		w.lost += len(gone)
	}
	w.logLoss(now)
}

// condensed counts and settles what something newer contains.
func (w *worker) condensed(gone []*entry) {
	w.metrics.condensed.Add(float64(len(gone)))
	w.settle(Condensed, "", gone)
}

// settle tells the journal what became of entries, and why they were given up if they were.
func (w *worker) settle(what Outcome, why string, entries []*entry) {
	if list := seqs(entries); len(list) > 0 {
		w.journal.Settle(w.name, what, why, list)
	}
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
func (w *worker) adopt(r Route, groupWait, repeat time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.route, w.manner, w.groupWait, w.repeat = r, r.Sink.Manner(), groupWait, repeat
	w.nudge()
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
		wait = sooner(sooner(wait, w.refresh(ctx)), w.remind())
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

// sooner gives the shorter of two waits; zero is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
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
	if w.journal != (noJournal{}) {
		w.log.Warn("notifications were not delivered before the end; they are kept, and delivered after the next start", "kept", n, "oldest", w.queue.oldest())
	} else {
		w.log.Error("notifications were not delivered before the end and are lost", "lost", n, "oldest", w.queue.oldest())
		w.metrics.failed.Add(float64(n))
	}
	w.queue = newQueue()
	w.showDepth()
	return n
}
