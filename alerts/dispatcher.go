package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"anywatch/detector"
)

// DefaultQueueLimit is how many changes may wait for one sink unless the configuration of the dispatcher says otherwise.
const DefaultQueueLimit = 4096

// Config is what a dispatcher is made of. What is left out gets a default: the system's clock, no log, unregistered metrics.
type Config struct {
	Routes []Route
	// GroupWait is how long what belongs together is gathered before it is told; 0 tells at once.
	GroupWait time.Duration
	// Repeat is how long after the last word of it people are reminded of an incident that is open and that nobody acknowledged; 0 is never.
	Repeat time.Duration
	// Journal keeps what happens and what sinks have yet to be told; nil keeps nothing.
	Journal Journal
	// Trouble is called when a sink refuses for good what it is told, or has failed for long, and with a nil error when it takes
	// notifications again. It may wait for whoever calls Handle.
	Trouble func(sink string, err error)
	// QueueLimit is how many changes may wait for one sink; 0 means DefaultQueueLimit.
	QueueLimit int
	Clock      Clock
	Log        *slog.Logger
	Metrics    *Metrics
	// Chance gives numbers in [0,1) that spread retries.
	Chance func() float64
}

// Dispatcher hands the changes of incidents to the sinks that are to hear of them.
type Dispatcher struct {
	config   Config
	wg       sync.WaitGroup
	recorder *recorder // nil without a journal

	mu      sync.RWMutex
	workers []*worker
	ctx     context.Context // of the workers; nil until Run
	cancel  context.CancelFunc
	closed  bool
	lost    map[string]int // not delivered when a sink's time was over

	closing  chan struct{} // closed by the first stop
	finished chan struct{} // closed when all workers have ended
}

// New makes a dispatcher. The error names the route that can't be.
func New(c Config) (*Dispatcher, error) {
	if err := checkRoutes(c.GroupWait, c.Routes); err != nil {
		return nil, err
	}
	if c.QueueLimit <= 0 {
		c.QueueLimit = DefaultQueueLimit
	}
	if c.Clock == nil {
		c.Clock = SystemClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.Chance == nil {
		c.Chance = rand.Float64
	}
	if c.Trouble == nil {
		c.Trouble = func(string, error) {}
	}
	var rec *recorder
	if c.Journal != nil {
		rec = newRecorder()
	} else {
		c.Journal = noJournal{}
	}
	d := &Dispatcher{config: c, recorder: rec, lost: make(map[string]int), closing: make(chan struct{}), finished: make(chan struct{})}
	for _, r := range c.Routes {
		d.workers = append(d.workers, d.newWorker(r))
	}
	return d, nil
}

// newWorker makes what delivers to one sink.
func (d *Dispatcher) newWorker(r Route) *worker {
	w := newWorker(r, &d.config)
	w.escalate = d.escalate
	return w
}

// Restore takes over, before Run, what the process before had yet to tell, and what its sinks know. What waits for a sink that is not
// configured any more is settled as failed, and that is logged.
func (d *Dispatcher) Restore(b Backlog) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	byName := make(map[string]*worker)
	for _, w := range d.workers {
		byName[w.name] = w
	}
	for _, k := range b.Told {
		if w := byName[k.Sink]; w != nil {
			w.knows(k)
		}
	}
	orphans := make(map[string][]uint64)
	for _, k := range b.Pending {
		if w := byName[k.Sink]; w != nil {
			w.resume(k)
		} else {
			orphans[k.Sink] = append(orphans[k.Sink], k.Seq)
		}
	}
	for _, sink := range slices.Sorted(maps.Keys(orphans)) {
		d.config.Log.Warn("notifications wait for a sink that is not configured any more; they are dropped", "sink", sink, "notifications", len(orphans[sink]))
		d.config.Journal.Settle(sink, Failed, "the sink is not configured any more", orphans[sink])
	}
}

func checkRoutes(groupWait time.Duration, routes []Route) error {
	if groupWait < 0 {
		return fmt.Errorf("alerts: group wait %s is negative; give 0 to tell at once", groupWait)
	}
	names := make(map[string]bool)
	for i, r := range routes {
		switch {
		case r.Sink == nil:
			return fmt.Errorf("alerts: route %d has no sink", i+1)
		case r.Sink.Name() == "":
			return fmt.Errorf("alerts: the sink of route %d has no name; every sink needs one", i+1)
		case names[r.Sink.Name()]:
			return fmt.Errorf("alerts: two sinks are named %q; give each its own name", r.Sink.Name())
		}
		names[r.Sink.Name()] = true
	}
	return nil
}

// Handle takes a change of an incident and returns at once, whatever the sinks and the disk do. The changes of one incident must come in order,
// and must not be altered afterwards, nor what they point to.
func (d *Dispatcher) Handle(c detector.Change) {
	if d.recorder == nil || !d.recorder.put(c) {
		d.pass([]detector.Change{c})
	}
}

