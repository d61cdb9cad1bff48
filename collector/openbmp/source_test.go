package openbmp

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"anywatch/collector"
)

// TestSource: records of both kinds give routes; garbage is counted, and said with its offset; what was read is committed.
func TestSource(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.begins("anywatch", topic, 1)
	other := edge1
	other.router, other.ip = "router-2", "10.0.0.2"
	k.produce(topic, 0, edge1.binaryFrame(initiate(t, "ams-edge1")), edge1.binaryFrame(up(t, peer1)), []byte("garbage"), nil,
		edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")), other.textFrame(monitor(t, peer1, "192.0.2.0/25")), other.textFrame(monitor(t, peer1, "203.0.113.0/24")))
	r := run(t, k, topic)
	r.expect("openbmp:ams-edge1/10.9.0.1/pre peer-up 1", "openbmp:ams-edge1/10.9.0.1/pre routes +192.0.2.0/24 [64999]")
	begin, routes := from("10.0.0.2", "192.0.2.0/25")
	r.expect(begin, routes)
	k.committed("anywatch", topic, 0, 7)
	if n := r.counters.Sessions.Load(); n != 1 {
		t.Errorf("%d sessions, want one partition", n)
	}
	r.end()
	got := [5]uint64{r.counters.Messages.Load(), r.counters.Updates.Load(), r.counters.Matched.Load(), r.counters.Malformed.Load(), uint64(r.counters.Sessions.Load())}
	if got != [5]uint64{7, 3, 2, 2, 0} {
		t.Errorf("messages, updates, matched, malformed, sessions: %v", got)
	}
	if r.counters.LastArrival().IsZero() {
		t.Error("no arrival was noted")
	}
	r.says("routeviews.bmp_raw[0] at offset 2")
	if list := r.source.Samples(); len(list) != 2 || string(list[0].Bytes) != "garbage" || list[1].From != "routeviews.bmp_raw[0] at offset 3" {
		t.Errorf("samples %v", list)
	}
	if r.source.Name() != "openbmp:"+topic {
		t.Errorf("name %q", r.source.Name())
	}
}

// TestBeginsAtTheEnd: a group without an offset begins at the end.
func TestBeginsAtTheEnd(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/25")))
	r := run(t, k, topic)
	for got := ""; got == ""; { // nobody tells when it has found the end
		k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
		select {
		case got = <-r.events:
		case <-time.After(20 * time.Millisecond):
		}
	}
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre routes +192.0.2.0/24 [64999]")
}

// TestGoesOn: the next one of the group goes on where the last one stopped.
func TestGoesOn(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.begins("anywatch", topic, 1)
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/25")))
	first := run(t, k, topic)
	begin, routes := from("10.0.0.1", "192.0.2.0/25")
	first.expect(begin, routes)
	first.end()
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/26")))
	second := run(t, k, topic)
	begin, routes = from("10.0.0.1", "192.0.2.0/26")
	second.expect(begin, routes)
}

// TestPattern: a topic that can't be a name stands for all that it matches from end to end.
func TestPattern(t *testing.T) {
	topics := []string{"routeviews.ams.64500.bmp_raw", "routeviews.nrt.64501.bmp_raw", "not.routeviews.x.bmp_raw", "routeviews.ams.bmp_raw.old"}
	k := newKafka(t, kfake.SeedTopics(1, topics...))
	for i, name := range topics {
		k.begins("anywatch", name, 1)
		o := edge1
		o.router, o.ip = name[:16], "10.0.0."+strconv.Itoa(i)
		k.produce(name, 0, o.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	}
	r := run(t, k, `routeviews\..+\.bmp_raw`)
	var got []string
	for range 4 {
		got = append(got, r.next())
	}
	all := strings.Join(got, "\n")
	if strings.Count(all, "openbmp:10.0.0.0/") != 2 || strings.Count(all, "openbmp:10.0.0.1/") != 2 {
		t.Errorf("events\n%s", all)
	}
	if n := r.counters.Sessions.Load(); n != 2 {
		t.Errorf("%d partitions", n)
	}
}

// TestRebalance: a second member takes one of two partitions over, and gives it back when it ends.
func TestRebalance(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(2, topic))
	k.begins("anywatch", topic, 2)
	origins := [2]origin{edge1, edge1}
	origins[1].router, origins[1].ip = "router-2", "10.0.0.2"
	show := func(p int, prefix string) {
		k.produce(topic, int32(p), origins[p].binaryFrame(monitor(t, peer1, prefix)))
	}
	first := run(t, k, topic)
	for p := range origins {
		show(p, "192.0.2.0/24")
		first.expect(twice(from(origins[p].ip, "192.0.2.0/24"))...)
	}
	second := run(t, k, topic)
	lost := first.next()
	moved := 0
	if strings.HasPrefix(lost, "openbmp:10.0.0.2/") {
		moved = 1
	}
	gone := "openbmp:" + origins[moved].ip + "/10.9.0.1/pre feed-lost (the group anywatch gave its partition to another member)"
	if lost != gone {
		t.Fatalf("event %q, want %q", lost, gone)
	}
	for p := range origins {
		show(p, "192.0.2.0/25")
	}
	second.expect(twice(from(origins[moved].ip, "192.0.2.0/25"))...)
	_, routes := from(origins[1-moved].ip, "192.0.2.0/25")
	first.expect(routes)
	second.end()
	show(moved, "192.0.2.0/26")
	first.expect(twice(from(origins[moved].ip, "192.0.2.0/26"))...)
}

func twice(a, b string) []string { return []string{a, b} }

// TestBrokerRestart: when no broker answers any more, the feed is down and its vantages are lost. Afterwards it goes on where it was.
func TestBrokerRestart(t *testing.T) {
	dir := kfake.DataDir(t.TempDir())
	k := newKafka(t, kfake.SeedTopics(1, topic), dir)
	k.begins("anywatch", topic, 1)
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r := run(t, k, topic)
	r.expect(twice(from("10.0.0.1", "192.0.2.0/24"))...)
	k.committed("anywatch", topic, 0, 1)
	_, port, err := net.SplitHostPort(k.cluster.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	k.cluster.Close()
	r.until("a connection was refused", func() bool { return r.source.silence.says() != "" })
	r.clock.advance(91 * time.Second)
	down := r.next()
	if !strings.HasPrefix(down, "feed-down openbmp:routeviews.bmp_raw (no broker answers: ") {
		t.Fatalf("event %q", down)
	}
	if lost := r.next(); !strings.HasPrefix(lost, "openbmp:10.0.0.1/10.9.0.1/pre feed-lost (no broker answers: ") {
		t.Fatalf("event %q", lost)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	k = newKafka(t, dir, kfake.Ports(number))
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/25")))
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre gap (the router could not be heard for a while)", "openbmp:10.0.0.1/10.9.0.1/pre routes +192.0.2.0/25 [64999]",
		"feed-up openbmp:routeviews.bmp_raw (records come again)")
}

// TestStopWithoutBroker: ending does not wait for brokers that are gone.
func TestStopWithoutBroker(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.begins("anywatch", topic, 1)
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r := run(t, k, topic, func(t *timing) { t.goodbye = time.Millisecond })
	r.expect(twice(from("10.0.0.1", "192.0.2.0/24"))...)
	k.cluster.Close()
	r.end()
}

// TestSilence: a topic that is silent while brokers answer takes the feed down, and not its vantages: they have said all they had to.
func TestSilence(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.begins("anywatch", topic, 1)
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r := run(t, k, topic)
	r.expect(twice(from("10.0.0.1", "192.0.2.0/24"))...)
	for range 3 {
		r.clock.advance(50 * time.Second)
		now := r.clock.time()
		r.until("a broker answered", func() bool { return r.source.silence.answered(now) })
	}
	r.expect("feed-down openbmp:routeviews.bmp_raw (no record came)")
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/25")))
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre routes +192.0.2.0/25 [64999]", "feed-up openbmp:routeviews.bmp_raw (records come again)")
}

// TestNoSuchTopic: a feed that never comes up is down after its time.
func TestNoSuchTopic(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, "other"))
	r := run(t, k, topic)
	for range 3 {
		r.clock.advance(50 * time.Second)
		now := r.clock.time()
		r.until("a broker answered", func() bool { return r.source.silence.answered(now) })
	}
	if got := r.next(); !strings.HasPrefix(got, "feed-down openbmp:routeviews.bmp_raw (no partition of the topic is ours: ") {
		t.Errorf("event %q", got)
	}
}

