// Package samples keeps what an operator needs to see of the bad messages that routers send: the last few as they came, and a line in
// the log now and then instead of one for each.
package samples

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Sample is one bad message.
type Sample struct {
	Time  time.Time
	From  string // the vantage, or the router
	Err   string
	Bytes []byte // the message as it came, its first 4,096 octets
}

// String gives the sample as one line, its bytes in hexadecimal.
func (s Sample) String() string {
	return fmt.Sprintf("%s %s: %s: %s", s.Time.UTC().Format(time.RFC3339), s.From, s.Err, hex.EncodeToString(s.Bytes))
}

const (
	size     = 16
	maxBytes = 4096
)

// Ring keeps the last 16 samples. The zero value is ready; safe for concurrent use.
type Ring struct {
	mu   sync.Mutex
	ring [size]Sample
	n    int // samples added so far
}

// Add keeps a copy of a message.
func (r *Ring) Add(t time.Time, from string, err error, message []byte) {
	s := Sample{Time: t, From: from, Err: err.Error(), Bytes: slices.Clone(message[:min(len(message), maxBytes)])}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.n%size] = s
	r.n++
}

// List gives the samples, oldest first.
func (r *Ring) List() []Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Sample, 0, size)
	for i := max(0, r.n-size); i < r.n; i++ {
		out = append(out, r.ring[i%size])
	}
	return out
}

// Throttle lets one log line through in an interval and counts the rest. Safe for concurrent use.
type Throttle struct {
	Every time.Duration
	Now   func() time.Time

	mu         sync.Mutex
	last       time.Time
	suppressed int
}

// Pass tells whether to log now, and how many times it said no since it last said yes.
func (t *Throttle) Pass() (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	if !t.last.IsZero() && now.Sub(t.last) < t.Every {
		t.suppressed++
		return 0, false
	}
	suppressed, t.suppressed, t.last = t.suppressed, 0, now
	return suppressed, true
}
