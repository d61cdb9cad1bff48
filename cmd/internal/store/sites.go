package store

import (
	"context"
	"database/sql"
	"net/netip"
	"time"
)

// SiteChange is a prefix that entered another state at a site.
type SiteChange struct {
	Time   time.Time
	Prefix netip.Prefix
	Site   string
	State  string // unknown, announced, draining, missing
}

// SiteStint is a time in which a prefix was in one state at a site. What nobody watched, because anywatch did not run, belongs to none.
type SiteStint struct {
	Prefix   netip.Prefix
	Site     string
	State    string
	From, To time.Time
}

var siteTable = table{name: "site_state", columns: []string{"id", "time", "prefix", "site", "state"}}

// AppendSites keeps which prefix entered which state at which site: at the start of a run all that is known, then every change. It does not wait.
func (s *Store) AppendSites(batch []SiteChange) {
	o := new(op)
	for _, c := range batch {
		o.rows = append(o.rows, row{&siteTable, []any{s.number(), instant(c.Time), c.Prefix.String(), text(c.Site), text(c.State)}})
	}
	s.enqueueDetails(o)
}

// run is a time in which anywatch ran.
type run struct {
	number   int64
	from, to time.Time
}

// SiteStints tells which prefix was in which state at which site between two times, by prefix and site, the oldest first. The zero prefix and "" are
// all; the zero times are all that is kept, and now.
func (s *Store) SiteStints(ctx context.Context, prefix netip.Prefix, site string, since, until time.Time) (out []SiteStint, err error) {
	if until.IsZero() {
		until = s.now()
	}
	runs, err := s.runs(ctx, until)
	if err != nil {
		return nil, err
	}
	c := new(conditions)
	if prefix.IsValid() {
		c.add("prefix = ?", prefix.String())
	}
	if site != "" {
		c.add("site = ?", text(site))
	}
	c.add("time < ?", until.UnixNano())
	var open SiteStint // of which the end is not known yet
	var last int64     // its number
	finish := func(next time.Time) {
		if open.To = endOf(runs, last, next); open.State != "" && open.To.After(since) && open.To.After(open.From) {
			if open.From.Before(since) {
				open.From = since
			}
			out = append(out, open)
		}
	}
	err = s.each(ctx, "SELECT id, time, prefix, site, state FROM site_state"+c.where()+" ORDER BY prefix, site, id", c.args, func(r *sql.Rows) error {
		var id, at int64
		var p string
		var x SiteStint
		if err := r.Scan(&id, &at, &p, &x.Site, &x.State); err != nil {
			return err
		}
		x.From = moment(&at)
		if x.Prefix, err = netip.ParsePrefix(p); err != nil {
			return err
		}
		if x.Prefix == open.Prefix && x.Site == open.Site {
			finish(x.From)
		} else {
			finish(until)
		}
		open, last = x, id
		return nil
	})
	finish(until)
	return out, err
}

// endOf tells until when a state that was noted under a number is known: until the next one, or the end of the run that noted it.
func endOf(runs []run, number int64, next time.Time) time.Time {
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].number <= number {
			if runs[i].to.Before(next) {
				return runs[i].to
			}
			break
		}
	}
	return next
}

// runs gives when anywatch ran, oldest first. The one that runs now goes on until the given time.
func (s *Store) runs(ctx context.Context, until time.Time) (out []run, err error) {
	err = s.each(ctx, "SELECT id, began, ended FROM run ORDER BY id", nil, func(r *sql.Rows) error {
		var x run
		var began int64
		var ended *int64
		if err := r.Scan(&x.number, &began, &ended); err != nil {
			return err
		}
		x.from, x.to = moment(&began), until
		if ended != nil {
			x.to = moment(ended)
		}
		out = append(out, x)
		return nil
	})
	return out, err
}
