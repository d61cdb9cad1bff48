package store

import (
	"context"
	"sync"
	"time"
)

const (
	groupRows  = 4096 // rows that go into one commit together, of what is waited for
	detailRows = 256  // and of what is not, so that nobody waits long for such a commit
)

// op is something to write, which is written wholly or not at all.
type op struct {
	rows    []row
	settled []settlement
	run     func(*txn) error // what can't be put into rows
	detail  bool             // nobody waits for it
	ripe    bool             // nor does it wait for other details to come along
	flush   bool             // it writes nothing, and is done when all before it is
	bytes   int
	done    func(error) // called once, when it is written, held or dropped; nil when nobody asks
	once    sync.Once   // whoever writes, gives or drops may find out first
}

func (o *op) weight() int { return len(o.rows) + len(o.settled) + 1 }

func (o *op) finish(err error) {
	if o.done != nil {
		o.once.Do(func() { o.done(err) })
	}
}

// queue is what waits to be written: what somebody waits for, and details.
type queue struct {
	s    *Store
	wake chan struct{}

	mu              sync.Mutex
	urgent, details []*op
	bytes           int
	rows            int // of details
	since           time.Time
	held            bool // the database takes nothing now
	closed          bool
	dropped         uint64
}

func (q *queue) init(s *Store) { q.s, q.wake = s, make(chan struct{}, 1) }

// enqueue takes something to write. It never blocks.
func (s *Store) enqueue(o *op) {
	q := &s.queue
	for _, r := range o.rows {
		o.bytes += r.bytes()
	}
	o.bytes += 64 * o.weight()
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		o.finish(ErrClosed)
		return
	}
	if o.detail {
		if len(q.details) == 0 {
			q.since = time.Now()
		}
		q.details = append(q.details, o)
		q.rows += o.weight()
	} else {
		q.urgent = append(q.urgent, o)
	}
	q.bytes += o.bytes
	gone := q.bound()
	held := q.held
	q.show()
	q.mu.Unlock()
	if len(gone) > 0 {
		s.trouble.lost(len(gone))
		finish(gone, ErrDropped)
	}
	if held {
		o.finish(ErrHeld)
	}
	q.nudge()
}

// wait gives something to write and waits until it is written. When ctx ends first, it is still written.
func (s *Store) wait(ctx context.Context, o *op) error {
	result := make(chan error, 1)
	o.done = func(err error) { result <- err }
	s.enqueue(o)
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bound drops what there is no memory for: the oldest details first. The mutex is held.
func (q *queue) bound() (gone []*op) {
	for q.bytes > q.s.config.HoldBytes && len(q.details)+len(q.urgent) > 1 {
		list := &q.details
		what := "details"
		if len(q.details) == 0 {
			list, what = &q.urgent, "records"
		}
		o := (*list)[0]
		(*list)[0] = nil
		*list = (*list)[1:]
		q.inherit(o, *list)
		q.bytes -= o.bytes
		if o.detail {
			q.rows -= o.weight()
		}
		q.dropped++
		q.s.metrics.dropped.WithLabelValues(what).Inc()
		gone = append(gone, o)
	}
	return gone
}

// inherit gives the words of what is dropped to what comes next: others may count on them.
func (q *queue) inherit(o *op, list []*op) {
	if len(list) == 0 {
		return
	}
	for _, r := range o.rows {
		if r.table == &wordTable || r.table == &netTable {
			list[0].rows = append(list[0].rows, r)
			list[0].bytes += r.bytes()
			q.bytes += r.bytes()
			if o.detail {
				q.rows++
			}
		}
	}
}

// take gives what goes into the next commit, or how long to wait for it: zero is until something comes.
func (q *queue) take() (group []*op, wait time.Duration, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.show()
	flush := q.closed || len(q.urgent) > 0 && q.urgent[0].flush
	late := q.s.config.Linger - time.Since(q.since)
	switch ready := q.rows >= detailRows || late <= 0 || flush || len(q.details) > 0 && q.details[0].ripe; {
	case len(q.details) > 0 && ready && (len(q.urgent) == 0 || flush || late < -q.s.config.Linger):
		group, q.details = cut(q.details, detailRows)
		q.since = time.Now()
		for _, o := range group {
			q.rows -= o.weight()
		}
	case len(q.urgent) > 0:
		group, q.urgent = cut(q.urgent, groupRows)
	case len(q.details) > 0:
		return nil, late, false
	default:
		return nil, 0, q.closed
	}
	for _, o := range group {
		q.bytes -= o.bytes
	}
	return group, 0, false
}

// cut takes as many from the front as have so many rows, at least one. What waits until all is written goes alone.
func cut(list []*op, rows int) (front, rest []*op) {
	n := 0
	for i, o := range list {
		if n += o.weight(); i > 0 && (n > rows || o.flush || list[0].flush) {
			return list[:i:i], list[i:]
		}
	}
	return list, nil
}

// putBack returns what could not be written to where it was.
func (q *queue) putBack(group []*op) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range group {
		q.bytes += o.bytes
	}
	if group[0].detail {
		for _, o := range group {
			q.rows += o.weight()
		}
		q.details = append(group[:len(group):len(group)], q.details...)
	} else {
		q.urgent = append(group[:len(group):len(group)], q.urgent...)
	}
	q.show()
}

// hold says whether the database takes nothing now; whoever waits is told so.
func (q *queue) hold(held bool) {
	q.mu.Lock()
	q.held = held
	var waiting []*op
	if held {
		waiting = append(append(waiting, q.urgent...), q.details...)
	}
	q.mu.Unlock()
	for _, o := range waiting {
		o.finish(ErrHeld)
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.nudge()
}

// left tells what waits.
func (q *queue) left() (ops, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.urgent) + len(q.details), q.bytes
}

func (q *queue) show() { q.s.metrics.depth.Set(float64(len(q.urgent) + len(q.details))) }

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}
