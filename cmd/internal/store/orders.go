package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// Matcher is a condition on one fact of an incident.
type Matcher struct {
	Field string `json:"field"` // kind, severity, prefix, site, subject, origin, id
	Op    string `json:"op"`    // =, !=, =~, !~, within
	Value string `json:"value"`
}

// Silence keeps notifications back about incidents that all its matchers fit.
type Silence struct {
	ID       int64     `json:"id"`
	Matchers []Matcher `json:"matchers"`
	Author   string    `json:"author"`
	Reason   string    `json:"reason"`
	Created  time.Time `json:"created"`
	Starts   time.Time `json:"starts"`
	Ends     time.Time `json:"ends"`
}

// Maintenance is a time of planned work, ordered by the API. No sites are all sites, no prefixes all prefixes.
type Maintenance struct {
	ID       int64          `json:"id"`
	Sites    []string       `json:"sites"`
	Prefixes []netip.Prefix `json:"prefixes"`
	Author   string         `json:"author"`
	Reason   string         `json:"reason"`
	Created  time.Time      `json:"created"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
}

const orderChanges = " ON CONFLICT (id) DO UPDATE SET starts = excluded.starts, ends = excluded.ends, body = excluded.body"

var (
	silenceTable     = table{name: "silence", columns: []string{"id", "starts", "ends", "body"}, conflict: orderChanges, replace: true}
	maintenanceTable = table{name: "maintenance", columns: []string{"id", "starts", "ends", "body"}, conflict: orderChanges, replace: true}
)

// PutSilence keeps a silence: a new one, which gets its number, where ID is 0, else one in place of that with the number. To end a silence is to put
// it again with an end that is now.
func (s *Store) PutSilence(ctx context.Context, x *Silence) error {
	if !x.Ends.After(x.Starts) && x.ID == 0 {
		return fmt.Errorf("store: a silence that ends %s and starts %s keeps nothing back", x.Ends.Format(time.RFC3339), x.Starts.Format(time.RFC3339))
	}
	s.created(&x.ID, &x.Created)
	return s.order(ctx, &silenceTable, x.ID, x.Starts, x.Ends, x)
}

// PutMaintenance keeps a time of planned work, as PutSilence does a silence.
func (s *Store) PutMaintenance(ctx context.Context, x *Maintenance) error {
	if !x.To.After(x.From) && x.ID == 0 {
		return fmt.Errorf("store: a maintenance from %s to %s is over before it begins", x.From.Format(time.RFC3339), x.To.Format(time.RFC3339))
	}
	s.created(&x.ID, &x.Created)
	return s.order(ctx, &maintenanceTable, x.ID, x.From, x.To, x)
}

func (s *Store) created(id *int64, at *time.Time) {
	if *id == 0 {
		*id = s.number()
	}
	if at.IsZero() {
		*at = s.now().UTC()
	}
}

func (s *Store) order(ctx context.Context, in *table, id int64, starts, ends time.Time, x any) error {
	body, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("store: %s %d: %w", in.name, id, err)
	}
	return s.wait(ctx, &op{rows: []row{{in, []any{id, instant(starts), instant(ends), text(string(body))}}}})
}

// Silences gives those that end after a time, the first to start first; the zero time gives all that are kept.
func (s *Store) Silences(ctx context.Context, endAfter time.Time) ([]Silence, error) {
	return orders[Silence](ctx, s, "silence", endAfter)
}

// Maintenances gives those that end after a time, the first to start first; the zero time gives all that are kept.
func (s *Store) Maintenances(ctx context.Context, endAfter time.Time) ([]Maintenance, error) {
	return orders[Maintenance](ctx, s, "maintenance", endAfter)
}

func orders[T any](ctx context.Context, s *Store, in string, endAfter time.Time) (out []T, err error) {
	err = s.each(ctx, "SELECT body FROM "+in+" WHERE ends > ? ORDER BY starts, id", []any{instant(endAfter)}, func(r *sql.Rows) error {
		var body string
		if err := r.Scan(&body); err != nil {
			return err
		}
		var x T
		err := json.Unmarshal([]byte(body), &x)
		out = append(out, x)
		return err
	})
	return out, err
}

// DeleteSilence forgets a silence; ErrNotFound when there is none with the number.
func (s *Store) DeleteSilence(ctx context.Context, id int64) error {
	return s.remove(ctx, "silence", id)
}

// DeleteMaintenance forgets a time of planned work; ErrNotFound when there is none with the number.
func (s *Store) DeleteMaintenance(ctx context.Context, id int64) error {
	return s.remove(ctx, "maintenance", id)
}

func (s *Store) remove(ctx context.Context, from string, id int64) error {
	var n int64
	err := s.wait(ctx, &op{run: func(t *txn) (err error) {
		n, err = t.affect("DELETE FROM "+from+" WHERE id = ?", id)
		return err
	}})
	if err == nil && n == 0 {
		return fmt.Errorf("%s %d: %w", from, id, ErrNotFound)
	}
	return err
}
