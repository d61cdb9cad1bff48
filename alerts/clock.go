package alerts

import "time"

// Clock is where the dispatcher takes the time from.
type Clock interface {
	Now() time.Time
	// After gives a channel that receives once the duration has passed.
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now gives the time of day.
func (SystemClock) Now() time.Time { return time.Now() }

// After waits in real time.
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
