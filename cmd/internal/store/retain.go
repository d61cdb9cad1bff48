package store

import (
	"context"
	"database/sql"
	"math"
	"time"
)

const (
	byAge  = "age"
	bySize = "size"

	sweepRows = 200 // deleted in one commit, for which somebody may have to wait
	bite      = 50  // of the time that histories span, the part that goes at once when there is no room
)

// chore deletes rows of one table. The select gives their keys; its first argument is the number before which they were written, as often as it
// says, its last how many.
type chore struct {
	table, key, find string
	cuts             int // how often find asks for the number
}

func histories() []chore {
	var out []chore
	for _, t := range []string{"route", "catchment", "vrp_change", "health"} {
		out = append(out, chore{t, "id", "SELECT id FROM " + t + " WHERE id < ? ORDER BY id LIMIT ?", 1})
	}
	// The last state of a site before that time is what its state was then.
	return append(out, chore{"site_state", "id", `SELECT s.id FROM site_state s WHERE s.id < ? AND EXISTS
		(SELECT 1 FROM site_state n WHERE n.prefix = s.prefix AND n.site = s.site AND n.id > s.id AND n.id < ?) ORDER BY s.id LIMIT ?`, 2})
}

const waits = "EXISTS (SELECT 1 FROM notification n WHERE n.incident = i.number AND n.state = 0)"

// pastIncidents deletes what is over: old notifications that were settled; of resolved incidents first the old changes, then the rest; of open ones the
// changes that no notification has still to tell, but for the newest, which is the incident itself.
func pastIncidents() []chore {
	return []chore{
		{"notification", "seq", "SELECT seq FROM notification WHERE seq < ? AND state <> 0 ORDER BY seq LIMIT ?", 1},
		{"change", "id", "SELECT c.id FROM change c JOIN incident i ON i.number = c.incident WHERE c.id < ? AND i.latest < ? AND i.state = 'resolved' AND c.id <> i.latest AND NOT " + waits + " ORDER BY c.id LIMIT ?", 2},
		{"incident", "number", "SELECT i.number FROM incident i WHERE i.number < ? AND i.latest < ? AND i.state = 'resolved' AND NOT " + waits + " ORDER BY i.number LIMIT ?", 2},
	}
}

func leftovers() []chore {
	return []chore{
		{"change", "id", "SELECT c.id FROM change c JOIN incident i ON i.number = c.incident WHERE c.id < ? AND c.id <> i.latest AND NOT " + waits + " ORDER BY c.id LIMIT ?", 1},
		{"word", "id", "SELECT id FROM word WHERE seen < ? LIMIT ?", 1},
		{"net", "id", "SELECT id FROM net WHERE seen < ? LIMIT ?", 1},
	}
}

// age deletes what was written longer ago than Config.Keep.
func (s *Store) age(ctx context.Context) error {
	if s.config.Keep <= 0 {
		return nil
	}
	at := s.now().Add(-s.config.Keep)
	cut := at.UnixMicro()
	for _, list := range [][]chore{histories(), pastIncidents(), leftovers()} {
		for _, c := range list {
			number := cut
			if c.table == "word" || c.table == "net" {
				number -= dayMicros // they are written once a day
			}
			if _, err := s.do(ctx, c, number, byAge); err != nil {
				return err
			}
		}
	}
	for _, q := range []string{"DELETE FROM silence WHERE ends < ?", "DELETE FROM maintenance WHERE ends < ?", "DELETE FROM run WHERE ended < ?"} {
		if err := s.wait(ctx, &op{detail: true, run: func(t *txn) error { return t.exec(q, at.UnixNano()) }}); err != nil {
			return err
		}
	}
	return nil
}

// do does a chore in small commits, which go behind whatever somebody waits for. Rows are looked for by a reader: the writer only deletes.
func (s *Store) do(ctx context.Context, c chore, number int64, why string) (deleted int, err error) {
	for {
		var keys []any
		args := []any{number, number, sweepRows}[2-c.cuts:]
		err := s.each(ctx, c.find, args, func(r *sql.Rows) error {
			var key any
			err := r.Scan(&key)
			keys = append(keys, key)
			return err
		})
		if err != nil || len(keys) == 0 {
			return deleted, err
		}
		err = s.wait(ctx, &op{detail: true, ripe: true, run: func(t *txn) error {
			for rest := keys; len(rest) > 0; {
				n := chunk(len(rest))
				if err := t.exec("DELETE FROM "+c.table+" WHERE "+c.key+" IN ("+questions(n)+")", rest[:n]...); err != nil {
					return err
				}
				rest = rest[n:]
			}
			return nil
		}})
		if err != nil {
			return deleted, err
		}
		deleted += len(keys)
		s.metrics.deleted.WithLabelValues(why).Add(float64(len(keys)))
		if len(keys) < sweepRows {
			return deleted, nil
		}
	}
}

// bound deletes the oldest until the database is a twentieth smaller than it may be: histories first, then resolved incidents. What is open or not
// delivered stays, whatever its size.
func (s *Store) bound(ctx context.Context) error {
	if s.config.MaxBytes <= 0 {
		return nil
	}
	limit, before := s.config.MaxBytes, int64(math.MaxInt64)
	for {
		c := s.conns.Load()
		if c == nil {
			return ErrAway
		}
		_, used, err := s.dialect.size(ctx, c)
		if err != nil || used <= limit || used >= before && !s.dialect.exact() { // a server tells with some delay how much smaller it is: then the next sweep goes on
			return err
		}
		before, limit = used, s.config.MaxBytes-s.config.MaxBytes/20
		deleted, err := s.biteOff(ctx)
		if err != nil {
			return err
		}
		if deleted == 0 {
			s.log.Warn("the database is larger than it may be, and all in it is open or not delivered", "bytes", used, "limit", s.config.MaxBytes)
			return nil
		}
	}
}

// biteOff deletes the oldest part of the histories; where there are none, of what incidents left.
func (s *Store) biteOff(ctx context.Context) (deleted int, err error) {
	details := "SELECT coalesce(min(id), 0) FROM (SELECT min(id) AS id FROM route UNION ALL SELECT min(id) FROM catchment UNION ALL SELECT min(id) FROM vrp_change UNION ALL SELECT min(id) FROM health) oldest"
	past := "SELECT coalesce(min(latest), 0) FROM incident WHERE state = 'resolved'"
	for _, kind := range []struct {
		oldest string
		chores []chore
	}{{details, append(histories(), leftovers()[1:]...)}, {past, append(pastIncidents(), leftovers()[0])}} {
		var oldest int64
		if err := s.one(ctx, kind.oldest, nil, &oldest); err != nil {
			return 0, err
		}
		now := s.now().UnixMicro()
		cut := oldest + max((now-oldest)/bite, time.Second.Microseconds())
		if oldest == 0 {
			cut = now
		}
		for _, c := range kind.chores {
			number := cut
			if c.table == "word" || c.table == "net" {
				number -= dayMicros
			}
			n, err := s.do(ctx, c, number, bySize)
			if err != nil {
				return deleted, err
			}
			deleted += n
		}
		if deleted > 0 {
			return deleted, nil
		}
	}
	return deleted, nil
}
