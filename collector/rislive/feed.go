package rislive

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/collector"
)

// signs are the signs of life that one read brought: a message of any kind, and one of BGP.
type signs struct{ any, bgp bool }

// suffice tells whether they show that the feed is alive. Of everything that the collectors hear there is always some; of a few prefixes there may
// be nothing for days, and an answer to our ping is all that can be expected.
func (b signs) suffice(everything bool) bool { return b.bgp || b.any && !everything }

// feed is the source as people know it: up, or down since nothing has come for as long as the configuration allows, whether the connection
// stands, or stood, or never did. A connection that is soon back tells nobody.
type feed struct {
	start    time.Time    // what follows counts from it, in nanoseconds, so that a wall clock that is set does not matter
	any, bgp atomic.Int64 // when the newest message came
	opened   atomic.Int64 // when the connection came to stand
	busy     atomic.Bool  // the reader deals with what came: it is not the server that is silent
	down     atomic.Bool  // FeedDown was told; set with telling held

	telling sync.Mutex // one at a time tells of the feed, so that down and up come in their order
	name    string

	mu     sync.Mutex // guards what follows
	stands bool       // the connection
	why    error      // it does not, nil before the first try has failed
}

// begin is the moment from which messages are to be expected.
func (f *feed) begin(now time.Time, name string) {
	if f.start.IsZero() {
		f.start, f.name = now, name
	}
}

// connection notes that the connection stands, or why it does not.
func (f *feed) connection(stands bool, why error, now time.Time) {
	f.opened.Store(int64(now.Sub(f.start)))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stands, f.why = stands, why
}

// took notes what the reader has dealt with. The server could say nothing meanwhile, so that its silence counts from now.
func (f *feed) took(brought signs, now time.Time) {
	at := int64(now.Sub(f.start))
	if brought.any {
		f.any.Store(at)
	}
	if brought.bgp {
		f.bgp.Store(at)
	}
	f.busy.Store(false)
}

// silence is for how long the server has said nothing at all on this connection.
func (f *feed) silence(now time.Time) time.Duration {
	if f.busy.Load() {
		return 0
	}
	return now.Sub(f.start) - time.Duration(max(f.any.Load(), f.opened.Load()))
}

// last is when the newest sign of life came, and for how long there was none.
func (f *feed) last(everything bool, now time.Time) (time.Time, time.Duration) {
	if f.busy.Load() {
		return now, 0
	}
	last := f.bgp.Load()
	if !everything {
		last = max(last, f.any.Load())
	}
	at := f.start.Add(time.Duration(last))
	return at, now.Sub(at)
}

// tellDown emits FeedDown when the feed has been silent for too long.
func (f *feed) tellDown(ctx context.Context, out collector.Sink, cfg *Config, now func() time.Time) error {
	everything := cfg.everything()
	tooLong := func() (since time.Time, is bool) {
		since, silent := f.last(everything, now())
		return since, cfg.SilentAfter > 0 && silent >= cfg.SilentAfter
	}
	if _, is := tooLong(); !is || f.down.Load() {
		return nil
	}
	f.telling.Lock()
	defer f.telling.Unlock()
	// From now on the reader tells when something comes. What came just before is seen here.
	f.down.Store(true)
	since, is := tooLong()
	if !is {
		f.down.Store(false)
		return nil
	}
	return out.Emit(ctx, collector.Event{Kind: collector.FeedDown, Feed: f.name, Time: since, Reason: f.reason(everything)})
}

// reason says why nothing comes, as far as we know.
func (f *feed) reason(everything bool) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.stands && everything:
		return "connected, and no BGP message comes"
	case f.stands:
		return "connected, and nothing comes, not even an answer"
	case f.why == nil:
		return "no connection: the server does not answer"
	}
	return "no connection: " + f.why.Error()
}

// tellUp emits FeedUp when the feed was down and something came.
func (f *feed) tellUp(ctx context.Context, out collector.Sink, now time.Time, reason string) error {
	if !f.down.Load() {
		return nil
	}
	f.telling.Lock()
	defer f.telling.Unlock()
	if !f.down.Load() {
		return nil
	}
	if err := out.Emit(ctx, collector.Event{Kind: collector.FeedUp, Feed: f.name, Time: now, Reason: reason}); err != nil {
		return err
	}
	f.down.Store(false)
	return nil
}

// rename ends the feed of one name and begins that of another, when the server's name was changed in the configuration.
func (f *feed) rename(ctx context.Context, out collector.Sink, name string, now time.Time) error {
	if f.name == name {
		return nil
	}
	if err := f.tellUp(ctx, out, now, errReconfigured.Error()); err != nil {
		return err
	}
	f.telling.Lock()
	defer f.telling.Unlock()
	f.name = name
	f.took(signs{any: true, bgp: true}, now)
	return nil
}
