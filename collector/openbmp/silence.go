package openbmp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"anywatch/collector"
)

// silence finds out that a feed brings nothing any more, and why. It is told of every contact with the brokers: it is a hook of the client.
type silence struct {
	mu      sync.Mutex
	now     func() time.Time
	since   time.Time // of the newest record, or since reading began
	contact time.Time // when a broker last answered
	fault   string    // what the brokers last complained about, or why they could not be reached
	down    bool      // the feed is, and that was told
	unheard bool      // its vantages were lost because no broker answers
}

var (
	_ kgo.HookBrokerConnect = (*silence)(nil)
	_ kgo.HookBrokerRead    = (*silence)(nil)
)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (s *silence) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		s.complain(err)
	}
}

// OnBrokerRead implements kgo.HookBrokerRead: a broker answered, or the connection broke.
func (s *silence) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contact = s.now()
}

// complain notes what is wrong.
func (s *silence) complain(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err.Error()
}

// begin begins to wait for the first record. A feed that is down already stays so.
func (s *silence) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		s.since = now
	}
	s.contact = now
}

// verdict is what a look at the feed found.
type verdict struct {
	down    bool // it has just gone down
	unheard bool // no broker answers any more, since just now
	since   time.Time
	reason  string
}

// look tells whether the feed has been silent for too long; partitions is how many are ours.
func (s *silence) look(cfg Config, partitions int) (v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.since) < cfg.SilentAfter {
		return v
	}
	dead := now.Sub(s.contact) >= cfg.SilentAfter
	v = verdict{down: !s.down, unheard: dead && !s.unheard, since: s.since}
	s.down, s.unheard = true, s.unheard || dead
	switch {
	case dead:
		v.reason = "no broker answers"
	case partitions == 0:
		v.reason = fmt.Sprintf("no partition of the topic is ours: the topic does not exist, or other members of the group %s have them all", cfg.Group)
	default:
		v.reason = "no record came"
	}
	if s.fault != "" {
		v.reason += ": " + s.fault
	}
	return v
}

// record notes that records came, and tells whether the feed was down until now.
func (s *silence) record() (back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	back = s.down
	s.since, s.down, s.unheard, s.fault = s.now(), false, false, ""
	return back
}

// quiet looks at the feed when a poll brought nothing.
func (s *Source) quiet(ctx context.Context, c *consumer) error {
	cfg, _ := s.config()
	v := s.silence.look(cfg, len(c.parts))
	now := s.deps.Now()
	if v.down {
		s.deps.Log.Warn("the feed is silent", "source", s.name, "since", v.since, "reason", v.reason)
		if err := c.out.Emit(ctx, collector.Event{Kind: collector.FeedDown, Time: v.since, Feed: s.name, Reason: v.reason}); err != nil {
			return err
		}
	}
	if !v.unheard {
		return nil
	}
	for _, key := range c.sorted() {
		if err := c.parts[key].decoder.Unheard(ctx, now, v.reason); err != nil {
			return err
		}
	}
	return nil
}

// heard tells that records came.
func (s *Source) heard(ctx context.Context, out collector.Sink) error {
	if !s.silence.record() {
		return nil
	}
	s.deps.Log.Info("the feed is back", "source", s.name)
	return out.Emit(ctx, collector.Event{Kind: collector.FeedUp, Time: s.deps.Now(), Feed: s.name, Reason: "records come again"})
}
