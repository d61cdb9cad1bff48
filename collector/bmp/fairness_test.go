package bmp

import (
	"context"
	"testing"
	"time"

	"anywatch/collector"
)

// One router floods us with updates that all concern us, for as long as it takes, and the queue has room for one event. The other's few updates
// come through all the same: who waits for room gets it in turn. Were it not so, the flood would never end and the test neither.
func TestFloodDoesNotStarveOthers(t *testing.T) {
	queue := collector.NewQueue(1)
	s := &station{t: t, logs: new(logs), events: make(chan collector.Event)}
	s.run(config(), queue)
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	flood := s.connect("127.0.0.40", initiate(t, "flood"))
	ended := make(chan int)
	go func() {
		sent := 0
		for ; ; sent++ {
			if _, err := flood.Write(m); err != nil {
				break
			}
		}
		ended <- sent
	}()
	late := time.After(patience)
	next := func() collector.Event {
		select {
		case ev := <-queue.Events():
			return ev
		case <-late:
			t.Fatal("nothing comes any more")
			return collector.Event{}
		}
	}
	from := map[string]int{}
	for from["flood"] < 1000 { // it is in full flow
		if ev := next(); ev.Kind == collector.Routes {
			from[ev.Vantage.Router]++
		}
	}
	s.connect("127.0.0.41", initiate(t, "quiet"), m, m, m)
	for from["quiet"] < 3 {
		if ev := next(); ev.Kind == collector.Routes {
			from[ev.Vantage.Router]++
		}
	}
	if err := flood.Close(); err != nil {
		t.Error(err)
	}
	if sent := <-ended; sent < 1000 {
		t.Errorf("the flood was one of %d messages", sent)
	}
	go func() { // the source can end only when its last events are taken
		for {
			select {
			case <-queue.Events():
			case <-t.Context().Done():
				return
			}
		}
	}()
	if err := s.stop(); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("Run returned %v", err)
	}
}
