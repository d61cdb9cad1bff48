package alerts

import (
	"container/list"
	"slices"
	"time"
)

// queue holds what waits for one sink: batches in the order in which they come due, each with its changes in the order in which they
// happened. A change never stands before an older one of its incident. Not for concurrent use.
type queue struct {
	batches    list.List // of *batch
	gathering  map[string]*batch
	byIncident map[string][]*entry
	depth      int

	first, last int // the orders of the batches at the ends
}

// batch is what will be told at one time.
type batch struct {
	key     string // what its incidents have in common
	due     time.Time
	order   int // its place in the queue, to compare with others
	entries []*entry
	live    int           // entries that are not gone
	place   *list.Element // nil while the sink has it

	first time.Time // of the first try; zero before it
	tries int       // since it last yielded to others
}

// tried tells that the receiver may have what is in the batch.
func (b *batch) tried() bool { return !b.first.IsZero() }

// entry is one change that waits.
type entry struct {
	Kept
	// also are the numbers of newer changes that were merged into this one.
	also     []uint64
	reminder bool // nothing new: people are told again
	batch    *batch
	gone     bool // condensed or dropped: skipped when the batch is taken
}

// seqs adds the numbers under which the journal knows what entries hold.
func seqs(entries []*entry) (out []uint64) {
	for _, e := range entries {
		if e.Seq != 0 {
			out = append(out, e.Seq)
		}
		out = append(out, e.also...)
	}
	return out
}

func newQueue() *queue {
	return &queue{gathering: make(map[string]*batch), byIncident: make(map[string][]*entry)}
}

// push adds a change to the batch of its kin that is still gathering, else to a new one that comes due at the given time. An empty key
// stands for itself.
func (q *queue) push(e *entry, key string, due time.Time) {
	b := q.join(e.Change.Incident.ID, key)
	if b == nil {
		b = &batch{key: key, due: due}
		q.append(b)
		if key != "" {
			q.gathering[key] = b
		}
	}
	e.batch, e.gone = b, false
	b.entries = append(b.entries, e)
	b.live++
	q.index(e)
}

// join finds the batch that a change of an incident may join; nil for none.
func (q *queue) join(id, key string) *batch {
	if key == "" {
		return nil
	}
	b := q.gathering[key]
	waiting := q.byIncident[id]
	if len(waiting) == 0 {
		return b
	}
	// What waits of the incident already must stay before this, also when another AS or site has become its kin since.
	switch last := waiting[len(waiting)-1].batch; {
	case !last.tried():
		return last
	case b != nil && b.order < last.order:
		return nil
	}
	return b
}

// beside adds a change to the batch in which another incident waits, if that was not tried yet and nothing older of its own incident waits.
func (q *queue) beside(e *entry, incident string) bool {
	waiting := q.byIncident[incident]
	if len(waiting) == 0 || waiting[0].batch.tried() || len(q.byIncident[e.Change.Incident.ID]) > 0 {
		return false
	}
	b := waiting[0].batch
	e.batch = b
	b.entries = append(b.entries, e)
	b.live++
	q.index(e)
	return true
}

// due gives when the first batch comes due; false when nothing waits.
func (q *queue) due() (time.Time, bool) {
	if first := q.batches.Front(); first != nil {
		return first.Value.(*batch).due, true
	}
	return time.Time{}, false
}

// take removes the first batch. There must be one.
func (q *queue) take() *batch {
	b := q.batches.Front().Value.(*batch)
	q.unlink(b)
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool { return e.gone })
	for _, e := range b.entries {
		id := e.Change.Incident.ID
		if rest := q.byIncident[id][1:]; len(rest) > 0 { // it is the first: nothing of its incident stands before it
			q.byIncident[id] = rest
		} else {
			delete(q.byIncident, id)
		}
	}
	q.depth -= len(b.entries)
	return b
}

// putBack returns a batch that could not be delivered: it is the next one again.
func (q *queue) putBack(b *batch) {
	q.first--
	b.order, b.place = q.first, q.batches.PushFront(b)
	for _, e := range slices.Backward(b.entries) {
		id := e.Change.Incident.ID
		q.byIncident[id] = slices.Insert(q.byIncident[id], 0, e)
	}
	q.depth += len(b.entries)
}

// yield returns a batch to the end of the queue; what else waits of its incidents goes behind it.
func (q *queue) yield(b *batch, now time.Time) {
	var behind []*entry
	for _, e := range b.entries {
		behind = append(behind, q.byIncident[e.Change.Incident.ID]...)
		q.drop(e.Change.Incident.ID)
	}
	b.tries = 0
	q.append(b)
	for _, e := range b.entries {
		q.index(e)
	}
	for _, e := range behind {
		again := *e // the batch that it left still holds it
		q.push(&again, e.batch.key, now)
	}
}

// drop removes all that waits of an incident, and gives it.
func (q *queue) drop(id string) []*entry {
	entries := q.byIncident[id]
	for _, e := range entries {
		q.leave(e)
	}
	delete(q.byIncident, id)
	return entries
}

// oldest names the incident that waits longest. There must be one.
func (q *queue) oldest() string {
	b := q.batches.Front().Value.(*batch)
	for b.entries[0].gone {
		b.entries = b.entries[1:]
	}
	return b.entries[0].Change.Incident.ID
}

// append places a batch at the end.
func (q *queue) append(b *batch) {
	q.last++
	b.order, b.place = q.last, q.batches.PushBack(b)
}

// index counts an entry as waiting, behind the others of its incident.
func (q *queue) index(e *entry) {
	id := e.Change.Incident.ID
	q.byIncident[id] = append(q.byIncident[id], e)
	q.depth++
}

// leave takes an entry out of its batch, and the batch out of the queue when it was the last.
func (q *queue) leave(e *entry) {
	e.gone = true
	q.depth--
	if e.batch.live--; e.batch.live == 0 {
		q.unlink(e.batch)
	}
}

// unlink takes a batch out of the queue; nothing gathers in it from then on.
func (q *queue) unlink(b *batch) {
	q.batches.Remove(b.place)
	b.place = nil
	if q.gathering[b.key] == b {
		delete(q.gathering, b.key)
	}
}
