package app

import (
	"context"
	"time"

	"anywatch/collector"
	"anywatch/detector"
)

// owner is the one goroutine that has the engine: it applies what the queue brings, moves the clock on, and does what others ask of the engine in
// between.
type owner struct {
	engine *detector.Engine
	queue  *collector.Queue
	asks   chan func(*detector.Engine)
	now    func() time.Time
	done   chan struct{}
}

// tick is how often the clock moves on without an event.
const tick = 100 * time.Millisecond

func newOwner(e *detector.Engine, q *collector.Queue, now func() time.Time) *owner {
	return &owner{engine: e, queue: q, asks: make(chan func(*detector.Engine)), now: now, done: make(chan struct{})}
}

// run owns the engine until ctx ends and the queue is empty.
func (o *owner) run(ctx context.Context) {
	defer close(o.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case ev := <-o.queue.Events():
			o.engine.Apply(ev, o.now())
		case ask := <-o.asks:
			ask(o.engine)
		case <-ticker.C:
			o.engine.Advance(o.now())
		case <-ctx.Done():
			o.drain()
			return
		}
	}
}

func (o *owner) drain() {
	for {
		select {
		case ev := <-o.queue.Events():
			o.engine.Apply(ev, o.now())
		default:
			return
		}
	}
}

// ask has something done with the engine, and waits until it is done. Once the owner has ended it does nothing.
func (o *owner) ask(what func(*detector.Engine)) {
	finished := make(chan struct{})
	select {
	case o.asks <- func(e *detector.Engine) { defer close(finished); what(e) }:
		<-finished
	case <-o.done:
	}
}
