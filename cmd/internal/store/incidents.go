package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"anywatch/detector"
)

// Filter narrows a list of incidents; what is left out lets all pass.
type Filter struct {
	States []string // open, resolved
	Kinds  []detector.Kind
	// Severity is the least.
	Severity detector.Severity
	Sites    []string
	Subject  string
	// Prefix is one that the incident is about, or related to one as Match says.
	Prefix netip.Prefix
	Match  Match
	// Text is part of the summary, whatever its case.
	Text string
	// Since and Until keep incidents that were open at some time between.
	Since, Until time.Time
	// Acknowledged asks for those that are, or are not.
	Acknowledged *bool
}

// Page is a part of a list. After is what the page before gave as next; "" is the first page.
type Page struct {
	After string
	Limit int
}

// pageLimit is how long a page is unless it says so, and pageMost how long it can be.
const (
	pageLimit = 50
	pageMost  = 1000
)

func (p Page) limit() int {
	if p.Limit <= 0 {
		return pageLimit
	}
	return min(p.Limit, pageMost)
}

// conditions gathers what a query asks for.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) add(part string, args ...any) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

// among asks for a column to have one of some values; none lets all pass.
func among[T ~string](c *conditions, column string, values []T) {
	if len(values) == 0 {
		return
	}
	var args []any
	for _, v := range values {
		args = append(args, string(v))
	}
	c.add(column+" IN ("+questions(len(values))+")", args...)
}

func (c *conditions) where() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// conditions makes those that columns of the incident answer.
func (f *Filter) conditions() *conditions {
	c := new(conditions)
	open := len(f.States) == 1 && f.States[0] == "open"
	kind, site := "i.kind", "i.site"
	if open {
		// The index of what is open has the other columns too, and is the one to use: an expression keeps those of single columns away.
		c.add("i.state = 'open'")
		kind, site = "i.kind || ''", "i.site || ''"
	} else {
		among(c, "i.state", f.States)
	}
	among(c, kind, f.Kinds)
	among(c, site, f.Sites)
	switch {
	case f.Severity == detector.Critical && !open:
		c.add("i.severity = 2") // as its index has it
	case f.Severity > detector.Info:
		c.add("i.severity >= ?", int64(f.Severity))
	}
	if f.Subject != "" {
		c.add("i.subject = ?", text(f.Subject))
	}
	if !f.Since.IsZero() {
		c.add("(i.resolved IS NULL OR i.resolved >= ?)", f.Since.UnixNano())
	}
	if !f.Until.IsZero() {
		c.add("i.opened < ?", f.Until.UnixNano())
	}
	if f.Acknowledged != nil {
		c.add(map[bool]string{true: "i.acknowledged IS NOT NULL", false: "i.acknowledged IS NULL"}[*f.Acknowledged])
	}
	return c
}

// Incidents lists incidents as they stand, the one that opened last first. Next is for the next page; "" says that there is none.
func (s *Store) Incidents(ctx context.Context, f Filter, p Page) (list []Change, next string, err error) {
	c, none, err := s.search(ctx, &f)
	if err != nil || none {
		return nil, "", err
	}
	if p.After != "" {
		at, id, found := strings.Cut(p.After, ".")
		opened, wrong := strconv.ParseInt(at, 10, 64)
		if !found || wrong != nil {
			return nil, "", fmt.Errorf("store: %q is no place in a list; take it as the page before gave it", p.After)
		}
		c.add("(i.opened, i.id) < (?, ?)", opened, id)
	}
	limit := p.limit()
	q := "SELECT c.id, c.body, p.opened FROM (SELECT i.latest, i.opened, i.id FROM incident i" + c.where() + ` ORDER BY i.opened DESC, i.id DESC LIMIT ?) p
		JOIN change c ON c.id = p.latest ORDER BY p.opened DESC, p.id DESC`
	var last int64
	err = s.each(ctx, q, append(c.args, limit+1), func(r *sql.Rows) error {
		var x Change
		var body string
		var opened int64
		if err := r.Scan(&x.ID, &body, &opened); err != nil {
			return err
		}
		if len(list) == limit {
			next = fmt.Sprintf("%d.%s", last, list[limit-1].Incident.ID)
			return nil
		}
		last = opened
		x.Change, err = readChange(body)
		list = append(list, x)
		return err
	})
	return list, next, err
}

