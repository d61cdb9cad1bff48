package openbmp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"anywatch/collector"
	"anywatch/collector/route"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

const topic = "routeviews.bmp_raw"

// kafka is a cluster in this process.
type kafka struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
}

func newKafka(t *testing.T, opts ...kfake.Opt) *kafka {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &kafka{t, c, client}
}

// produce puts records into a partition.
func (k *kafka) produce(topic string, partition int32, values ...[]byte) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Value: v, Timestamp: arrival}
		if err := k.client.ProduceSync(ctx, r).FirstErr(); err != nil {
			k.t.Fatal(err)
		}
	}
}

// begins puts the group at the beginning of partitions of a topic, so that a test need not know when it has begun at the end.
func (k *kafka) begins(group, topic string, partitions int32) {
	k.t.Helper()
	var offsets kadm.Offsets
	for p := range partitions {
		offsets.AddOffset(topic, p, 0, -1)
	}
	if err := kadm.NewClient(k.client).CommitAllOffsets(context.Background(), group, offsets); err != nil {
		k.t.Fatal(err)
	}
}

// committed waits until the group has committed an offset.
func (k *kafka) committed(group, topic string, partition int32, offset int64) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	g, err := k.cluster.WaitGroupInfo(ctx, group, func(g *kfake.GroupInfo) bool {
		return g != nil && g.Commits[topic][partition].Offset == offset
	})
	if err != nil {
		k.t.Fatalf("%v: want offset %d, commits %v", err, offset, g.Commits)
	}
}

// clock is a time that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// running is a source that runs.
type running struct {
	t        *testing.T
	source   *Source
	counters *collector.Counters
	clock    clock
	log      logs
	events   chan string
	stop     context.CancelFunc
	ended    chan error
}

func run(t *testing.T, k *kafka, topic string, changes ...func(*timing)) *running {
	t.Helper()
	r := &running{t: t, counters: new(collector.Counters), events: make(chan string, 1000), ended: make(chan error, 1), clock: clock{now: arrival}}
	deps := testDeps()
	deps.Counters, deps.Now = r.counters, r.clock.time
	deps.Log = slog.New(slog.NewTextHandler(&r.log, nil))
	var err error
	r.source, err = New(Config{Brokers: k.cluster.ListenAddrs(), Topic: topic, Group: "anywatch", ASNs: []route.ASN{64500}}, deps)
	if err != nil {
		t.Fatal(err)
	}
	r.source.timing = timing{check: 5 * time.Millisecond, goodbye: 5 * time.Second, commit: 100 * time.Millisecond, fetch: 50 * time.Millisecond, session: 3 * time.Second,
		backoff: func(int) time.Duration { return 20 * time.Millisecond }}
	for _, change := range changes {
		change(&r.source.timing)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	sink := collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard {
			return ctx.Err()
		}
		select {
		case r.events <- told(ev):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	go func() { r.ended <- r.source.Run(ctx, sink) }()
	t.Cleanup(r.end)
	return r
}

// end stops the source and waits until it has ended.
func (r *running) end() {
	r.stop()
	select {
	case err := <-r.ended:
		if !errors.Is(err, context.Canceled) {
			r.t.Errorf("it ended with %v", err)
		}
		r.ended <- context.Canceled
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
}

func (r *running) next() string {
	r.t.Helper()
	select {
	case got := <-r.events:
		return got
	case <-time.After(patience):
		r.t.Fatalf("no event\n%s", &r.log)
		return ""
	}
}

func (r *running) expect(want ...string) {
	r.t.Helper()
	for _, w := range want {
		if got := r.next(); got != w {
			r.t.Fatalf("event %q, want %q\n%s", got, w, &r.log)
		}
	}
}

// until waits for a condition.
func (r *running) until(what string, met func() bool) {
	r.t.Helper()
	again, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer again.Stop()
	for !met() {
		select {
		case <-again.C:
		case <-late:
			r.t.Fatalf("not met: %s\n%s", what, &r.log)
		}
	}
}

// from gives the events of a route that a router shows first in the middle of its stream.
func from(router, prefix string) (begin, routes string) {
	v := "openbmp:" + router + "/10.9.0.1/pre"
	return v + begun, v + " routes +" + prefix + " [64999]"
}

func (r *running) says(what string) {
	r.t.Helper()
	if !strings.Contains(r.log.String(), what) {
		r.t.Errorf("the log does not say %q:\n%s", what, &r.log)
	}
}
