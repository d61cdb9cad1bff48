package bmp

import (
	"sync"

	"anywatch/collector"
)

// owners knows which connection shows a vantage. A router that comes back before we noticed that it was gone is shown by two for a while: then
// the end of the old one says nothing about what the new one shows.
type owners struct {
	mu sync.Mutex
	of map[collector.VantageID]*Stream
}

func (o *owners) claim(id collector.VantageID, s *Stream) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[id] = s
}

// release gives a vantage up; false when another stream has it.
func (o *owners) release(id collector.VantageID, s *Stream) bool {
	if o == nil {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of[id] != s {
		return false
	}
	delete(o.of, id)
	return true
}