// TestReload: another group means another client; nothing but the patience changed means none.
func TestReload(t *testing.T) {
	k := newKafka(t, kfake.SeedTopics(1, topic))
	k.begins("anywatch", topic, 1)
	k.begins("other", topic, 1)
	k.produce(topic, 0, edge1.binaryFrame(monitor(t, peer1, "192.0.2.0/24")))
	r := run(t, k, topic)
	r.expect(twice(from("10.0.0.1", "192.0.2.0/24"))...)
	cfg := r.source.cfg
	cfg.SilentAfter = time.Hour
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Group = "other"
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	r.expect("openbmp:10.0.0.1/10.9.0.1/pre feed-lost (its configuration was changed)")
	r.expect(twice(from("10.0.0.1", "192.0.2.0/24"))...)
	k.committed("other", topic, 0, 1)
	if err := r.source.Reload(Config{}); err == nil {
		t.Error("an empty configuration was taken")
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Config{}, testDeps())
	for _, want := range []string{"no broker", "no topic", "no group"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if _, err = New(Config{Brokers: []string{"127.0.0.1:9092"}, Topic: "rv[", Group: "g"}, testDeps()); err == nil || !strings.Contains(err.Error(), "regular expression") {
		t.Errorf("a bad pattern: %v", err)
	}
}

// bare is a consumer without a client.
func bare(t *testing.T) (*consumer, *[]string) {
	t.Helper()
	src, err := New(Config{Brokers: []string{"127.0.0.1:1"}, Topic: topic, Group: "g"}, testDeps())
	if err != nil {
		t.Fatal(err)
	}
	events := new([]string)
	out := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind != collector.Heard {
			*events = append(*events, told(ev))
		}
		return nil
	})
	return &consumer{source: src, cfg: src.cfg, out: out, ctx: context.Background(), names: newNames(), parts: make(map[partition]*part)}, events
}

