package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// dialect is what differs between the databases.
type dialect interface {
	// String gives the address without secrets.
	String() string
	// open connects, and takes the right to be the only writer unless it is only to read.
	open(ctx context.Context, readOnly bool) (*conns, error)
	// release gives back the right to write.
	release() error
	// sql turns a query with ? for its arguments, and the types of SQLite, into one of this database.
	sql(query string) string
	// ours tells that an error is about what was written, and would come again; any other is trouble of the database.
	ours(err error) bool
	// passes tells that an error when opening may pass by itself.
	passes(err error) bool
	// broken tells that the file can't be used any more; putAside then renames it, and gives the new name.
	broken(err error) bool
	putAside(stamp string) (string, error)
	// check looks through the database for faults, for a short time; taken tells that the file is not the one that was opened.
	check(ctx context.Context, c *conns) error
	taken() error
	// furnish makes what only serves to find things faster, and could be made again from the rest.
	furnish(ctx context.Context, c *conns) error
	// like is the operator that compares with a pattern whatever the case; texts gives a query for the numbers of all incidents whose summary may
	// contain a text, which takes a limit as its last argument, or "" when the database needs no such help.
	like() string
	texts(plain string) (find string, args []any)
	// unread tells that summaries lack in the index of texts; read adds some of them, in the writer's place.
	unread(ctx context.Context, c *conns) (bool, error)
	read(t *txn) error
	// size gives the bytes that the database takes, and those of them that are in use.
	size(ctx context.Context, c *conns) (total, used int64, err error)
	// exact tells that size knows at once what was deleted.
	exact() bool
	// tidy does what has to be done now and then beside the writer; shrink gives room back, a little at a time, in the writer's place.
	tidy(ctx context.Context, c *conns) error
	shrink(t *txn) error
	// before and begun say, just before a transaction and in it, whether its commit may return before it is on the disk: it then is by the next one
	// that may not, and is lost with it or after it.
	before(ctx context.Context, c *conns, later bool) error
	begun(t *txn, later bool) error
	// limited bounds how long a transaction may take.
	limited() (context.Context, context.CancelFunc)
	// clean takes secrets out of an error.
	clean(err error) error
}

// conns are the connections to a database: one that writes, some that read, one that tidies up.
type conns struct {
	write            *sql.Conn // the only one of its pool; nil when it is only to read
	stmts            map[string]*sql.Stmt
	subjects         subjects
	level            string // of how commits wait for the disk; "" is not known
	pool, read, tidy *sql.DB
}

func newConns() *conns {
	return &conns{stmts: make(map[string]*sql.Stmt), subjects: make(subjects)}
}

// reconnect gives the writer another connection, or the same one with nothing prepared: one that broke never works again.
func (c *conns) reconnect(ctx context.Context) (err error) {
	if c.write != nil {
		c.forget()
		_ = c.write.Close() // it may be broken
	}
	next, err := c.pool.Conn(ctx)
	if err == nil {
		c.write, c.level = next, "" // it may be the same as before
	}
	return err
}

// forget closes what the writer prepared: a connection with open statements does not close.
func (c *conns) forget() {
	for _, st := range c.stmts {
		_ = st.Close() // on a broken connection it can't
	}
	clear(c.stmts)
	c.subjects.forget()
}

func (c *conns) close() error {
	var errs []error
	if c.write != nil {
		c.forget()
		if err := c.write.Close(); !errors.Is(err, sql.ErrConnDone) {
			errs = append(errs, err)
		}
	}
	for _, db := range []*sql.DB{c.read, c.tidy, c.pool} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// parse finds the dialect of a URL.
func parse(address string) (dialect, error) {
	const remedy = `write "sqlite:anywatch.db", or an address like postgres://user@host/database`
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		if path == "" || strings.HasPrefix(path, "//") {
			return nil, fmt.Errorf("store: %q names no file; %s", address, remedy)
		}
		return &sqliteFile{path: path}, nil
	}
	u, err := url.Parse(address)
	if err != nil { // its text may show a password
		return nil, fmt.Errorf("store: the address of the database can't be read; %s", remedy)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("store: a database by scheme %q is not known; %s", u.Scheme, remedy)
	}
	return newPostgres(address, u)
}

// dollars numbers the arguments of a query, as PostgreSQL wants it.
func dollars(query string) string {
	var b strings.Builder
	n := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}
