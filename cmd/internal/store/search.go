package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// fewest is how many incidents an index of prefixes or texts may find so that they are looked at one by one. Where each finds more,
// the newest incidents are looked at until a page is full, which is not long when so many fit.
const fewest = 1000

// finder is an index that may tell which incidents fit: a query for their numbers, with a limit as its last argument. Where it finds too many, the
// condition does as well.
type finder struct {
	find, condition string
	args            []any
}

func (s *Store) finders(f *Filter) (out []finder) {
	if f.Prefix.IsValid() {
		about, args := f.Match.about(f.Prefix)
		out = append(out, finder{
			find:      "SELECT DISTINCT incident FROM incident_net WHERE " + about + " LIMIT ?",
			condition: "EXISTS (SELECT 1 FROM incident_net n WHERE n.incident = i.number AND " + about + ")", args: args,
		})
	}
	if find, args := s.dialect.texts(text(f.Text)); find != "" {
		out = append(out, finder{find: find, args: args})
	}
	return out
}

// search makes the conditions of a filter. None is set when an index says that no incident fits.
func (s *Store) search(ctx context.Context, f *Filter) (c *conditions, none bool, err error) {
	c = f.conditions()
	if f.Text != "" {
		pattern := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text(f.Text))
		c.add("i.summary "+s.dialect.like()+` ? ESCAPE '\'`, "%"+pattern+"%")
	}
	few := false
	for _, x := range s.finders(f) {
		if !few {
			found, err := s.find(ctx, x)
			if err != nil || len(found) == 0 {
				return c, true, err
			}
			if few = len(found) <= fewest; few {
				c.number(found)
				continue
			}
		}
		if x.condition != "" {
			c.add(x.condition, x.args...)
		}
	}
	return c, false, nil
}

// find asks an index for the numbers of incidents, up to one more than few.
func (s *Store) find(ctx context.Context, x finder) (found []int64, err error) {
	err = s.each(ctx, x.find, append(x.args[:len(x.args):len(x.args)], fewest+1), func(r *sql.Rows) error {
		var n int64
		err := r.Scan(&n)
		found = append(found, n)
		return err
	})
	return found, err
}

// number asks for incidents with one of some numbers. They stand in the text, since a query takes only so many arguments.
func (c *conditions) number(numbers []int64) {
	b := []byte("i.number IN (")
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	c.parts = append(c.parts, string(append(b, ')')))
}
