package collector

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Sink takes events. Emit blocks while there is no room, so that the sender is slowed by TCP, and fails only when ctx ends.
type Sink interface {
	Emit(ctx context.Context, ev Event) error
}

// SinkFunc makes a function a Sink.
type SinkFunc func(ctx context.Context, ev Event) error

// Emit calls the function.
func (f SinkFunc) Emit(ctx context.Context, ev Event) error { return f(ctx, ev) }

// Source is one feed. Run reads it until ctx ends (then it returns ctx's error) or the feed fails. A source that can reconnect by itself does
// so inside Run; what Run returns is worth a restart of the whole source.
type Source interface {
	Name() string
	Run(ctx context.Context, out Sink) error
}

// Queue is a bounded queue of events between the sources and the engine.
type Queue struct{ ch chan Event }

// NewQueue makes a queue for so many events.
func NewQueue(size int) *Queue { return &Queue{ch: make(chan Event, size)} }

// Emit puts an event at the end, waiting for room.
func (q *Queue) Emit(ctx context.Context, ev Event) error {
	select {
	case q.ch <- ev:
		return nil
	default:
	}
	select {
	case q.ch <- ev:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Events gives the queue's receiving end.
func (q *Queue) Events() <-chan Event { return q.ch }

// Depth is how many events wait; Size is how many may.
func (q *Queue) Depth() int { return len(q.ch) }

// Size is how many events may wait.
func (q *Queue) Size() int { return cap(q.ch) }

// Backoff gives the waiting time before the next try: doubling from First to Max, and up to a quarter less, by chance, so that many
// clients of one server don't return at the same moment.
type Backoff struct {
	First, Max time.Duration
	next       time.Duration
}

// Next gives the next waiting time.
func (b *Backoff) Next() time.Duration {
	d := max(b.next, b.First)
	b.next = min(2*d, b.Max)
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// Reset begins anew, after something succeeded.
func (b *Backoff) Reset() { b.next = 0 }

// Supervise runs a source and restarts it with backoff when it fails, until ctx ends. A run that lasted longer than the longest
// wait counts as a success.
func Supervise(ctx context.Context, src Source, out Sink, log *slog.Logger, now func() time.Time) {
	backoff := Backoff{First: time.Second, Max: time.Minute}
	for {
		began := now()
		err := src.Run(ctx, out)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended without a reason")
		}
		if now().Sub(began) > backoff.Max {
			backoff.Reset()
		}
		wait := backoff.Next()
		log.Error("source failed; it will be restarted", "source", src.Name(), "error", err, "wait", wait.Round(time.Millisecond))
		if !Sleep(ctx, wait) {
			return
		}
	}
}

// Sleep waits; false means that ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
