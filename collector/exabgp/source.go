package exabgp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/samples"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Config is which command is run.
type Config struct {
	Name        string        // of the feed; "" takes the name of the program that is run, see Names
	Command     string        // run by /bin/sh -c; it may hold secrets
	ASNs        []route.ASN   // ours
	SilentAfter time.Duration // how long the command may be gone until the feed is down; zero means 90 s
}

// Deps is what the source works with. All of it is needed.
type Deps struct {
	Live     *screen.Live
	Registry *collector.Registry
	Counters *collector.Counters
	Log      *slog.Logger
	Now      func() time.Time
}

// Source runs a command and reads what it prints, again and again. It implements collector.Source.
type Source struct {
	deps   Deps
	timing timing
	name   string
	bad    samples.Throttle // lines that can't be read
	said   samples.Throttle // what the command says on standard error
	outage outage           // of the goroutine that runs

	mu      sync.Mutex // guards what follows
	cfg     Config
	changed chan struct{} // closed when cfg changes, and replaced
}

// timing is how long things may take.
type timing struct {
	grace   time.Duration // for the command to end when it is told to
	flush   time.Duration // between two additions to the counters
	backoff collector.Backoff
}

// outage is what is known of the time since the command ended.
type outage struct {
	since time.Time // zero: there is none
	told  bool      // by FeedDown
	why   string
}

// New prepares the source.
func New(cfg Config, deps Deps) (*Source, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, name: "exabgp:" + cmp.Or(cfg.Name, program(cfg.Command)), cfg: cfg, changed: make(chan struct{})}
	s.timing = timing{grace: 2 * time.Second, flush: time.Second, backoff: collector.Backoff{First: time.Second, Max: time.Minute}}
	s.bad = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.said = samples.Throttle{Every: 10 * time.Second, Now: deps.Now}
	return s, nil
}

func (c Config) prepared() (Config, error) {
	if strings.TrimSpace(c.Command) == "" {
		return c, errors.New("sources.exabgp: no command; write the command whose output is read")
	}
	c.SilentAfter = cmp.Or(c.SilentAfter, 90*time.Second)
	return c, nil
}

// String keeps the command out of what is printed.
func (c Config) String() string { return "exabgp:" + cmp.Or(c.Name, program(c.Command)) }

// GoString does the same for %#v.
func (c Config) GoString() string { return c.String() }

// LogValue does the same for logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Name is exabgp: and the feed's name.
func (s *Source) Name() string { return s.name }

// Reload puts another configuration in force; the name stays. The command runs on, unless it or our ASes changed: then it is started anew.
func (s *Source) Reload(cfg Config) error {
	cfg, err := cfg.prepared()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg = cfg
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// config gives the configuration in force, and a channel that is closed when another one is.
func (s *Source) config() (Config, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg, s.changed
}

// same tells whether a command that was started with one configuration serves another.
func same(a, b Config) bool { return a.Command == b.Command && slices.Equal(a.ASNs, b.ASNs) }

// errReconfigured ends a command that is no longer wanted as it was started.
var errReconfigured = errors.New("its configuration was changed")

// Run runs the command until ctx ends.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	in := &collector.Intake{Screen: screen.New(s.deps.Live), Out: out}
	_, feed, _ := strings.Cut(s.name, ":")
	decoder := NewDecoder(DecoderConfig{Name: feed}, in, s.deps.Registry)
	backoff := s.timing.backoff
	for {
		cfg, changed := s.config()
		decoder.Own(cfg.ASNs)
		r := &reading{source: s, in: in, decoder: decoder, out: out, cfg: cfg}
		err := r.run(ctx, changed)
		s.deps.Counters.Add(&in.Tally)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if lost := decoder.Lost(ctx, s.deps.Now(), err.Error()); lost != nil {
			return lost
		}
		if r.failed != nil {
			return r.failed
		}
		if errors.Is(err, errReconfigured) {
			continue
		}
		if r.heard {
			backoff.Reset()
		}
		wait := backoff.Next()
		s.deps.Log.Warn("ExaBGP's command ended; it will be started again", "source", s.name, "reason", err, "wait", wait.Round(time.Millisecond))
		if err := s.rest(ctx, out, wait); err != nil {
			return err
		}
	}
}

// ended notes that the command ended. When it had run for long without a word, it was there until now.
func (o *outage) ended(began, now time.Time, cfg Config, why string) {
	if o.since.IsZero() || !o.told && now.Sub(began) > cfg.SilentAfter {
		o.since = now
	}
	o.why = why
}

// rest waits until the command is to be started again, or another one is wanted. The feed is down when the command has been gone for too long.
func (s *Source) rest(ctx context.Context, out collector.Sink, wait time.Duration) error {
	cfg, changed := s.config()
	again := time.NewTimer(wait)
	defer again.Stop()
	late := time.NewTimer(s.outage.since.Add(cfg.SilentAfter).Sub(s.deps.Now()))
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
			return nil
		case <-changed:
			return nil
		case <-late.C:
			if s.outage.told {
				continue
			}
			s.outage.told = true
			ev := collector.Event{Kind: collector.FeedDown, Time: s.outage.since, Feed: s.name, Reason: s.outage.why}
			if err := out.Emit(ctx, ev); err != nil {
				return err
			}
		}
	}
}

// back tells that a line came.
func (s *Source) back(ctx context.Context, out collector.Sink, at time.Time) error {
	told := s.outage.told
	s.outage = outage{}
	if !told {
		return nil
	}
	return out.Emit(ctx, collector.Event{Kind: collector.FeedUp, Time: at, Feed: s.name, Reason: "ExaBGP is heard again"})
}

// describe says how the command ended, and what it said last.
func describe(status, last string) error {
	if last == "" {
		return fmt.Errorf("the command ended: %s", status)
	}
	return fmt.Errorf("the command ended: %s: %s", status, last)
}

var _ collector.Source = (*Source)(nil)
