package detector

import (
	"container/heap"
	"time"
)

// timers fire in the order of their time, and in the order in which they were set when the time is the same: nothing depends on chance.
type timers struct {
	heap timerHeap
	seq  uint64
}

type timer struct {
	at  time.Time
	seq uint64
	run func()
}

// set plans a call. A timer is not cancelled: what it runs looks whether it is still meant.
func (t *timers) set(at time.Time, run func()) {
	t.seq++
	heap.Push(&t.heap, timer{at, t.seq, run})
}

// next takes the first timer that is due at the time.
func (t *timers) next(now time.Time) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at.After(now) {
		return timer{}, false
	}
	return heap.Pop(&t.heap).(timer), true
}

// earliest is when the next timer is due; false when none is set.
func (t *timers) earliest() (time.Time, bool) {
	if len(t.heap) == 0 {
		return time.Time{}, false
	}
	return t.heap[0].at, true
}

type timerHeap []timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].seq < h[j].seq
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*h = old[:len(old)-1]
	return last
}
