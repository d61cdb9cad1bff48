package openbmp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"anywatch/collector"
	"anywatch/collector/internal/samples"
	"anywatch/collector/route"
)

// Config is which topic is read, and from where.
type Config struct {
	Brokers     []string      // addresses with port: those that are asked first
	Topic       string        // its name, or a regular expression that the whole name must match
	Group       string        // the consumer group
	ASNs        []route.ASN   // ours
	VRFs        []string      // names or route distinguishers of VRFs to watch besides the global table
	SilentAfter time.Duration // how long there may be no record until the feed is down; zero means 90 s
}

// prepared gives the configuration with its defaults filled in, or says what is wrong with it.
func (c Config) prepared() (Config, error) {
	var faults []error
	if len(c.Brokers) == 0 {
		faults = append(faults, errors.New(`sources.openbmp: no broker; write at least one, as brokers: ["127.0.0.1:9092"]`))
	}
	if c.Topic == "" {
		faults = append(faults, errors.New("sources.openbmp: no topic; write its name, as routeviews.bmp_raw"))
	}
	if c.Group == "" {
		faults = append(faults, errors.New("sources.openbmp: no group; write a name for it, as anywatch"))
	}
	if isPattern(c.Topic) {
		if _, err := regexp.Compile(c.Topic); err != nil {
			faults = append(faults, fmt.Errorf("sources.openbmp: topic %q is neither a name nor a regular expression: %w", c.Topic, err))
		}
	}
	c.SilentAfter = cmp.Or(c.SilentAfter, 90*time.Second)
	return c, errors.Join(faults...)
}

// isPattern tells a regular expression from a name: Kafka allows letters, digits, dots, underscores and hyphens in the names of topics.
func isPattern(topic string) bool {
	return strings.ContainsFunc(topic, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	})
}

// same tells whether a client that was made with one configuration serves another.
func same(a, b Config) bool {
	return slices.Equal(a.Brokers, b.Brokers) && a.Topic == b.Topic && a.Group == b.Group && slices.Equal(a.ASNs, b.ASNs) && slices.Equal(a.VRFs, b.VRFs)
}

// Source reads a topic. It implements collector.Source.
type Source struct {
	deps    Deps
	timing  timing
	name    string
	bad     samples.Throttle // records that can't be used
	trouble samples.Throttle // what the brokers complain about
	samples samples.Ring
	silence silence

	mu      sync.Mutex // guards what follows
	cfg     Config
	changed chan struct{} // closed when cfg changes, and replaced
}

// timing is how long things may take.
type timing struct {
	check   time.Duration // between two looks at whether the feed is silent
	goodbye time.Duration // for the last commit, and for leaving the group
	commit  time.Duration // between two commits
	fetch   time.Duration // for a broker to answer that there is nothing new
	session time.Duration // after which the group gives a member up that is not heard
	backoff func(tries int) time.Duration
}

// New prepares the source. It connects when it runs.
func New(cfg Config, deps Deps) (*Source, error) {
	cfg, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	s := &Source{deps: deps, name: "openbmp:" + cfg.Topic, cfg: cfg, changed: make(chan struct{})}
	s.silence.now = deps.Now
	s.timing = timing{check: time.Second, goodbye: 5 * time.Second, commit: 5 * time.Second, fetch: 5 * time.Second, session: 20 * time.Second}
	s.bad = samples.Throttle{Every: time.Minute, Now: deps.Now}
	s.trouble = samples.Throttle{Every: time.Minute, Now: deps.Now}
	return s, nil
}

// Name is openbmp: and the topic.
func (s *Source) Name() string { return s.name }

// Samples are the last records that could not be used, oldest first.
func (s *Source) Samples() []samples.Sample { return s.samples.List() }

// Reload puts another configuration in force; the name stays. Who is connected stays so, unless the change concerns what is read, or how.
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

// errReconfigured ends a client that is no longer wanted as it was made.
var errReconfigured = errors.New("its configuration was changed")

// Run reads until ctx ends. The client finds its way back to the brokers by itself.
func (s *Source) Run(ctx context.Context, out collector.Sink) error {
	for {
		cfg, changed := s.config()
		s.silence.begin(s.deps.Now())
		err := s.consume(ctx, out, cfg, changed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, errReconfigured) {
			return err
		}
	}
}

// consume reads with one client.
func (s *Source) consume(parent context.Context, out collector.Sink, cfg Config, changed <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	c := &consumer{source: s, cfg: cfg, out: out, ctx: ctx, names: newNames(), parts: make(map[partition]*part)}
	client, err := kgo.NewClient(c.options()...)
	if err != nil {
		return fmt.Errorf("sources.openbmp: %w", err)
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx, cancel, cfg, changed)
	}()
	s.deps.Log.Info("reading OpenBMP messages", "source", s.name, "brokers", cfg.Brokers, "group", cfg.Group)
	err = c.poll(ctx, client)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(err)
	<-watched
	c.goodbye(client)
	if parent.Err() != nil {
		c.close()
		return parent.Err()
	}
	if lost := c.lose(parent, err.Error()); lost != nil {
		return lost
	}
	return err
}

// watch ends the client when another configuration needs another one.
func (s *Source) watch(ctx context.Context, cancel context.CancelCauseFunc, used Config, changed <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			var cfg Config
			if cfg, changed = s.config(); !same(cfg, used) {
				cancel(errReconfigured)
				return
			}
		}
	}
}

// malformed keeps a sample of a record that could not be used, and says so now and then.
func (s *Source) malformed(r *kgo.Record, at time.Time, err error) {
	from := fmt.Sprintf("%s[%d] at offset %d", r.Topic, r.Partition, r.Offset)
	s.samples.Add(at, from, err, r.Value)
	if n, ok := s.bad.Pass(); ok {
		s.deps.Log.Warn("a record could not be used; the next ones are read", "source", s.name, "record", from, "error", err, "not_logged", n)
	}
}

// warn logs what brokers complain about, now and then.
func (s *Source) warn(message string, args ...any) {
	if n, ok := s.trouble.Pass(); ok {
		s.deps.Log.Warn(message, append([]any{slog.String("source", s.name)}, append(args, slog.Int("not_logged", n))...)...)
	}
}

var _ collector.Source = (*Source)(nil)
