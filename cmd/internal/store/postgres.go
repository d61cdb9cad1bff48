package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresReaders = 4
	postgresWithin  = 10 * time.Second    // a transaction that takes longer is given up and tried again
	postgresLock    = 0x616e7977_61746368 // the number of the lock of who may write: "anywatch"
	postgresConnect = 5 * time.Second
	postgresTaken   = 2 * time.Second // how long the right to write is waited for
)

// postgres is a database of a PostgreSQL server. Whoever writes holds an advisory lock as long as the connection lives.
type postgres struct {
	shown, password string
	config          *pgx.ConnConfig
}

func newPostgres(address string, u *url.URL) (*postgres, error) {
	shown := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	d := &postgres{shown: shown.String()}
	if config, err := pgx.ParseConfig(address); err == nil {
		d.config, d.password = config, config.Password
	} else {
		d.password, _ = u.User.Password()
		return nil, d.clean(fmt.Errorf("store: %s: the address can't be used: %w", d.shown, err))
	}
	if d.config.ConnectTimeout == 0 {
		d.config.ConnectTimeout = postgresConnect
	}
	if d.config.RuntimeParams["application_name"] == "" {
		d.config.RuntimeParams["application_name"] = "anywatch"
	}
	return d, nil
}

func (d *postgres) String() string { return d.shown }

func (d *postgres) open(ctx context.Context, readOnly bool) (*conns, error) {
	c := newConns()
	c.read = d.pool(postgresReaders)
	err := c.read.PingContext(ctx)
	if err == nil && !readOnly {
		c.pool = d.pool(1, stdlib.OptionAfterConnect(d.hold))
		err = c.reconnect(ctx)
	}
	if err != nil {
		return nil, errors.Join(d.clean(fmt.Errorf("store: %s: %w", d, err)), c.close())
	}
	return c, nil
}

func (d *postgres) pool(conns int, options ...stdlib.OptionOpenDB) *sql.DB {
	db := stdlib.OpenDB(*d.config, options...)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db
}

// hold takes the right to write, for as long as the connection lives. The server takes a moment to notice that a connection ended, as that of the
// run before this one: that moment is waited for.
func (d *postgres) hold(ctx context.Context, conn *pgx.Conn) error {
	late := time.NewTimer(postgresTaken)
	defer late.Stop()
	again := time.NewTicker(postgresTaken / 50)
	defer again.Stop()
	for {
		var got bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(postgresLock)).Scan(&got); err != nil || got {
			return err
		}
		select {
		case <-again.C:
		case <-late.C:
			return errTaken
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *postgres) release() error { return nil }

func (d *postgres) sql(query string) string {
	query = strings.ReplaceAll(query, "INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY")
	query = strings.TrimSuffix(query, " WITHOUT ROWID")
	return dollars(strings.ReplaceAll(query, " BLOB", " BYTEA"))
}

// ours: classes 22 (data exception) and 23 (integrity constraint violation) of PostgreSQL's error codes, appendix A.
func (d *postgres) ours(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23"))
}

// passes: who is refused or names no database must change something; a server that is not there may come. Classes 28, 3D and 42.
func (d *postgres) passes(err error) bool {
	if errors.Is(err, errTaken) || errors.Is(err, errNewer) {
		return false
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return !ok || !strings.HasPrefix(e.Code, "28") && !strings.HasPrefix(e.Code, "3D") && !strings.HasPrefix(e.Code, "42")
}

func (d *postgres) broken(error) bool { return false }

func (d *postgres) putAside(string) (string, error) {
	return "", errors.New("a database of a server can't be put aside")
}

func (d *postgres) check(context.Context, *conns) error { return nil }

func (d *postgres) taken() error { return nil }

// size: what is in use is estimated, from how many rows live and how wide the server last found them: it gives room back to itself and not to the
// disk, so that the size of its files falls no more.
func (d *postgres) size(ctx context.Context, c *conns) (total, used int64, err error) {
	const each, unknown = 80, 400 // bytes of a row and its entries in indices beside its columns; a row of which the server knows nothing yet
	err = c.read.QueryRowContext(ctx, `SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint,
			coalesce(sum(t.n_live_tup * ($1 + coalesce((SELECT sum(w.avg_width) FROM pg_stats w WHERE w.schemaname = t.schemaname AND w.tablename = t.relname), $2))), 0)::bigint
		FROM pg_stat_user_tables t WHERE t.schemaname = current_schema()`, each, unknown).Scan(&total, &used)
	return total, min(total, used), err
}

func (d *postgres) exact() bool { return false }

func (d *postgres) tidy(context.Context, *conns) error { return nil } // the server's autovacuum does

func (d *postgres) shrink(*txn) error { return nil }

func (d *postgres) before(context.Context, *conns, bool) error { return nil }

func (d *postgres) begun(t *txn, later bool) error {
	if !later {
		return nil
	}
	return t.statement("SET LOCAL synchronous_commit TO off")
}

func (d *postgres) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), postgresWithin)
}

// clean takes the password out of an error that shows it. What kind of error it is stays known.
func (d *postgres) clean(err error) error {
	if err == nil || d.password == "" || !strings.Contains(err.Error(), d.password) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), d.password, "<hidden>"))
}

// furnish makes an index of the runs of three characters in summaries, where the server has what that takes. Without it all summaries are looked
// through.
func (d *postgres) furnish(ctx context.Context, c *conns) error {
	for _, q := range []string{
		"CREATE EXTENSION IF NOT EXISTS pg_trgm",
		"CREATE INDEX IF NOT EXISTS incident_summary ON incident USING gin (summary gin_trgm_ops)",
	} {
		_, err := c.write.ExecContext(ctx, q)
		if _, refused := errors.AsType[*pgconn.PgError](err); refused {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *postgres) like() string { return "ILIKE" }

func (d *postgres) texts(string) (string, []any) { return "", nil } // the server itself knows when to use its index

func (d *postgres) unread(context.Context, *conns) (bool, error) { return false, nil } // the server reads them with every commit

func (d *postgres) read(*txn) error { return nil }
