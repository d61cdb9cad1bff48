package rtr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"anywatch/rpki"
)

// Client keeps a copy of one cache. Its fields are set before Run and not changed afterwards.
type Client struct {
	// Address is host:port of the cache; 323 is the port of RTR over TCP, 324 over TLS.
	Address string
	// TLS makes it RTR over TLS (RFC 8210 section 9.2); nil is plain TCP.
	TLS *tls.Config
	// MaxVersion is the highest version to ask for: 1 when zero. 2 brings ASPAs.
	MaxVersion uint8
	// OnChange is called from the goroutine of Run, one call at a time, when anything of the status has changed.
	OnChange func(Status)
	// Log is told about what an operator wants to know; nil is silence.
	Log *slog.Logger
	// Clock is what time it is; nil is the system's.
	Clock Clock
	// Random spreads reconnecting clients, from 0 to 1; nil is math/rand.
	Random func() float64
	// Dial connects to the cache; nil dials Address.
	Dial func(context.Context) (net.Conn, error)
}

// State is how good the copy is. The zero value is that there is none yet.
type State uint8

// The states.
const (
	Waiting State = iota // nothing was received yet
	Fresh                // confirmed within the cache's Refresh interval
	Stale                // a refresh is overdue; the data are in use until they expire
	Expired              // not confirmed within the cache's Expire interval: the data were dropped
)

// String gives waiting, fresh, stale or expired.
func (s State) String() string {
	return [...]string{"waiting", "fresh", "stale", "expired"}[min(s, Expired)]
}

// Status is all that is to know about a copy.
type Status struct {
	Address   string
	State     State
	Since     time.Time // when it came to be in this state
	Connected bool
	Version   uint8     // of the protocol, as agreed
	Session   uint16    // of the cache, as of the last End of Data
	Serial    uint32    // likewise
	Set       *rpki.Set // what the cache holds; nil unless fresh or stale. The same pointer as before when nothing changed
	Updated   time.Time // of the last End of Data, also when it brought no change
	Expires   time.Time // when the data will be dropped unless confirmed before
	Err       string    // why it is not connected or was not refreshed, "" when all is well
}

// Source gives the copy in the form in which rpki.Build takes it.
func (s Status) Source() rpki.Source {
	return rpki.Source{Name: s.Address, Set: s.Set, Generated: s.Updated}
}

// Clock is what time it is.
type Clock interface {
	Now() time.Time
	// After gives a channel that gets the time once d has passed, and a function that gives that up.
	After(d time.Duration) (<-chan time.Time, func())
}

// SystemClock is the time of the machine.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

const (
	dialTimeout   = 15 * time.Second
	answerTimeout = 5 * time.Minute // from a query to its End of Data
	overdueAfter  = time.Minute     // past the Refresh interval the data count as stale
	firstPause    = time.Second     // before connecting again; doubled up to the Retry interval
	steadyAfter   = time.Minute     // a connection that lived this long begins the doubling anew
)

