package rislive

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"anywatch/collector"
)

// maxMessage bounds what is read of one message; a longer one ends the connection, while one longer than MaxLine is only passed over.
const maxMessage = 4 << 20

// connection is one connection to the server. Its own goroutine reads, with another one in front that takes messages off the network; a third
// one keeps it: subscribes, asks whether the server is there, and closes it when it is not.
type connection struct {
	source  *Source
	in      *collector.Intake
	decoder *Decoder
	conn    *websocket.Conn
	heard   bool // a BGP message came
	flushed time.Time
	lag     time.Duration          // of the newest message that had a time
	ignore  atomic.Pointer[Config] // a configuration whose ignored peers are to be taken over
	// receiving is the goroutine that takes messages off the network while the one before it deals with what came.
	receiving sync.WaitGroup
	// steps counts what the reader does: odd while it deals with a message, even while it waits for the server.
	steps atomic.Uint64
}

// run connects and reads until the connection ends; the error says why.
func (c *connection) run(ctx context.Context) error {
	s := c.source
	cfg, changed := s.config()
	if err := c.dial(ctx, cfg); err != nil {
		return err
	}
	s.deps.Counters.Sessions.Add(1)
	defer s.deps.Counters.Sessions.Add(-1)
	s.deps.Log.Info("connected to RIS Live", "source", s.name)
	known := c.decoder.Vantages()
	c.decoder.Ignore(cfg.IgnorePeers)

	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		cancel(c.keep(ctx, cfg, changed))
		c.conn.CloseNow() // the reader sees it; what was wrong stands in the cause already
	}()
	err := s.tell(ctx, c.in.Out, known, collector.Gap, "the connection to RIS Live was lost; what came in between was missed")
	if err == nil {
		err = c.read(ctx)
	}
	cancel(err)
	<-kept
	c.receiving.Wait()
	return context.Cause(ctx)
}

func (c *connection) dial(ctx context.Context, cfg Config) error {
	u, err := address(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.source.timing.dial)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, u.String(), nil)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", u.Redacted(), err)
	}
	conn.SetReadLimit(maxMessage)
	c.conn = conn
	return nil
}

// keep does all that is not reading, until the connection has to end; the error says why.
func (c *connection) keep(ctx context.Context, cfg Config, changed <-chan struct{}) error {
	s := c.source
	wanted := filters(cfg.Prefixes, cfg.ASNs)
	if err := c.send(ctx, changes(nil, wanted)...); err != nil {
		return err
	}
	ping := time.NewTicker(s.timing.ping)
	defer ping.Stop()
	watch := silence{steps: &c.steps, limit: s.timing.silence, last: s.deps.Now()}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ping.C:
			if err := watch.check(s.deps.Now()); err != nil {
				return err
			}
			if err := c.send(ctx, request{Type: "ping"}.text()); err != nil {
				return err
			}
		case <-changed:
			before := cfg
			cfg, changed = s.config()
			if !same(cfg, before) {
				return errReconfigured
			}
			now := cfg
			c.ignore.Store(&now)
			next := filters(cfg.Prefixes, cfg.ASNs)
			if err := c.send(ctx, changes(wanted, next)...); err != nil {
				return err
			}
			wanted = next
		}
	}
}

// silence finds out that the server says nothing any more. While the reader deals with a message, it is not the server that is silent.
type silence struct {
	steps *atomic.Uint64
	limit time.Duration
	seen  uint64
	last  time.Time // when the reader was last seen to get on
}

func (w *silence) check(now time.Time) error {
	if n := w.steps.Load(); n != w.seen || n%2 == 1 {
		w.seen, w.last = n, now
		return nil
	}
	if silent := now.Sub(w.last); silent > w.limit {
		return fmt.Errorf("no message for %v", silent.Round(time.Second))
	}
	return nil
}

func (c *connection) send(ctx context.Context, messages ...string) error {
	ctx, cancel := context.WithTimeout(ctx, c.source.timing.silence)
	defer cancel()
	for _, m := range messages {
		if err := c.conn.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

// read takes messages until the connection ends.
func (c *connection) read(ctx context.Context) error {
	x, failed := newInbox(), make(chan error, 1)
	c.receiving.Go(func() { failed <- x.receive(ctx, c.conn) })
	var got batch
	for steps := uint64(2); ; steps += 2 {
		var end error
		select {
		case <-x.filled:
		case err := <-failed:
			end = fmt.Errorf("reading: %w", err)
		}
		c.steps.Store(steps - 1)
		x.swap(&got)
		if err := c.takeAll(ctx, &got); err != nil {
			return err
		}
		if end != nil {
			return end
		}
		c.steps.Store(steps)
	}
}

// takeAll hands the messages of a batch on.
func (c *connection) takeAll(ctx context.Context, got *batch) error {
	if cfg := c.ignore.Swap(nil); cfg != nil {
		c.decoder.Ignore(cfg.IgnorePeers)
	}
	now := c.source.deps.Now()
	for message := range got.messages() {
		if err := c.take(ctx, message, now); err != nil {
			return err
		}
	}
	return nil
}

// take hands one message on.
func (c *connection) take(ctx context.Context, line []byte, now time.Time) error {
	s, d := c.source, c.decoder
	if err := d.Line(ctx, line, now); err != nil {
		if !PassedOver(err) {
			return err
		}
		if n, ok := s.bad.Pass(); ok {
			s.deps.Log.Warn("RIS Live message could not be used; the connection goes on", "source", s.name, "error", err, "not_logged", n)
		}
		c.flush(now)
		return nil
	}
	if talk := d.Talk(); talk != "" {
		if strings.HasPrefix(talk, "ris_error") {
			s.deps.Log.Warn("RIS Live refuses something", "source", s.name, "says", talk)
		}
		c.flush(now)
		return nil
	}
	if sent := d.Sent(); !sent.IsZero() {
		c.lag = now.Sub(sent)
	}
	if c.lag > s.timing.delay {
		return fmt.Errorf("its messages are %v late", c.lag.Round(time.Second))
	}
	c.heard = true
	c.flush(now)
	return nil
}

// flush adds what was counted to the totals, now and then. That the server answers is a sign of life too, and says nothing about the lag.
func (c *connection) flush(now time.Time) {
	if now.Sub(c.flushed) < c.source.timing.flush {
		return
	}
	c.flushed = now
	c.source.deps.Counters.Add(&c.in.Tally)
	c.source.deps.Counters.Arrived(now, now.Add(-c.lag))
}
