package alerts

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anywatch/detector"
)

// Whatever is done to a queue, the changes of one incident leave it in the order in which they came, and its books are right.
func TestTheQueueKeepsTheOrderOfEveryIncident(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		q, now := newQueue(), time.Unix(0, 0)
		given := map[string]int{}
		lastTaken := map[string]int{}
		var b *batch // in hand
		for range 400 {
			now = now.Add(time.Second)
			id := fmt.Sprint(r.IntN(6))
			switch action := r.IntN(10); {
			case action < 5:
				given[id]++
				c := detector.Change{Event: randomEvent(r), Incident: detector.Incident{ID: id, Updated: time.Unix(int64(given[id]), 0)}}
				e := &entry{Kept: Kept{At: now, Change: c}}
				if r.IntN(4) > 0 || !q.beside(e, fmt.Sprint(r.IntN(6))) {
					q.push(e, []string{"", "k", "l"}[r.IntN(3)], now.Add(5*time.Second))
				}
			case action < 8 && b == nil && q.depth > 0:
				b = q.take()
				b.first = now
			case b != nil && action == 5:
				q.putBack(b)
				b = nil
			case b != nil && action == 6:
				q.yield(b, now)
				b = nil
			case b != nil && action == 7:
				inOrder(t, seed, b, lastTaken)
				b = nil
			case action == 8:
				q.condense(id)
			case q.depth > 20:
				q.drop(q.oldest())
			}
			balanced(t, seed, q)
		}
	}
}

func randomEvent(r *rand.Rand) detector.EventName {
	return []detector.EventName{detector.Opened, detector.Updated, detector.Updated, detector.Resolved}[r.IntN(4)]
}

// inOrder checks that a delivered batch brings nothing older than what came before it.
func inOrder(t *testing.T, seed uint64, b *batch, last map[string]int) {
	t.Helper()
	for _, e := range b.entries {
		id, n := e.Change.Incident.ID, int(e.Change.Incident.Updated.Unix())
		if n <= last[id] {
			t.Fatalf("seed %d: change %d of incident %s leaves after change %d", seed, n, id, last[id])
		}
		last[id] = n
	}
}

// balanced counts the queue the slow way.
func balanced(t *testing.T, seed uint64, q *queue) {
	t.Helper()
	depth, byIncident := 0, map[string][]*entry{}
	for element := q.batches.Front(); element != nil; element = element.Next() {
		b := element.Value.(*batch)
		live := 0
		for _, e := range b.entries {
			if e.gone {
				continue
			}
			live++
			byIncident[e.Change.Incident.ID] = append(byIncident[e.Change.Incident.ID], e)
		}
		if live == 0 || live != b.live {
			t.Fatalf("seed %d: a batch says it has %d entries, it has %d", seed, b.live, live)
		}
		depth += live
	}
	if depth != q.depth || len(byIncident) != len(q.byIncident) {
		t.Fatalf("seed %d: the queue says %d entries of %d incidents; it has %d of %d", seed, q.depth, len(q.byIncident), depth, len(byIncident))
	}
	for id, entries := range byIncident {
		if !slices.Equal(entries, q.byIncident[id]) {
			t.Fatalf("seed %d: the entries of incident %s are not indexed in their order", seed, id)
		}
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		failures int
		chance   float64
		want     time.Duration
	}{
		{1, 1, time.Second}, {1, 0, 500 * time.Millisecond}, {2, 1, 2 * time.Second}, {5, 0.5, 12 * time.Second},
		{9, 1, 256 * time.Second}, {10, 1, 5 * time.Minute}, {10, 0, 150 * time.Second}, {1 << 30, 1, 5 * time.Minute},
	} {
		if got := backoff(c.failures, c.chance); got != c.want {
			t.Errorf("backoff(%d, %v) = %s; want %s", c.failures, c.chance, got, c.want)
		}
	}
}

// silent is a sink that never answers.
type silent struct{ Sink }

func (silent) Name() string   { return "silent" }
func (silent) Manner() Manner { return Manner{} }

// BenchmarkHandleInAStorm hands over openings of ever new incidents while the sink takes none: what the engine pays at worst.
func BenchmarkHandleInAStorm(b *testing.B) {
	d, err := New(Config{Routes: []Route{{Sink: silent{}}}, GroupWait: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	c := detector.Change{Event: detector.Opened, Incident: detector.Incident{Kind: detector.OriginHijack}}
	for n := 0; b.Loop(); n++ {
		c.Incident.ID = fmt.Sprint(n)
		d.Handle(c)
	}
}