// Run keeps the copy until the context ends, and gives the context's error. Whatever the cache does is a change of status, and a
// reason to try again.
func (c *Client) Run(ctx context.Context) error {
	r := c.begin()
	for {
		err := r.connection(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.pause(ctx, r.afterwards(err)); err != nil {
			return err
		}
	}
}

// runner is a client that runs: what outlives a connection.
type runner struct {
	*Client
	status    Status
	told      Status
	intervals intervals
	version   uint8 // to ask for next
	answered  uint8 // the highest version that the cache has answered in, plus one
	silent    int   // connections in a row that the cache closed without a word
	failures  int   // connections in a row that came to nothing
}

// begin fills in what was left out.
func (c *Client) begin() *runner {
	full := *c
	if full.MaxVersion == 0 {
		full.MaxVersion = 1
	}
	if full.Clock == nil {
		full.Clock = systemClock{}
	}
	if full.Random == nil {
		full.Random = rand.Float64
	}
	if full.Log == nil {
		full.Log = slog.New(slog.DiscardHandler)
	}
	full.Log = full.Log.With("cache", full.Address)
	if full.Dial == nil {
		full.Dial = full.dial
	}
	r := &runner{Client: &full, intervals: usualIntervals(), version: min(full.MaxVersion, 2)}
	r.status = Status{Address: full.Address, Since: full.Clock.Now()}
	return r
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	if c.TLS != nil {
		return (&tls.Dialer{NetDialer: d, Config: c.TLS}).DialContext(ctx, "tcp", c.Address)
	}
	return d.DialContext(ctx, "tcp", c.Address)
}

// publish tells the caller if anything has changed.
func (r *runner) publish() {
	if r.status == r.told {
		return
	}
	r.told = r.status
	if r.OnChange != nil {
		r.OnChange(r.status)
	}
}

func (r *runner) enter(s State) {
	if r.status.State != s {
		r.status.State, r.status.Since = s, r.Clock.Now()
	}
}

// accept takes over the whole of an answer.
func (r *runner) accept(set *rpki.Set, end pdu) {
	now := r.Clock.Now()
	if r.status.State != Fresh || set != r.status.Set {
		r.Log.Info("VRPs received", "version", end.version, "session", end.session, "serial", end.serial,
			"vrps", set.Len(), "aspas", len(set.ASPAs()))
	}
	r.intervals = end.intervals
	r.status.Set, r.status.Session, r.status.Serial, r.status.Version = set, end.session, end.serial, end.version
	r.status.Updated, r.status.Expires, r.status.Err = now, now.Add(end.intervals.expire), ""
	r.enter(Fresh)
	r.publish()
}

// due is when the data change their state by age alone; zero is never.
func (r *runner) due() time.Time {
	switch r.status.State {
	case Fresh:
		return earliest(r.overdue(), r.status.Expires)
	case Stale:
		return r.status.Expires
	}
	return time.Time{}
}

func (r *runner) overdue() time.Time { return r.status.Updated.Add(r.intervals.refresh + overdueAfter) }

// age lets the data grow old, and drops them at last (RFC 8210 section 6: they must not be used after the Expire interval).
func (r *runner) age() {
	now := r.Clock.Now()
	if r.status.State != Fresh && r.status.State != Stale {
		return
	}
	switch {
	case !now.Before(r.status.Expires):
		r.Log.Error("VRPs dropped: the cache has not confirmed them within its Expire interval",
			"updated", r.status.Updated, "expire", r.intervals.expire, "reason", r.status.Err)
		r.status.Set = nil
		r.enter(Expired)
	case r.status.State == Fresh && !now.Before(r.overdue()):
		r.Log.Warn("VRPs are stale: a refresh is overdue", "updated", r.status.Updated, "expires", r.status.Expires, "reason", r.status.Err)
		r.enter(Stale)
	}
	r.publish()
}

// pause waits, and lets the data grow old meanwhile.
func (r *runner) pause(ctx context.Context, d time.Duration) error {
	until := r.Clock.Now().Add(d)
	for {
		now := r.Clock.Now()
		if !now.Before(until) {
			return ctx.Err()
		}
		alarm, stop := r.Clock.After(earliest(until, r.due()).Sub(now))
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-alarm:
			r.age()
		}
	}
}

// afterwards decides how long to wait before the next connection, and in which version to try it.
func (r *runner) afterwards(err error) time.Duration {
	var lower *downgrade
	if errors.As(err, &lower) {
		r.Log.Info("trying a lower version of the protocol", "version", lower.to, "reason", err)
		r.version = lower.to
		return 0
	}
	r.version = min(r.MaxVersion, 2) // whatever it was, the cache may have been renewed
	wait := r.backoff()
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		wait = r.askAgain(wait)
	}
	r.Log.Warn("no connection to the cache", "again_in", wait, "reason", err)
	return wait
}

// backoff gives a pause that doubles from failure to failure, up to the Retry interval, and is spread between its half and its whole.
func (r *runner) backoff() time.Duration {
	wait := min(firstPause<<min(r.failures, 20), r.intervals.retry)
	r.failures++
	return wait/2 + time.Duration(r.Random()*float64(wait/2))
}

// askAgain gives the pause after a query that the cache did not answer: its Retry interval, once it has told one. A cache that has
// not is most likely starting, and soon there.
func (r *runner) askAgain(backoff time.Duration) time.Duration {
	if r.status.Updated.IsZero() {
		return backoff
	}
	return r.intervals.retry
}

// lost decides what the end of a connection without a single PDU means: a cache that does not know the version may say so in just
// this way (RFC 8210 section 7). One that has answered in this version before is more likely to be restarting.
func (r *runner) lost(err error, version uint8) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	r.silent++
	if version == 0 || r.answered > version && r.silent < 2 {
		return err
	}
	return &downgrade{to: version - 1, why: fmt.Sprintf("the cache closed the connection without answering a query of version %d", version)}
}

// downgrade says that the cache wants a lower version.
type downgrade struct {
	to  uint8
	why string
}

// Error says why.
func (d *downgrade) Error() string { return d.why }

// refusal says that the cache is there and can't answer. It is asked again after its Retry interval.
type refusal struct{ why string }

// Error says why.
func (r *refusal) Error() string { return r.why }

// earliest gives the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
