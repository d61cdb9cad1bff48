package rislive

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"anywatch/collector"
	"anywatch/collector/rislive/internal/ws"
)

// maxMessage bounds what is read of one message; a longer one ends the connection, while one longer than MaxLine is only passed over.
const maxMessage = 4 << 20

// connection is one connection to the server. Its own goroutine deals with what came, at once and in its order; a second one keeps it:
// subscribes, asks whether the server is there, and closes it when it is not. That the octets come off the network meanwhile is the websocket's
// business.
type connection struct {
	source  *Source
	in      *collector.Intake
	decoder *Decoder
	conn    *ws.Conn
	heard   bool // a BGP message came
	flushed time.Time
	lag     time.Duration                // of the newest message that had a time
	ignore  atomic.Pointer[[]netip.Addr] // ignored peers that are to be taken over
}

// run connects and reads until the connection ends; the error says why.
func (c *connection) run(ctx context.Context, cfg Config, changed <-chan struct{}) error {
	s := c.source
	if err := c.dial(ctx, cfg); err != nil {
		return err
	}
	s.deps.Counters.Sessions.Add(1)
	defer s.deps.Counters.Sessions.Add(-1)
	s.feed.connection(true, nil, s.deps.Now())
	s.deps.Log.Info("connected to RIS Live", "source", s.Name())
	known := c.decoder.Vantages()
	c.decoder.Ignore(cfg.IgnorePeers)

	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		cancel(c.keep(ctx, cfg, changed))
		c.conn.Close(ws.GoingAway, "", s.timing.goodbye) // the reader sees that; what was wrong stands in the cause already
	}()
	err := s.tell(ctx, c.in.Out, known, collector.Gap, "the connection to RIS Live was lost; what came in between was missed")
	if err == nil {
		err = c.read(ctx)
	}
	cancel(err)
	<-kept
	c.conn.CloseNow()
	return context.Cause(ctx)
}

func (c *connection) dial(ctx context.Context, cfg Config) error {
	u, err := address(cfg)
	if err != nil {
		return err
	}
	t := &c.source.timing
	ctx, cancel := context.WithTimeout(ctx, t.dial)
	defer cancel()
	c.conn, err = ws.Dial(ctx, c.source.transport, u, ws.Limits{Message: maxMessage, Patience: t.silence})
	return err
}

// keep does all that is not reading, until the connection has to end; the error says why.
func (c *connection) keep(ctx context.Context, cfg Config, changed <-chan struct{}) error {
	s := c.source
	wanted := filters(&cfg)
	if err := c.send(changes(nil, wanted)...); err != nil {
		return err
	}
	ping, stop := s.ticker(s.timing.ping)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ping:
			if silent := s.feed.silence(s.deps.Now()); silent > s.timing.silence {
				return fmt.Errorf("no message for %v", silent.Round(time.Second))
			}
			if err := c.send(request{Type: "ping"}.text()); err != nil {
				return err
			}
		case <-changed:
			before := cfg
			cfg, changed = s.config()
			if !same(cfg, before) {
				return errReconfigured
			}
			c.ignore.Store(&cfg.IgnorePeers)
			next := filters(&cfg)
			if err := c.send(changes(wanted, next)...); err != nil {
				return err
			}
			wanted = next
		}
	}
}

func (c *connection) send(messages ...string) error {
	for _, m := range messages {
		if err := c.conn.Send(m); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

// read takes messages until the connection ends: one when little comes, and all that came meanwhile when much does.
func (c *connection) read(ctx context.Context) error {
	s := c.source
	for {
		if err := c.conn.Fill(); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		s.feed.busy.Store(true)
		brought, err := c.takeAll(ctx)
		now := s.deps.Now()
		s.feed.took(brought, now)
		if cfg, _ := s.config(); brought.suffice(cfg.everything()) && err == nil {
			err = s.feed.tellUp(ctx, c.in.Out, now, "")
		}
		if err != nil {
			return err
		}
	}
}

// takeAll deals with the messages that one read brought, and tells of what kinds they were.
func (c *connection) takeAll(ctx context.Context) (brought signs, err error) {
	s := c.source
	if peers := c.ignore.Swap(nil); peers != nil {
		c.decoder.Ignore(*peers)
	}
	now := s.deps.Now()
	for {
		m, err := c.conn.Next()
		if err != nil {
			return brought, fmt.Errorf("reading: %w", err)
		}
		if m == nil {
			break
		}
		brought.any = true
		bgp, err := c.take(ctx, m, now)
		if err != nil {
			return brought, err
		}
		brought.bgp = brought.bgp || bgp
	}
	if c.lag > s.timing.delay {
		return brought, fmt.Errorf("its messages are %v late", c.lag.Round(time.Second))
	}
	c.flush(now)
	return brought, nil
}

// take hands one message on, and tells whether it was one of BGP.
func (c *connection) take(ctx context.Context, line []byte, now time.Time) (bgp bool, err error) {
	s, d := c.source, c.decoder
	if err := d.Line(ctx, line, now); err != nil {
		if !PassedOver(err) {
			return false, err
		}
		if n, ok := s.bad.Pass(); ok {
			s.deps.Log.Warn("RIS Live message could not be used; the connection goes on", "source", s.Name(), "error", err, "not_logged", n)
		}
		return false, nil
	}
	if talk := d.Talk(); talk != "" {
		if strings.HasPrefix(talk, "ris_error") {
			if n, ok := s.refused.Pass(); ok {
				s.deps.Log.Warn("RIS Live refuses something", "source", s.Name(), "says", talk, "not_logged", n)
			}
		}
		return false, nil
	}
	if sent := d.Sent(); !sent.IsZero() {
		c.lag = now.Sub(sent)
	}
	c.heard = true
	return true, nil
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
