package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const (
	sqliteBusy    = time.Second // how long a lock of another program is waited for
	sqliteCheck   = time.Second // how long a file is looked through at start
	sqliteReaders = 4
	walPages      = 16384   // of a log that grew so long, the writer itself waits until it is copied: 64 MiB
	walWorth      = 4 << 20 // bytes of a log that is worth copying: the disk is busy meanwhile, and commits wait for it
	vacuumPages   = 512     // given back at a time
)

// sqliteFile is a database in a file. The log in front of it (WAL) lets readers go on while one writes; every commit is on the disk when it returns
// (synchronous FULL). The log is copied into the file by another connection, so that no commit waits for that.
type sqliteFile struct {
	path string
	lock *os.File
	info os.FileInfo // of the file that was opened
}

func (d *sqliteFile) String() string { return "sqlite:" + d.path }

func (d *sqliteFile) dsn(pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_error_rc": {"1"}}
	q["_pragma"] = append([]string{fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds())}, pragmas...)
	return "file:" + (&url.URL{Path: d.path}).EscapedPath() + "?" + q.Encode()
}

func (d *sqliteFile) open(ctx context.Context, readOnly bool) (*conns, error) {
	c := newConns()
	err := d.connect(ctx, c, readOnly)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", d, d.clean(err)), c.close())
	}
	return c, nil
}

func (d *sqliteFile) connect(ctx context.Context, c *conns, readOnly bool) (err error) {
	reading := []string{"query_only(1)", "temp_store(MEMORY)"}
	if readOnly {
		if _, err := os.Stat(d.path); err != nil {
			return err
		}
	} else {
		if err := d.hold(); err != nil {
			return err
		}
		writing := []string{"auto_vacuum(2)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)", "cache_size(-16000)", "temp_store(MEMORY)"}
		if c.pool, err = pool(ctx, d.dsn(writing...), 1); err != nil {
			return err
		}
		if err = c.reconnect(ctx); err != nil {
			return err
		}
		if c.tidy, err = pool(ctx, d.dsn("synchronous(FULL)", "wal_autocheckpoint(0)"), 1); err != nil {
			return err
		}
	}
	if c.read, err = pool(ctx, d.dsn(reading...), sqliteReaders); err != nil {
		return err
	}
	d.info, err = os.Stat(d.path)
	return err
}

func pool(ctx context.Context, dsn string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// errTaken says that another program has the right to write.
var errTaken = errors.New("another anywatch writes to this database; stop it, or give this one a database of its own")

// hold takes the right to write, by a lock on a file beside the database; the kernel gives it back however the program ends.
func (d *sqliteFile) hold() error {
	if d.lock != nil {
		return nil
	}
	f, err := os.OpenFile(d.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(errTaken, f.Close())
	}
	d.lock = f
	return nil
}

func (d *sqliteFile) release() error {
	if d.lock == nil {
		return nil
	}
	f := d.lock
	d.lock = nil
	return f.Close()
}

func (d *sqliteFile) sql(query string) string { return query }

// code gives SQLite's result code of an error; 0 when it is no error of SQLite.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func (d *sqliteFile) ours(err error) bool {
	switch code(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_RANGE, lib.SQLITE_MISUSE:
		return true
	}
	return false
}

func (d *sqliteFile) passes(err error) bool {
	switch code(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM:
		return true
	}
	return false
}

// errUnsound says that a look through the file found faults.
var errUnsound = errors.New("the file is damaged")

func (d *sqliteFile) broken(err error) bool {
	return code(err) == lib.SQLITE_CORRUPT || code(err) == lib.SQLITE_NOTADB || errors.Is(err, errUnsound) || errors.Is(err, errGone)
}

// putAside renames the file, and the log that belongs to it.
func (d *sqliteFile) putAside(stamp string) (string, error) {
	aside := d.path + ".broken-" + stamp
	var errs []error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(d.path+end, aside+end); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return aside, errors.Join(errs...)
}

func (d *sqliteFile) check(ctx context.Context, c *conns) error {
	ctx, cancel := context.WithTimeout(ctx, sqliteCheck)
	defer cancel()
	var said string
	err := c.read.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	switch {
	case ctx.Err() != nil:
		return nil // it is large; what was looked through so far is sound
	case err != nil:
		return err
	case said != "ok":
		return fmt.Errorf("%w: %s", errUnsound, strings.TrimSpace(said))
	}
	return nil
}

// errGone says that the file is not there any more: what is written goes into one that nobody will find.
var errGone = errors.New("the file was removed or replaced while it was in use")

func (d *sqliteFile) taken() error {
	switch now, err := os.Stat(d.path); {
	case errors.Is(err, os.ErrNotExist):
		return errGone
	case err == nil && !os.SameFile(now, d.info):
		return errGone
	}
	return nil
}

func (d *sqliteFile) size(ctx context.Context, c *conns) (total, used int64, err error) {
	var pages, free, each int64
	err = c.read.QueryRowContext(ctx, "SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_size FROM pragma_page_size)").Scan(&pages, &free, &each)
	total = pages * each
	if info, err := os.Stat(d.path + "-wal"); err == nil {
		total += info.Size()
	}
	return total, (pages - free) * each, err
}

func (d *sqliteFile) exact() bool { return true }

// tidy copies the log into the file. Readers and the writer go on meanwhile; once all is copied, the next commit begins the log from its start,
// in room that it has already, which is faster than to let it grow.
func (d *sqliteFile) tidy(ctx context.Context, c *conns) error {
	var busy, pages, copied int
	if info, err := os.Stat(d.path + "-wal"); err != nil || info.Size() < walWorth {
		return err
	}
	if err := c.tidy.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &copied); err != nil {
		return err
	}
	if pages-copied < walPages && pages < 2*walPages {
		return nil
	}
	return c.tidy.QueryRowContext(ctx, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &pages, &copied)
}

func (d *sqliteFile) shrink(t *txn) error {
	var pages, free int64
	q := "SELECT (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)"
	if err := t.c.write.QueryRowContext(t.ctx, q).Scan(&pages, &free); err != nil || free < vacuumPages || free < pages/10 {
		return err
	}
	_, err := t.c.write.ExecContext(t.ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	return err
}

// before chooses between FULL, which waits for the disk at every commit, and NORMAL, which does so only before the log is copied.
func (d *sqliteFile) before(ctx context.Context, c *conns, later bool) error {
	level := "FULL"
	if later {
		level = "NORMAL"
	}
	if c.level == level {
		return nil
	}
	_, err := c.write.ExecContext(ctx, "PRAGMA synchronous = "+level)
	if err == nil {
		c.level = level
	}
	return err
}

func (d *sqliteFile) begun(*txn, bool) error { return nil }

// limited sets no limit: nothing here takes longer than waiting for a lock.
func (d *sqliteFile) limited() (context.Context, context.CancelFunc) {
	return context.Background(), func() {}
}

// clean leaves the error as it is: there are no secrets in a file's name.
func (d *sqliteFile) clean(err error) error { return err }
