package store

import (
	"sync"
	"sync/atomic"
	"time"
)

// lossLogEvery bounds how often the log tells that something was dropped.
const lossLogEvery = 10 * time.Second

// Health is how the store fares.
type Health struct {
	// Err is why the database takes nothing; nil when all is well. Since is when that began.
	Err   error
	Since time.Time
	// Held and HeldBytes are what waits in memory to be written; Dropped is what there was no memory for, since the start.
	Held, HeldBytes int
	Dropped         uint64
}

// Health tells how the store fares.
func (s *Store) Health() Health {
	h := s.trouble.health()
	h.Held, h.HeldBytes = s.queue.left()
	s.queue.mu.Lock()
	h.Dropped = s.queue.dropped
	s.queue.mu.Unlock()
	return h
}

// trouble is the time in which the database takes nothing.
type trouble struct {
	s  *Store
	on atomic.Bool

	mu       sync.Mutex
	err      error
	since    time.Time
	lastTry  bool // the store is being closed, and this was tried
	unlogged int
	logged   time.Time
}

func (t *trouble) init(s *Store) { t.s = s }

// begin notes that the database takes nothing, and says so once.
func (t *trouble) begin(err error) {
	t.s.metrics.errors.Inc()
	t.mu.Lock()
	first := t.err == nil
	t.err = err
	if first {
		t.since = t.s.now()
	}
	t.mu.Unlock()
	if first {
		t.s.metrics.trouble.Set(1)
		t.on.Store(true)
		t.s.log.Error("the store takes nothing now; detection and alerts go on from memory, and what is to be kept waits there", "error", err)
	}
	t.s.queue.hold(true)
}

// end notes that something could be written.
func (t *trouble) end() {
	if !t.on.Load() {
		return
	}
	t.mu.Lock()
	lasted := t.s.now().Sub(t.since)
	t.err, t.since = nil, time.Time{}
	t.mu.Unlock()
	t.on.Store(false)
	t.s.queue.hold(false)
	t.s.metrics.trouble.Set(0)
	held, _ := t.s.queue.left()
	t.s.log.Info("the store takes what is to be kept again", "after", lasted, "waiting", held)
}

// lost says now and then that there was no memory for what waits.
func (t *trouble) lost(n int) {
	t.mu.Lock()
	t.unlogged += n
	n = t.unlogged
	now := t.s.now()
	due := t.logged.IsZero() || now.Sub(t.logged) >= lossLogEvery
	if due {
		t.unlogged, t.logged = 0, now
	}
	t.mu.Unlock()
	if due {
		t.s.log.Error("the memory for what waits to be kept is full: the oldest is lost", "lost", n, "bytes", t.s.config.HoldBytes)
	}
}

// last tells whether this is the second time that it was tried since the store is to be closed.
func (t *trouble) last() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.lastTry
	t.lastTry = true
	return was
}

func (t *trouble) health() Health {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Health{Err: t.err, Since: t.since}
}
