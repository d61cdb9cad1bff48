// Package store keeps what anywatch has to remember: incidents with every change, the outbox of notifications, what people said and ordered, and
// the histories behind the reports. The database is SQLite in one file, or PostgreSQL, through the same queries and the same migrations.
//
// One goroutine writes. Whatever arrives while it commits goes into the next commit together, so that one wait for the disk serves many. What
// somebody waits for (Record, Submit, and all that people order) goes first; histories (Append…) and the outcome of deliveries (Settle) are
// gathered for a moment and never waited for. Readers have connections of their own and see what is committed.
//
// Nothing here stops detection. When the database is away, full, locked or broken, the store says so (Health, a metric, one line in the log when it
// begins and one when it ends), holds what it is given in memory up to Config.HoldBytes, and writes that when the trouble is over. An error from
// Record is therefore no reason to do anything else: ErrHeld says that it is not on the disk yet, ErrDropped that memory was full.
//
// How it fits into a daemon:
//
//	s, err := store.Open(ctx, store.Config{URL: "sqlite:" + c.Store.Database.Path, Keep: c.Store.Keep, Now: now, Log: log, Registerer: registry})
//	// at start: what was open, and what was not delivered
//	open, err := s.OpenIncidents(ctx)
//	waiting, err := s.Pending(ctx, "noc-slack", 0, 1000)
//	penalties := s.State("flaps")            // has Load, Save, Reject and String
//	// in the engine's Emit, which must not wait: one commit for a change and the notifications that it causes
//	s.Submit(&store.Batch{Changes: []store.Change{{Change: c}}, Notifications: forSinks(c)}, func(error) { dispatcher.Due(…) })
//	// when a sink has answered
//	s.Settle(store.Outcome{Seqs: seqs, State: store.Delivered})
//	defer s.Close()
//
// The number of a notification (Seq) rises within its sink, and its Key stays the same over all attempts, restarts and repetitions: a receiver can
// drop by it what it has seen.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What can come of writing, beside success and mistakes.
var (
	// ErrHeld says that the database takes nothing now: what was given is held in memory and written later.
	ErrHeld = errors.New("store: it is held in memory, since the database takes nothing now")
	// ErrDropped says that it was given up: the database took nothing for so long that the memory for what waits is full.
	ErrDropped = errors.New("store: it is dropped, since the database takes nothing and the memory for what waits is full")
	// ErrClosed says that the store was closed, or opened only to read.
	ErrClosed = errors.New("store: it is closed, or open only to read")
	// ErrNotFound says that there is no such thing.
	ErrNotFound = errors.New("store: there is no such thing")
	// ErrAway says that the database can't be asked, because it could not be opened yet.
	ErrAway = errors.New("store: the database could not be opened yet")
)

// Config says where a store is and how much it keeps. What is left out gets a default.
type Config struct {
	// URL is sqlite:FILE, or postgres://user@host/database.
	URL string
	// Keep is how long things are kept after they were written; what is open or not delivered is kept longer. Zero keeps all.
	Keep time.Duration
	// MaxBytes bounds the size of the database: above, the oldest histories go first, then the oldest resolved incidents. Zero is no bound.
	MaxBytes int64
	// HoldBytes bounds the memory for what is not written yet; zero means 128 MiB.
	HoldBytes int
	// ReadOnly opens an existing database to read from it, beside a daemon that writes.
	ReadOnly bool
	// Renewed is called when the database had to be begun anew while running, because the file was broken or taken away: what is open and waits
	// for delivery is to be recorded again. It must not wait for the store.
	Renewed func()

	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer

	// Retry is how long to wait between attempts while the database takes nothing; Linger how long histories are gathered; Tick how often size,
	// retention and the state of the file are looked at.
	Retry, Linger, Tick time.Duration
}

const (
	defaultHold   = 128 << 20
	defaultRetry  = time.Second
	defaultLinger = 200 * time.Millisecond
	defaultTick   = time.Second
)

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.HoldBytes = or(c.HoldBytes, defaultHold)
	c.Retry, c.Linger, c.Tick = or(c.Retry, defaultRetry), or(c.Linger, defaultLinger), or(c.Tick, defaultTick)
	return c
}

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	config  Config
	log     *slog.Logger
	now     func() time.Time
	dialect dialect
	metrics *metrics
	conns   atomic.Pointer[conns] // nil until the database was opened
	last    atomic.Int64          // the number given last
	run     int64                 // the number of this run
	began   time.Time
	queue   queue
	trouble trouble
	words   words

	tending context.Context
	stop    context.CancelFunc // of what goes on beside the writer
	tenders sync.WaitGroup
	writer  sync.WaitGroup
	closed  sync.Once
	closing error
}

// Open opens the database, and makes or migrates its tables. It fails when the URL is wrong, the tables were made by a newer program, another
// anywatch writes there, or the file can't be made; a database that is away or has no room is waited for while running.
func Open(ctx context.Context, c Config) (*Store, error) {
	c = c.withDefaults()
	d, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{config: c, log: c.Log.With("store", d.String()), now: c.Now, dialect: d, metrics: m, began: c.Now()}
	s.trouble.init(s)
	s.queue.init(s)
	s.words.init()
	s.run = s.number()
	s.tending, s.stop = context.WithCancel(context.Background())
	if err := s.begin(ctx); err != nil {
		if c.ReadOnly || !d.passes(err) {
			s.stop()
			return nil, errors.Join(err, d.release())
		}
		s.trouble.begin(err)
	}
	if c.ReadOnly {
		s.queue.close()
		return s, nil
	}
	s.writer.Go(s.write)
	s.tenders.Go(s.tend)
	s.tenders.Go(s.toil)
	return s, nil
}

// String gives the address of the database without its password.
func (s *Store) String() string { return s.dialect.String() }

// number gives a number that was never given before: the time in microseconds, or one more than the last.
func (s *Store) number() int64 {
	now := s.now().UnixMicro()
	for {
		last := s.last.Load()
		n := max(last+1, now)
		if s.last.CompareAndSwap(last, n) {
			return n
		}
	}
}

// beyond makes sure that numbers up to n are not given again.
func (s *Store) beyond(n int64) {
	for {
		last := s.last.Load()
		if last >= n || s.last.CompareAndSwap(last, n) {
			return
		}
	}
}

// Flush waits until everything that was given before is written, or held because of trouble.
func (s *Store) Flush(ctx context.Context) error { return s.wait(ctx, &op{flush: true}) }

// Close writes what waits and closes the database. The error says what could not be written.
func (s *Store) Close() error {
	s.closed.Do(func() {
		s.stop()
		s.tenders.Wait()
		if !s.config.ReadOnly {
			s.enqueue(&op{run: func(t *txn) error {
				return t.exec("UPDATE run SET alive = ?, ended = ? WHERE id = ?", nanos(s.now()), nanos(s.now()), s.run)
			}})
			s.queue.close()
			s.writer.Wait()
			if ops, bytes := s.queue.left(); ops > 0 {
				s.closing = fmt.Errorf("store: %s: %d writes (%d bytes) were not made before the end and are lost: %w", s.dialect, ops, bytes, s.trouble.health().Err)
			}
		}
		if c := s.conns.Swap(nil); c != nil {
			s.closing = errors.Join(s.closing, c.close())
		}
		s.closing = errors.Join(s.closing, s.dialect.release())
	})
	return s.closing
}
