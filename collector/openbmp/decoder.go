package openbmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"anywatch/collector"
	"anywatch/collector/bmp"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Deps is what decoders and the source work with. Counters may be nil for a decoder whose tally is read by its caller.
type Deps struct {
	Live     *screen.Live
	Registry *collector.Registry
	Counters *collector.Counters
	Log      *slog.Logger
	Now      func() time.Time
}

// DecoderConfig says how frames are read; see bmp.StreamConfig.
type DecoderConfig struct {
	ASNs   []route.ASN // ours
	VRFs   []string    // names or route distinguishers of VRFs to watch besides the global table
	Replay bool        // the messages' own times are the clock
}

// Malformed is a frame that could not be read, or the rest of one. It was counted; the stream goes on.
type Malformed struct{ Err error }

// Error says what is wrong.
func (m *Malformed) Error() string { return "malformed OpenBMP message: " + m.Err.Error() }

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// PassedOver tells of an error that only one message was passed over; after any other, the stream has ended.
func PassedOver(err error) bool {
	var frame *Malformed
	return errors.As(err, &frame) || bmp.PassedOver(err)
}

// maxRouters bounds how many routers one decoder follows.
const maxRouters = 1 << 14

var errRouters = errors.New("its collectors name more routers than can be followed")

// Decoder takes the frames of one stream, a file or a partition of a topic, in their order. Not for concurrent use.
type Decoder struct {
	cfg     DecoderConfig
	deps    Deps
	out     collector.Sink
	names   *names
	tally   collector.Tally // of what belongs to no router
	sent    time.Time
	routers map[identity]*router
	order   []*router
	last    *router
}

// NewDecoder begins a stream.
func NewDecoder(cfg DecoderConfig, deps Deps, out collector.Sink) *Decoder {
	return newDecoder(cfg, deps, out, newNames())
}

func newDecoder(cfg DecoderConfig, deps Deps, out collector.Sink, n *names) *Decoder {
	return &Decoder{cfg: cfg, deps: deps, out: out, names: n, routers: make(map[identity]*router)}
}

// Frame takes one frame, header included, that arrived at a time. The bytes are not kept. An error for which PassedOver is true is reported and
// forgotten; with any other the stream has ended.
func (d *Decoder) Frame(ctx context.Context, frame []byte, at time.Time) error {
	return d.take(ctx, frame, at, func(byte) bool { return true })
}

// Leave takes of a frame only what tells who a router's peers are and how they speak: without that, later messages can't be read.
func (d *Decoder) Leave(ctx context.Context, frame []byte, at time.Time) error {
	return d.take(ctx, frame, at, func(typ byte) bool { return typ >= peerDown && typ <= termination })
}

// BMP messages that tell of routers and their sessions (RFC 7854 section 4.1): peer down 2, peer up 3, initiation 4, termination 5.
const (
	peerDown    = 2
	initiation  = 4
	termination = 5
)

func (d *Decoder) take(ctx context.Context, frame []byte, at time.Time, wanted func(typ byte) bool) error {
	h, err := parse(frame)
	d.sent = h.time
	if err == nil && !h.raw {
		d.tally.Messages++
		return nil
	}
	if err != nil && !h.raw {
		return d.malformed(err)
	}
	if !h.time.IsZero() {
		at = h.time
	}
	r := d.router(&h)
	if r == nil {
		return d.malformed(errRouters)
	}
	if err != nil {
		return r.damaged(ctx, at, err)
	}
	return r.body(ctx, h.body, at, wanted)
}

func (d *Decoder) malformed(err error) error {
	d.tally.Messages++
	d.tally.Malformed++
	return &Malformed{err}
}

// router gives the router of a header, new if need be; nil when there are too many.
func (d *Decoder) router(h *header) *router {
	if d.last != nil && d.last.identity == h.identity {
		return d.last
	}
	r := d.routers[h.identity]
	if r == nil {
		if len(d.routers) >= maxRouters {
			return nil
		}
		r = newRouter(d, h)
		d.routers[h.identity] = r
		d.order = append(d.order, r)
	}
	d.last = r
	return r
}

// Sent is the time that the collector gave the newest frame; zero when it gave none.
func (d *Decoder) Sent() time.Time { return d.sent }

// Tally is what was counted since the last call of Flush.
func (d *Decoder) Tally() collector.Tally {
	t := d.tally
	for _, r := range d.order {
		t.Add(r.stream.Tally())
	}
	return t
}

// Flush adds what was counted to totals, and begins to count anew.
func (d *Decoder) Flush(c *collector.Counters) {
	c.Add(&d.tally)
	for _, r := range d.order {
		r.stream.Flush(c)
	}
}

// Lost says that nothing more is seen of all routers: what they would show is unknown. They are forgotten.
func (d *Decoder) Lost(ctx context.Context, at time.Time, reason string) error {
	for _, r := range d.order {
		if err := r.stream.Lost(ctx, at, reason); err != nil {
			return err
		}
		d.tally.Add(r.stream.Tally())
	}
	d.routers, d.order, d.last = make(map[identity]*router), nil, nil
	return nil
}

// Unheard says that for a while nothing can be heard of the routers, and that it is going on afterwards where it was: their vantages are lost, and those
// of a router that is heard again have a Gap.
func (d *Decoder) Unheard(ctx context.Context, at time.Time, reason string) error {
	for _, r := range d.order {
		if err := r.unheard(ctx, at, reason); err != nil {
			return err
		}
	}
	return nil
}

// Gap says that messages were lost, nobody knows of which routers.
func (d *Decoder) Gap(ctx context.Context, at time.Time, reason string) error {
	for _, r := range d.order {
		if err := r.gap(ctx, at, reason); err != nil {
			return err
		}
	}
	return nil
}

// body takes the BMP messages of a frame: one, as a rule.
func (r *router) body(ctx context.Context, b []byte, at time.Time, wanted func(typ byte) bool) (first error) {
	if len(b) == 0 {
		return r.damaged(ctx, at, errEmpty)
	}
	for len(b) > 0 {
		n, err := length(b)
		if err != nil {
			if err = r.damaged(ctx, at, err); first == nil || !PassedOver(err) {
				first = err
			}
			return first
		}
		if wanted(b[5]) {
			err = r.message(ctx, b[:n], at)
		}
		if err != nil && !PassedOver(err) {
			return err
		}
		if first == nil {
			first = err
		}
		b = b[n:]
	}
	return first
}

var errEmpty = errors.New("there is no BMP message in it")

// length gives the length of a BMP message by its header (RFC 7854 section 4.1).
func length(b []byte) (int, error) {
	const headerLen = 6
	switch {
	case b[0] == 4:
		return 0, bmp.ErrVersion4
	case b[0] != 3:
		return 0, fmt.Errorf("the message in it: %w, but with %d", bmp.ErrVersion, b[0])
	case len(b) < headerLen:
		return 0, fmt.Errorf("the message in it: %w", bmp.ErrCut)
	}
	n := binary.BigEndian.Uint32(b[1:])
	switch {
	case n < headerLen:
		return 0, fmt.Errorf("the message in it: %w: %d", bmp.ErrLength, n)
	case n > uint32(len(b)):
		return 0, fmt.Errorf("the message in it: %w", bmp.ErrCut)
	}
	return int(n), nil
}

// byID orders vantages by their numbers.
func byID(list []*collector.Vantage) []*collector.Vantage {
	slices.SortFunc(list, func(a, b *collector.Vantage) int { return int(a.ID) - int(b.ID) })
	return list
}
