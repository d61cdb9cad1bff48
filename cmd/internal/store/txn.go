package store

import (
	"context"
	"database/sql"
	"strings"
)

// table is where rows go. The first column is its key: of rows with the same key in one commit, the last counts where replace says so.
type table struct {
	name     string
	columns  []string
	conflict string // what follows the values: what to do when the key is there
	replace  bool
}

// row is a row of a table.
type row struct {
	table *table
	args  []any
}

func (r row) bytes() (n int) {
	for _, a := range r.args {
		switch v := a.(type) {
		case string:
			n += len(v)
		case subject:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 16
	}
	return n
}

// insert makes the text of an insertion of n rows.
func (t *table) insert(n int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ") + ")"
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(one+", ", n), ", ") + t.conflict
}

// chunks are how many rows one statement inserts: few different statements, which are prepared once each.
var chunks = [...]int{32, 8, 1}

func chunk(rows int) int {
	for _, c := range chunks {
		if rows >= c {
			return c
		}
	}
	return 1
}

// txn is one transaction of the writer. Rows are gathered by table, and written by many at a time, in the order in which tables were first met.
type txn struct {
	ctx     context.Context
	c       *conns
	dialect dialect
	order   []*pile
	settled []settlement
}

// pile are the rows of one table that were not written yet.
type pile struct {
	table *table
	rows  [][]any
	place map[any]int // of a key
}

func (t *txn) apply(o *op) error {
	for _, r := range o.rows {
		t.pile(r.table).add(r.args)
	}
	t.settled = append(t.settled, o.settled...)
	if o.run != nil {
		return o.run(t)
	}
	return nil
}

func (t *txn) pile(of *table) *pile {
	for _, p := range t.order {
		if p.table == of {
			return p
		}
	}
	p := &pile{table: of}
	if of.replace {
		p.place = make(map[any]int)
	}
	t.order = append(t.order, p)
	return p
}

func (p *pile) add(args []any) {
	if p.place != nil {
		if i, known := p.place[args[0]]; known {
			p.rows[i] = args
			return
		}
		p.place[args[0]] = len(p.rows)
	}
	p.rows = append(p.rows, args)
}

// flush writes what was gathered.
func (t *txn) flush() error {
	for _, p := range t.order {
		for rows := p.rows; len(rows) > 0; {
			n := chunk(len(rows))
			args := make([]any, 0, n*len(p.table.columns))
			for _, r := range rows[:n] {
				args = t.c.subjects.resolve(args, r)
			}
			if err := t.statement(p.table.insert(n), args...); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	t.order = nil
	settled := t.settled
	t.settled = nil
	return t.settle(settled)
}

// exec runs a statement behind everything that was gathered before.
func (t *txn) exec(query string, args ...any) error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.statement(query, args...)
}

// affect does the same, and tells how many rows were changed.
func (t *txn) affect(query string, args ...any) (int64, error) {
	if err := t.flush(); err != nil {
		return 0, err
	}
	st, err := t.prepared(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *txn) statement(query string, args ...any) error {
	st, err := t.prepared(query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(t.ctx, args...)
	return err
}

// prepared gives the statement, prepared once for the writer's connection. The text of a query names no values, so that there are few.
func (t *txn) prepared(query string) (*sql.Stmt, error) {
	st := t.c.stmts[query]
	if st == nil {
		var err error
		if st, err = t.c.write.PrepareContext(t.ctx, t.dialect.sql(query)); err != nil {
			return nil, err
		}
		t.c.stmts[query] = st
	}
	return st, nil
}