// pass has changes kept together with who is to be told of them, and then queues them for the sinks.
func (d *Dispatcher) pass(changes []detector.Change) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var tell []Kept
	var to []*worker
	for n, c := range changes {
		for _, w := range d.workers {
			if w.hears(c) {
				tell = append(tell, d.kept(w.name, c, n))
				to = append(to, w)
			}
		}
	}
	d.config.Journal.Record(changes, tell)
	for i, w := range to {
		w.offer(tell[i])
	}
}

func (d *Dispatcher) kept(sink string, c detector.Change, of int) Kept {
	return Kept{Sink: sink, At: d.config.Clock.Now(), Change: c, Of: of}
}

// escalate tells a sink of an incident that it does not hear of by itself.
func (d *Dispatcher) escalate(to string, c detector.Change) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, w := range d.workers {
		if w.name == to && w.adopts(c) {
			tell := []Kept{d.kept(to, c, -1)}
			d.config.Journal.Record(nil, tell)
			w.offer(tell[0])
		}
	}
}

// Run delivers until Close has finished, or ctx ends, which cuts off what is under way. The error tells how many changes were not delivered
// to which sink.
func (d *Dispatcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := d.start(ctx, cancel); err != nil {
		return err
	}
	select {
	case <-d.closing:
	case <-ctx.Done():
		d.stop()
	}
	d.wg.Wait()
	close(d.finished)
	return d.undelivered()
}

func (d *Dispatcher) start(ctx context.Context, cancel context.CancelFunc) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.ctx != nil {
		return errors.New("alerts: the dispatcher runs already or was closed; make a new one")
	}
	d.ctx, d.cancel = ctx, cancel
	if d.recorder != nil {
		go d.recorder.run(d.pass)
	}
	for _, w := range d.workers {
		d.launch(w)
	}
	return nil
}

// launch starts the goroutine of a sink. d.mu is held.
func (d *Dispatcher) launch(w *worker) {
	ctx := d.ctx
	d.wg.Go(func() {
		if n := w.run(ctx); n > 0 {
			d.mu.Lock()
			d.lost[w.name] += n
			d.mu.Unlock()
		}
	})
}

// stop takes no more sinks and asks the workers to finish.
func (d *Dispatcher) stop() {
	d.finishRecording()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	for _, w := range d.workers {
		w.close()
	}
	close(d.closing)
}

// finishRecording has what was handed over kept and queued before the workers end.
func (d *Dispatcher) finishRecording() {
	if d.recorder == nil {
		return
	}
	d.recorder.close()
	d.mu.RLock()
	running := d.ctx != nil
	d.mu.RUnlock()
	if running {
		<-d.recorder.done
		return
	}
	if changes, _ := d.recorder.take(); len(changes) > 0 {
		d.pass(changes)
	}
}

// Close delivers what waits, without gathering any longer, until all is delivered or ctx ends; then Run returns. The error tells how many
// changes were not delivered to which sink; they count as failed.
func (d *Dispatcher) Close(ctx context.Context) error {
	d.stop()
	d.mu.RLock()
	cancel := d.cancel
	d.mu.RUnlock()
	if cancel == nil {
		d.abandon()
		return d.undelivered()
	}
	select {
	case <-d.finished:
	case <-ctx.Done():
		cancel()
		<-d.finished
	}
	return d.undelivered()
}

// abandon counts what waits when the dispatcher never ran.
func (d *Dispatcher) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		d.lost[w.name] += w.abandon()
	}
}

// undelivered is the error about what was lost at the end; nil when nothing was.
func (d *Dispatcher) undelivered() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(d.lost)) {
		if n := d.lost[name]; n > 0 {
			text := "alerts: %d notifications were not delivered to %s before the end"
			if d.recorder != nil {
				text += "; they are kept, and delivered after the next start"
			}
			errs = append(errs, fmt.Errorf(text, n, name))
		}
	}
	return errors.Join(errs...)
}

// Reload puts other routes in force. A sink whose name stays keeps what waits for it and what it was told; give the same Sink again where its
// own settings are the same, because it may remember what it said. A sink whose name is gone is told what waits for it, and no more.
func (d *Dispatcher) Reload(groupWait, repeat time.Duration, routes []Route) error {
	if err := checkRoutes(groupWait, routes); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("alerts: the dispatcher was closed; make a new one")
	}
	d.config.GroupWait, d.config.Repeat, d.config.Routes = groupWait, repeat, routes
	old := make(map[string]*worker)
	for _, w := range d.workers {
		old[w.name] = w
	}
	d.workers = nil
	for _, r := range routes {
		w := old[r.Sink.Name()]
		if w == nil {
			w = d.newWorker(r)
			if d.ctx != nil {
				d.launch(w)
			}
		}
		w.adopt(r, groupWait, repeat)
		delete(old, w.name)
		d.workers = append(d.workers, w)
	}
	for _, w := range old {
		w.close()
	}
	return nil
}
