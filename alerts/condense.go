package alerts

import "anywatch/detector"

// condense reduces what waits of an incident to what still matters: that it opened, that it resolved, and the newest state. It gives what
// went.
//
// An update goes when something newer of the incident follows. An update at the end merges into the opening before it, unless that was
// tried already: then the receiver may have it, and would take the opening for a repetition. A former life that opened and resolved while
// it waited goes too; the count of the reopened incident tells of it.
func (q *queue) condense(id string) (gone []*entry) {
	entries := q.byIncident[id]
	if len(entries) < 2 {
		return nil
	}
	newest := entries[len(entries)-1]
	var kept []*entry
	for i, e := range entries {
		if e == newest || stays(entries, i, newest.Change.Incident.Reopened) {
			kept = append(kept, e)
		} else {
			q.leave(e)
			gone = append(gone, e)
		}
	}
	if n := len(kept); n > 1 && newest.Change.Event == detector.Updated {
		if before := kept[n-2]; before.Change.Event == detector.Opened && !before.batch.tried() {
			before.Change.Incident = newest.Change.Incident
			before.also = append(before.also, seqs([]*entry{newest})...)
			newest.Seq, newest.also = 0, nil // settled with the one before
			q.leave(newest)
			gone, kept = append(gone, newest), kept[:n-1]
		}
	}
	q.byIncident[id] = kept
	return gone
}

// stays tells whether the i-th entry of an incident, which is not the newest, still matters.
func stays(entries []*entry, i, life int) bool {
	c := entries[i].Change
	switch {
	case c.Event == detector.Updated:
		return false
	case c.Incident.Reopened == life:
		return true
	case c.Event == detector.Resolved:
		return !openedBefore(entries[:i], c.Incident.Reopened) // the receiver knows that life as open
	}
	return false
}

// openedBefore tells whether the opening of a life waits too.
func openedBefore(entries []*entry, life int) bool {
	for _, e := range entries {
		if e.Change.Event == detector.Opened && e.Change.Incident.Reopened == life {
			return true
		}
	}
	return false
}

// condenseAll condenses every incident that waits.
func (q *queue) condenseAll() (gone []*entry) {
	for id := range q.byIncident {
		gone = append(gone, q.condense(id)...)
	}
	return gone
}
