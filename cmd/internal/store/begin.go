package store

import (
	"context"
	"errors"
	"fmt"
)

// begin opens the database, and begins a new one where the file is broken.
func (s *Store) begin(ctx context.Context) error {
	err := s.connect(ctx)
	if err == nil || s.config.ReadOnly || !s.dialect.broken(err) {
		return err
	}
	aside, failed := s.dialect.putAside(s.now().UTC().Format("20060102T150405Z"))
	if failed != nil {
		return errors.Join(err, failed)
	}
	s.log.Error("the database is broken and was put aside; a new one is begun, and the history so far is missing", "error", err, "kept_as", aside)
	return s.connect(ctx)
}

// connect opens the database as it is.
func (s *Store) connect(ctx context.Context) error {
	all, err := steps(migrations)
	if err != nil {
		return err
	}
	c, err := s.dialect.open(ctx, s.config.ReadOnly)
	if err != nil {
		return err
	}
	if s.config.ReadOnly {
		err = readable(ctx, c, all)
	} else if err = migrate(ctx, s.dialect, c, all); err == nil {
		if err = s.dialect.furnish(ctx, c); err == nil {
			err = s.beginRun(ctx, c)
		}
	}
	if err != nil {
		return errors.Join(s.dialect.clean(fmt.Errorf("store: %s: %w", s.dialect, err)), c.close())
	}
	s.words.forget()
	s.conns.Store(c)
	return nil
}

// numbered are the tables whose numbers are given by this program.
var numbered = [...]string{"run", "change", "note", "silence", "maintenance", "route", "site_state", "catchment", "vrp_change", "health"}

// beginRun notes that a run begins, goes on with the numbers where the last one ended, and looks for faults.
func (s *Store) beginRun(ctx context.Context, c *conns) error {
	var last int64
	for _, table := range numbered {
		var n int64
		if err := c.write.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM "+table).Scan(&n); err != nil {
			return err
		}
		last = max(last, n)
	}
	var n int64
	if err := c.write.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM notification").Scan(&n); err != nil {
		return err
	}
	s.beyond(max(last, n))
	if err := s.dialect.check(ctx, c); err != nil {
		return err
	}
	return s.noteRun(ctx, c)
}

// noteRun writes this run down; one before it that was killed ended when it was last alive.
func (s *Store) noteRun(ctx context.Context, c *conns) error {
	if _, err := c.write.ExecContext(ctx, s.dialect.sql("UPDATE run SET ended = alive WHERE ended IS NULL AND id <> ?"), s.run); err != nil {
		return err
	}
	_, err := c.write.ExecContext(ctx, s.dialect.sql("INSERT INTO run (id, began, alive) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"), s.run, nanos(s.began), nanos(s.now()))
	return err
}
