package collector

import (
	"sync/atomic"
	"time"
)

// Tally counts what one stream brought. Messages are records of whatever kind; Updates are BGP UPDATEs and table entries among them; Prefixes are
// the announcements and withdrawals in those; Matched and Skipped are updates that the screen let through or not; Malformed are records that
// could not be read or decoded; Redecoded were read only by assuming another encoding than the session agreed upon; Discarded are updates that lost
// an attribute and kept their routes (RFC 7606); Unfollowed are announcements outside the watch, with our AS in the path, that were passed over
// because too many such are followed already.
type Tally struct {
	Messages, Updates, Prefixes, Matched, Skipped, Malformed, Redecoded, Discarded, Unfollowed uint64
}

// Add adds another tally.
func (t *Tally) Add(more Tally) {
	t.Messages += more.Messages
	t.Updates += more.Updates
	t.Prefixes += more.Prefixes
	t.Matched += more.Matched
	t.Skipped += more.Skipped
	t.Malformed += more.Malformed
	t.Redecoded += more.Redecoded
	t.Discarded += more.Discarded
	t.Unfollowed += more.Unfollowed
}

// Counters are the totals of one source, for metrics; safe for concurrent use. Streams add their tallies from time to time, not with every
// message: at millions of messages a second shared counters would cost more than the screen.
type Counters struct {
	Messages, Updates, Prefixes, Matched, Skipped, Malformed, Redecoded, Discarded, Unfollowed atomic.Uint64
	// Sessions is how many sessions, routers or connections are up.
	Sessions atomic.Int64
	// lastArrival and lastSent are the newest message's time of arrival and its sender's time, in Unix nanoseconds; zero before the first.
	lastArrival, lastSent atomic.Int64
}

// Add adds a tally and empties it.
func (c *Counters) Add(t *Tally) {
	if *t == (Tally{}) {
		return
	}
	c.Messages.Add(t.Messages)
	c.Updates.Add(t.Updates)
	c.Prefixes.Add(t.Prefixes)
	c.Matched.Add(t.Matched)
	c.Skipped.Add(t.Skipped)
	c.Malformed.Add(t.Malformed)
	c.Redecoded.Add(t.Redecoded)
	c.Discarded.Add(t.Discarded)
	c.Unfollowed.Add(t.Unfollowed)
	*t = Tally{}
}

// Arrived notes when a message came and the time that its sender gave it.
func (c *Counters) Arrived(at, sent time.Time) {
	c.lastArrival.Store(at.UnixNano())
	c.lastSent.Store(sent.UnixNano())
}

// LastArrival is when the newest message came; zero before the first.
func (c *Counters) LastArrival() time.Time { return unixNano(c.lastArrival.Load()) }

// Lag is how long the newest message was under way.
func (c *Counters) Lag() time.Duration {
	return time.Duration(c.lastArrival.Load() - c.lastSent.Load())
}

func unixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