// OpenIncidents gives all incidents that are open, the one that opened first first: where the run before ended.
func (s *Store) OpenIncidents(ctx context.Context) ([]Change, error) {
	return s.changes(ctx, "JOIN incident i ON c.id = i.latest WHERE i.state = 'open' ORDER BY i.opened, i.id")
}

func (s *Store) changes(ctx context.Context, rest string, args ...any) (out []Change, err error) {
	err = s.each(ctx, "SELECT c.id, c.body FROM change c "+rest, args, func(r *sql.Rows) error {
		var x Change
		var body string
		if err := r.Scan(&x.ID, &body); err != nil {
			return err
		}
		x.Change, err = readChange(body)
		out = append(out, x)
		return err
	})
	return out, err
}

// History is all that is kept of an incident.
type History struct {
	Incident      detector.Incident // as it stands
	Changes       []Change          // oldest first; of those long ago some may lack
	Notes         []Note
	Notifications []Notification
}

// numberOf finds the number of an incident by its id.
const numberOf = "(SELECT number FROM incident WHERE id = ?)"

// Incident gives all that is kept of an incident, or ErrNotFound.
func (s *Store) Incident(ctx context.Context, id string) (h History, err error) {
	if h.Changes, err = s.changes(ctx, "WHERE c.incident = "+numberOf+" ORDER BY c.id", id); err != nil {
		return h, err
	}
	if len(h.Changes) == 0 {
		return h, fmt.Errorf("incident %q: %w", id, ErrNotFound)
	}
	h.Incident = h.Changes[len(h.Changes)-1].Incident
	if h.Notes, err = s.notes(ctx, id); err != nil {
		return h, err
	}
	h.Notifications, err = s.notifications(ctx, "WHERE n.incident = "+numberOf+" ORDER BY n.seq", id)
	return h, err
}

func (s *Store) notes(ctx context.Context, incident string) (out []Note, err error) {
	q := "SELECT id, time, kind, author, body FROM note WHERE incident = " + numberOf + " ORDER BY id"
	err = s.each(ctx, q, []any{incident}, func(r *sql.Rows) error {
		n := Note{Incident: incident}
		var at int64
		err := r.Scan(&n.ID, &at, &n.Kind, &n.Author, &n.Text)
		n.Time = moment(&at)
		out = append(out, n)
		return err
	})
	return out, err
}

// Note writes down what somebody did with an incident, or said about it; ErrNotFound when there is no such incident. What changes the incident
// itself, as an acknowledgement does, is better recorded together with that change, by Record.
func (s *Store) Note(ctx context.Context, n *Note) error {
	var there int
	if err := s.one(ctx, "SELECT count(*) FROM incident WHERE id = ?", []any{n.Incident}, &there); err != nil {
		return err
	}
	if there == 0 {
		return fmt.Errorf("incident %q: %w", n.Incident, ErrNotFound)
	}
	b := &Batch{Notes: []Note{*n}}
	err := s.Record(ctx, b)
	*n = b.Notes[0]
	return err
}

// each hands the rows of a query to a function, one by one.
func (s *Store) each(ctx context.Context, query string, args []any, row func(*sql.Rows) error) error {
	c := s.conns.Load()
	if c == nil {
		return ErrAway
	}
	rows, err := c.read.QueryContext(ctx, s.dialect.sql(query), args...)
	if err != nil {
		return s.unreadable(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return s.unreadable(err)
		}
	}
	return s.unreadable(rows.Err())
}

// one reads a single row; ErrNotFound when there is none.
func (s *Store) one(ctx context.Context, query string, args []any, into ...any) error {
	c := s.conns.Load()
	if c == nil {
		return ErrAway
	}
	err := c.read.QueryRowContext(ctx, s.dialect.sql(query), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return s.unreadable(err)
}

func (s *Store) unreadable(err error) error {
	if err == nil {
		return nil
	}
	return s.dialect.clean(fmt.Errorf("store: %s can't be read: %w", s.dialect, err))
}
