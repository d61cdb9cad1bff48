package store

import (
	"context"
	"time"
)

// write is the writer's goroutine: it ends when the queue is closed and empty, or takes nothing any more.
func (s *Store) write() {
	for {
		group, wait, ended := s.queue.take()
		switch {
		case ended:
			return
		case group != nil:
			if !s.commit(group) {
				return
			}
		default:
			s.sleep(wait)
		}
	}
}

// sleep waits until something comes, or so long; zero is no limit.
func (s *Store) sleep(d time.Duration) {
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-s.queue.wake:
	}
}

// commit writes a group, and tells whether to go on. What can't be written because of the database is held and tried again.
func (s *Store) commit(group []*op) bool {
	began := time.Now()
	err := s.transact(group)
	s.metrics.write.Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
		s.trouble.end()
		finish(group, nil)
		return true
	case s.dialect.ours(err) && len(group) > 1:
		for _, o := range group { // one of them is at fault: the others are not to suffer
			if !s.commit([]*op{o}) {
				return false
			}
		}
		return true
	case s.dialect.ours(err):
		s.metrics.errors.Inc()
		s.log.Error("something could not be written and is dropped", "error", err)
		finish(group, err)
		return true
	}
	s.queue.putBack(group)
	s.trouble.begin(err)
	return s.recover(err)
}

func finish(group []*op, err error) {
	for _, o := range group {
		o.finish(err)
	}
}

// recover waits a moment, and opens the database again where that is needed. It tells whether to try again.
func (s *Store) recover(err error) bool {
	timer := time.NewTimer(s.config.Retry)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.tending.Done():
		if s.trouble.last() {
			return false
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), postgresWithin)
	defer cancel()
	c := s.conns.Load()
	switch {
	case c == nil:
		if err := s.begin(ctx); err != nil {
			s.trouble.begin(err)
		}
	case s.dialect.broken(err):
		s.renew(ctx, c, err)
	default:
		if err := c.reconnect(ctx); err != nil {
			s.trouble.begin(s.dialect.clean(err))
		}
	}
	return true
}

// renew begins a new file in place of one that broke or is gone.
func (s *Store) renew(ctx context.Context, c *conns, why error) {
	s.conns.Store(nil)
	if err := c.close(); err != nil {
		s.log.Warn("the broken database was not closed well", "error", err)
	}
	aside, err := s.dialect.putAside(s.now().UTC().Format("20060102T150405Z"))
	if err != nil {
		s.log.Error("the broken database can't be put aside", "error", err)
	} else {
		s.log.Error("the database broke while it was in use and was put aside; a new one is begun, and the history so far is missing", "error", why, "kept_as", aside)
	}
	if err := s.begin(ctx); err != nil {
		s.trouble.begin(err)
		return
	}
	if s.config.Renewed != nil {
		s.config.Renewed()
	}
}

// transact writes a group in one transaction.
func (s *Store) transact(group []*op) error {
	c := s.conns.Load()
	if c == nil {
		return ErrAway
	}
	if err := s.dialect.taken(); err != nil {
		return err
	}
	ctx, cancel := s.dialect.limited()
	defer cancel()
	later := group[0].detail // a group is either of details or of what somebody waits for
	if err := s.dialect.before(ctx, c, later); err != nil {
		return s.dialect.clean(err)
	}
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return s.dialect.clean(err)
	}
	t := &txn{ctx: ctx, c: c, dialect: s.dialect}
	if err = s.dialect.begun(t, later); err == nil {
		err = t.know(group)
	}
	for i := 0; i < len(group) && err == nil; i++ {
		err = t.apply(group[i])
	}
	if err == nil {
		err = t.flush()
	}
	if err != nil {
		_ = tx.Rollback() // the error that led here says more
		s.words.forget()
		c.subjects.forget()
		return s.dialect.clean(err)
	}
	if err = tx.Commit(); err != nil {
		s.words.forget()
		c.subjects.forget()
	}
	return s.dialect.clean(err)
}