// record is a record of the topic; one without a value ends a transaction.
func record(offset int64, value []byte) *kgo.Record {
	return &kgo.Record{Topic: topic, Offset: offset, Value: value, Timestamp: arrival}
}

// TestHoles: offsets that are left out are records that were lost, and so is what the broker says is lost.
func TestHoles(t *testing.T) {
	c, events := bare(t)
	take := func(offsets ...int64) {
		t.Helper()
		var list []*kgo.Record
		for _, o := range offsets {
			list = append(list, record(o, edge1.binaryFrame(monitor(t, peer1, "203.0.113.0/24"))))
		}
		if err := c.records(context.Background(), partition{topic, 0}, list); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		if got := strings.Join(*events, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("events\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
		*events = nil
	}
	begin, _ := from("10.0.0.1", "")
	take(100, 101)
	take(102)
	expect(begin)
	take(110)
	expect("openbmp:10.0.0.1/10.9.0.1/pre gap (7 records of the topic were lost before they were read)")
	later := arrival.Add(time.Minute)
	c.source.deps.Now = func() time.Time { return later }
	loss := kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{
		{Partition: 0, Err: &kgo.ErrDataLoss{Topic: topic, ConsumedTo: 111, ResetTo: 90}}, {Partition: 7, Err: &kgo.ErrDataLoss{Topic: topic, Partition: 7}}}}}}}
	if err := c.faults(context.Background(), loss); err != nil {
		t.Fatal(err)
	}
	expect("openbmp:10.0.0.1/10.9.0.1/pre gap (Kafka has lost records of the topic)")
	take(90, 91)
	expect()
	other := kgo.NewErrFetch(errors.New("not authorised"))
	if err := c.faults(context.Background(), other); err != nil || c.source.silence.says() != "not authorised" {
		t.Errorf("error %v, fault %q", err, c.source.silence.says())
	}
}

func (s *silence) says() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// answered tells whether a broker has answered since a time.
func (s *silence) answered(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.contact.Before(since)
}
