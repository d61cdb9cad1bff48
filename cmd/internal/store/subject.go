package store

import "errors"

// subject stands in a row for the number of the incident with this id, which only the writer knows.
type subject string

// subjects are the numbers of incidents that the writer has met.
type subjects map[subject]int64

// subjectsKnown bounds what is remembered beyond a transaction; what is forgotten is only looked for again.
const subjectsKnown = 10_000

func (s subjects) forget() { clear(s) }

// resolve appends the values of a row, with numbers for subjects. One that there is no incident for becomes NULL.
func (s subjects) resolve(args, row []any) []any {
	for _, a := range row {
		if id, is := a.(subject); is {
			a = nil
			if n, known := s[id]; known {
				a = n
			}
		}
		args = append(args, a)
	}
	return args
}

// know finds the numbers of all incidents that a group is about. One that is new gets the number of its change.
func (t *txn) know(group []*op) error {
	known := t.c.subjects
	if len(known) > subjectsKnown {
		known.forget()
	}
	var unknown []any
	asked := make(map[subject]bool)
	for _, o := range group {
		for _, r := range o.rows {
			for _, a := range r.args {
				if id, is := a.(subject); is && !asked[id] {
					if _, there := known[id]; !there {
						asked[id] = true
						unknown = append(unknown, string(id))
					}
				}
			}
		}
	}
	if err := t.ask(unknown); err != nil {
		return err
	}
	for _, o := range group {
		for _, r := range o.rows {
			if r.table != &changeTable {
				continue
			}
			if id, number := r.args[1].(subject), r.args[0].(int64); known[id] == 0 {
				known[id] = number
			}
		}
	}
	return nil
}

// ask reads the numbers of incidents from the database.
func (t *txn) ask(ids []any) error {
	for len(ids) > 0 {
		n := chunk(len(ids))
		st, err := t.prepared("SELECT id, number FROM incident WHERE id IN (" + questions(n) + ")")
		if err != nil {
			return err
		}
		rows, err := st.QueryContext(t.ctx, ids[:n]...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id subject
			var number int64
			if err := rows.Scan(&id, &number); err != nil {
				return errors.Join(err, rows.Close())
			}
			t.c.subjects[id] = number
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
