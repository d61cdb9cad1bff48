package alerts

import (
	"sync"

	"anywatch/detector"
)

// recorder takes changes without waiting for anything, and hands on at once all that came while the last were being kept: the more comes, the
// more share one write to the disk.
type recorder struct {
	mu      sync.Mutex
	waiting []detector.Change
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

func newRecorder() *recorder {
	return &recorder{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// put takes a change; false when the recorder has ended.
func (r *recorder) put(c detector.Change) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.waiting = append(r.waiting, c)
	r.nudge()
	return true
}

func (r *recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already
	}
}

// close lets run hand on what waits, and end.
func (r *recorder) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.nudge()
}

// take gives what waits; false when there will be nothing more.
func (r *recorder) take() ([]detector.Change, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := r.waiting
	r.waiting = nil
	return changes, len(changes) > 0 || !r.closed
}

// run hands on until the recorder is closed and nothing waits.
func (r *recorder) run(pass func([]detector.Change)) {
	defer close(r.done)
	for {
		changes, more := r.take()
		if !more {
			return
		}
		if len(changes) > 0 {
			pass(changes)
			continue
		}
		<-r.wake
	}
}
