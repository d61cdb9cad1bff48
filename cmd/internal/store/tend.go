package store

import (
	"context"
	"time"
)

const (
	aliveEvery = 10 * time.Second // how exactly the end of a run that was killed is known
	sweepEvery = time.Minute
)

// tend does what has to be done beside the writer, and never takes long: it copies the log, measures, and says that the run is alive.
func (s *Store) tend() {
	var alive time.Time
	s.every(func(now time.Time) {
		s.look(s.tending)
		if now.Sub(alive) >= aliveEvery {
			alive = now
			s.alive()
		}
	})
}

// toil does what may take long: it reads summaries, and deletes what is too old.
func (s *Store) toil() {
	var swept time.Time
	s.every(func(now time.Time) {
		s.readTexts(s.tending)
		if now.Sub(swept) >= sweepEvery {
			swept = now
			s.sweep(s.tending)
		}
	})
}

// every does something at every tick, until the store is closed.
func (s *Store) every(do func(now time.Time)) {
	ticker := time.NewTicker(s.config.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do(time.Now())
		case <-s.tending.Done():
			return
		}
	}
}

// look copies the log and measures.
func (s *Store) look(ctx context.Context) {
	c := s.conns.Load()
	if c == nil {
		return
	}
	if err := s.dialect.tidy(ctx, c); err != nil && ctx.Err() == nil {
		s.log.Debug("the log of the database was not copied; it is tried again", "error", err)
	}
	if total, used, err := s.dialect.size(ctx, c); err == nil {
		s.metrics.bytes.Set(float64(total))
		s.metrics.used.Set(float64(used))
	}
}

// alive notes that this run goes on. It is also what finds out that the database is back, or that its file is gone, when nothing else is written.
func (s *Store) alive() {
	s.enqueue(&op{detail: true, run: func(t *txn) error {
		return t.exec("UPDATE run SET alive = ? WHERE id = ?", nanos(s.now()), s.run)
	}})
}

// sweep deletes what is too old, then what there is no room for, and gives room back.
func (s *Store) sweep(ctx context.Context) {
	if s.conns.Load() == nil || s.trouble.on.Load() {
		return
	}
	err := s.age(ctx)
	if err == nil {
		err = s.bound(ctx)
	}
	if err == nil {
		err = s.wait(ctx, &op{detail: true, run: s.dialect.shrink})
	}
	if err != nil && ctx.Err() == nil && !s.trouble.on.Load() {
		s.log.Warn("what is too old could not be deleted; it is tried again", "error", err)
	}
}
