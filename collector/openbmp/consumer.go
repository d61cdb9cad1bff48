package openbmp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"anywatch/collector"
)

// consumer is a member of the group, as long as one client lives.
type consumer struct {
	source *Source
	cfg    Config
	out    collector.Sink
	ctx    context.Context // the callbacks of the client have another one, which outlives ours
	names  *names

	mu    sync.Mutex // guards what follows: between the goroutine that polls and the callbacks of the client
	parts map[partition]*part
}

type partition struct {
	topic  string
	number int32
}

func (p partition) String() string { return fmt.Sprintf("%s[%d]", p.topic, p.number) }

// part is a partition that is ours.
type part struct {
	decoder *Decoder
	next    int64 // the offset that is due; zero before the first record
}

// maxPoll is how many records are taken at once. The group waits for them when it gives partitions to others.
const maxPoll = 2000

// options are how the client works. A rebalance waits until the records that were polled are dealt with, so that none of them is of a partition that is
// no longer ours.
func (c *consumer) options() []kgo.Opt {
	const fetch, perPartition = 16 << 20, 2 << 20 // octets
	topic, t := c.cfg.Topic, c.source.timing
	opts := []kgo.Opt{
		kgo.ClientID("anywatch"), kgo.SeedBrokers(c.cfg.Brokers...), kgo.DisableClientMetrics(), kgo.WithHooks(&c.source.silence),
		kgo.ConsumerGroup(c.cfg.Group), kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(t.fetch), kgo.FetchMaxBytes(fetch), kgo.FetchMaxPartitionBytes(perPartition), kgo.BrokerMaxReadBytes(4 * fetch), kgo.MetadataMaxAge(time.Minute),
		kgo.BlockRebalanceOnPoll(), kgo.AutoCommitMarks(), kgo.AutoCommitInterval(t.commit), kgo.SessionTimeout(t.session), kgo.HeartbeatInterval(t.session / 6),
		kgo.OnPartitionsAssigned(c.assigned), kgo.OnPartitionsRevoked(c.revoked), kgo.OnPartitionsLost(c.lost),
	}
	if t.backoff != nil {
		opts = append(opts, kgo.RetryBackoffFn(t.backoff))
	}
	if isPattern(topic) {
		opts = append(opts, kgo.ConsumeRegex())
		topic = "^(?:" + topic + ")$"
	}
	return append(opts, kgo.ConsumeTopics(topic))
}

// poll takes records until ctx ends, or the client can't go on.
func (c *consumer) poll(ctx context.Context, client *kgo.Client) error {
	s := c.source
	for {
		wait, cancel := context.WithTimeout(ctx, s.timing.check)
		fetches := client.PollRecords(wait, maxPoll)
		cancel()
		if fetches.IsClientClosed() {
			return errors.New("the Kafka client was closed")
		}
		err := c.take(ctx, client, fetches)
		client.AllowRebalance()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// take deals with what a poll brought.
func (c *consumer) take(ctx context.Context, client *kgo.Client, fetches kgo.Fetches) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.faults(ctx, fetches); err != nil {
		return err
	}
	var failed error
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if failed == nil && len(p.Records) > 0 {
			failed = c.records(ctx, partition{p.Topic, p.Partition}, p.Records)
		}
		if failed == nil {
			client.MarkCommitRecords(p.Records...)
		}
	})
	if failed != nil {
		return failed
	}
	for _, p := range c.parts {
		p.decoder.Flush(c.source.deps.Counters)
	}
	if fetches.NumRecords() > 0 {
		return nil
	}
	return c.source.quiet(ctx, c)
}

// faults takes what the brokers and the client complain about.
func (c *consumer) faults(ctx context.Context, fetches kgo.Fetches) error {
	now := c.source.deps.Now()
	for _, e := range fetches.Errors() {
		var loss *kgo.ErrDataLoss
		switch {
		case errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, context.Canceled):
		case errors.As(e.Err, &loss):
			p := c.parts[partition{e.Topic, e.Partition}]
			if p == nil {
				continue
			}
			p.next = 0
			c.source.warn("Kafka has lost records", "partition", partition{e.Topic, e.Partition}.String(), "error", e.Err)
			if err := p.decoder.Gap(ctx, now, "Kafka has lost records of the topic"); err != nil {
				return err
			}
		default:
			c.source.silence.complain(e.Err)
			c.source.warn("Kafka complains", "topic", e.Topic, "error", e.Err)
		}
	}
	return nil
}

