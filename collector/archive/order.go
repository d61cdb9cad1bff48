package archive

import (
	"container/heap"
	"context"
	"time"
)

// oneByOne reads the inputs in the order given.
func (r *reading) oneByOne(ctx context.Context, inputs []Input) error {
	for _, in := range inputs {
		s := r.begin(in)
		if s == nil {
			continue
		}
		for r.next(s) {
			if err := r.step(ctx, s); err != nil {
				return err
			}
		}
		if err := r.finish(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// merged reads the inputs side by side, always the record that is due first. A file is opened for good only when its first record is due, so that
// a thousand files of one collector, each later than the one before, cost no more memory than one.
func (r *reading) merged(ctx context.Context, inputs []Input) error {
	q, err := r.line(ctx, inputs)
	if err != nil {
		return err
	}
	heap.Init(&q)
	for len(q) > 0 {
		t := q[0]
		if t.source == nil {
			t.source = r.begin(t.in)
		} else if err := r.step(ctx, t.source); err != nil {
			return err
		}
		if t.source != nil && r.next(t.source) {
			t.at = t.source.at
			heap.Fix(&q, 0)
			continue
		}
		heap.Pop(&q)
		if t.source == nil {
			continue
		}
		if err := r.finish(ctx, t.source); err != nil {
			return err
		}
	}
	return nil
}

// keptOpen is how many inputs stay open while they wait for their turn: opening one a second time means unpacking its beginning twice, and an open
// one takes up to six megabytes.
const keptOpen = 6

// line gives each input its place by the time of its first record. What can't be opened a second time stays open.
func (r *reading) line(ctx context.Context, inputs []Input) (q queue, err error) {
	for n, in := range inputs {
		s := r.begin(in)
		switch {
		case s == nil:
		case !in.once && len(r.open) > keptOpen:
			q = append(q, &turn{n: n, in: in, at: firstTime(s)})
			r.close(s)
		case r.next(s):
			q = append(q, &turn{n: n, in: in, at: s.at, source: s})
		default:
			if err := r.finish(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	return q, nil
}

// firstTime gives the time of the first record; zero when there is none.
func firstTime(s *source) time.Time {
	for range 100 { // beginnings that are more damaged than that may come in the wrong place
		t, err := s.cursor.next()
		if err == nil {
			return t
		}
		if _, more := err.(*damage); !more {
			break
		}
	}
	return time.Time{}
}

// turn is an input whose next record waits to be due. Without a source it is not open, and its first record waits.
type turn struct {
	n      int
	in     Input
	at     time.Time
	source *source
}

// queue orders turns by time, then by the order of the inputs.
type queue []*turn

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q queue) Less(i, j int) bool {
	if c := q[i].at.Compare(q[j].at); c != 0 {
		return c < 0
	}
	return q[i].n < q[j].n
}

// Push is part of heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(*turn)) }

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	*q = (*q)[:last]
	return t
}