// records takes the records of a partition in their order.
func (c *consumer) records(ctx context.Context, key partition, list []*kgo.Record) error {
	s := c.source
	p := c.part(key)
	var sent time.Time
	for _, r := range list {
		now := s.deps.Now()
		if p.next > 0 && r.Offset > p.next {
			reason := fmt.Sprintf("%d records of the topic were lost before they were read", r.Offset-p.next)
			s.warn("records were lost before they were read", "partition", key.String(), "offset", p.next, "records", r.Offset-p.next)
			if err := p.decoder.Gap(ctx, now, reason); err != nil {
				return err
			}
		}
		p.next = r.Offset + 1
		if r.Attrs.IsControl() { // the end of a transaction; it takes an offset too
			continue
		}
		at := now
		if r.Timestamp.Unix() >= earliest {
			at = r.Timestamp.UTC()
		}
		err := p.decoder.Frame(ctx, r.Value, at)
		if err != nil && !PassedOver(err) {
			return err
		}
		if err != nil {
			s.malformed(r, now, err)
		}
		if sent = p.decoder.Sent(); sent.IsZero() {
			sent = at
		}
	}
	if !sent.IsZero() {
		s.deps.Counters.Arrived(s.deps.Now(), sent)
		return s.heard(ctx, c.out)
	}
	return nil
}

// part gives a partition of ours.
func (c *consumer) part(key partition) *part {
	p := c.parts[key]
	if p == nil {
		p = &part{decoder: newDecoder(DecoderConfig{ASNs: c.cfg.ASNs, VRFs: c.cfg.VRFs}, c.source.deps, c.out, c.names)}
		c.parts[key] = p
		c.source.deps.Counters.Sessions.Add(1)
	}
	return p
}

// sorted gives the partitions that are ours in the order of their names.
func (c *consumer) sorted() []partition {
	return slices.SortedFunc(maps.Keys(c.parts), func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.number, b.number))
	})
}

// assigned takes over partitions.
func (c *consumer) assigned(_ context.Context, _ *kgo.Client, list map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, numbers := range list {
		for _, n := range numbers {
			c.part(partition{topic, n})
		}
	}
	c.source.deps.Log.Info("the group gave us partitions", "source", c.source.name, "partitions", fmt.Sprint(list), "ours", len(c.parts))
}

// revoked gives partitions up, in order: what was read of them is committed, so that the next member goes on where we stopped.
func (c *consumer) revoked(ctx context.Context, client *kgo.Client, list map[string][]int32) {
	if len(list) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.source.timing.goodbye)
	defer cancel()
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		c.source.warn("what was read could not be committed; another member will read it again", "error", err)
	}
	c.drop(list, "the group "+c.cfg.Group+" gave its partition to another member")
}

// lost has lost partitions: the group took them without asking.
func (c *consumer) lost(_ context.Context, _ *kgo.Client, list map[string][]int32) {
	c.drop(list, "the group "+c.cfg.Group+" took its partition away")
}

// drop loses the vantages of partitions. When reading ends anyway, there is nothing to tell here.
func (c *consumer) drop(list map[string][]int32, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	for _, key := range c.sorted() {
		if !slices.Contains(list[key.topic], key.number) {
			continue
		}
		if err := c.end(c.ctx, key, reason); err != nil {
			return // ctx has ended
		}
	}
	c.source.deps.Log.Info("the group took partitions from us", "source", c.source.name, "partitions", fmt.Sprint(list), "ours", len(c.parts))
}

func (c *consumer) end(ctx context.Context, key partition, reason string) error {
	p := c.parts[key]
	delete(c.parts, key)
	c.source.deps.Counters.Sessions.Add(-1)
	err := p.decoder.Lost(ctx, c.source.deps.Now(), reason)
	p.decoder.Flush(c.source.deps.Counters)
	return err
}

// lose loses all vantages, when the client has ended.
func (c *consumer) lose(ctx context.Context, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.sorted() {
		if err := c.end(ctx, key, reason); err != nil {
			return err
		}
	}
	return nil
}

// close gives up what is left, when there is nobody to tell.
func (c *consumer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, p := range c.parts {
		p.decoder.Flush(c.source.deps.Counters)
		c.source.deps.Counters.Sessions.Add(-1)
		delete(c.parts, key)
	}
}

// goodbye commits what was read and leaves the group, so that other members take over at once. Brokers that don't answer are not waited for.
func (c *consumer) goodbye(client *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), c.source.timing.goodbye)
	defer cancel()
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		c.source.deps.Log.Warn("what was read could not be committed; it will be read again", "source", c.source.name, "error", err)
	}
	client.AllowRebalance()
	_ = client.LeaveGroupContext(ctx) // who does not leave is given up by the group after a while
	client.Close()
}
