package bmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// Deps is what streams and the station work with. Counters may be nil for a stream whose tally is read by its caller.
type Deps struct {
	Live     *screen.Live
	Registry *collector.Registry
	Counters *collector.Counters
	Log      *slog.Logger
	Now      func() time.Time
}

// StreamConfig says how a stream is read.
type StreamConfig struct {
	Router string      // what the router is called until it says its name: its address; "" in a file
	ASNs   []route.ASN // ours
	VRFs   []string    // names or route distinguishers of VRFs to watch besides the global table
	// Replay says that the messages' own times are the clock, and that a second Initiation begins another connection. Without it, the
	// time of arrival decides when a message's own is absent or more than an hour off.
	Replay bool
}

// Malformed is a BMP message that could not be read; the stream goes on. What is wrong with an UPDATE inside is a *collector.Malformed.
type Malformed struct {
	Router string
	Type   uint8 // RFC 7854 section 4.1
	Err    error
}

// Error says what was wrong.
func (m *Malformed) Error() string {
	return fmt.Sprintf("malformed BMP %s from %s: %v", typeName(m.Type), m.Router, m.Err)
}

// Unwrap gives the fault itself.
func (m *Malformed) Unwrap() error { return m.Err }

// PassedOver tells of an error that only one message, or a piece of a stream, was passed over; after any other, the stream has ended.
func PassedOver(err error) bool {
	if err == nil {
		return false
	}
	var message *Malformed
	var update *collector.Malformed
	var frame *FrameError
	return errors.As(err, &message) || errors.As(err, &update) || errors.As(err, &frame) && frame.Skipped > 0
}

const noType = 255

func typeName(t uint8) string {
	if t == noType {
		return "message"
	}
	names := [knownTypes]string{"Route Monitoring", "Statistics Report", "Peer Down", "Peer Up", "Initiation", "Termination", "Route Mirroring"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("message of type %d", t)
}

// maxPeers is how many peers one router may show; a real one has some hundreds.
const maxPeers = 1 << 16

// Stream is what is known of one router, from its messages in their order. Its methods are for one goroutine, but for Peers.
type Stream struct {
	cfg    StreamConfig
	deps   Deps
	in     collector.Intake
	aside  *collector.Intake // for tables that are not watched: it counts, and lets nothing through; nil until one is met
	vrfs   vrfs
	ours   map[route.ASN]bool
	owners *owners                  // nil: no other stream shows the same vantages
	naming func(name string) string // nil: names are taken as they are

	clock   time.Time // of the newest message with a time
	noted   noted
	started bool   // some message came
	goodbye string // the reason of a Termination

	saidStripped bool
	scratch      []byte
	heads        map[[identityLen]byte]*view
	head         [identityLen]byte // of the last message, and its view
	last         *view

	asn      route.ASN  // of the router, as its sessions say
	mu       sync.Mutex // guards what follows against Peers; only the stream's own goroutine changes it
	router   string
	software string
	peers    map[peerKey]*peer
	order    []*peer
}

// NewStream begins with a router of which nothing is known yet.
func NewStream(cfg StreamConfig, deps Deps, out collector.Sink) *Stream {
	s := &Stream{cfg: cfg, deps: deps, router: cfg.Router, vrfs: newVRFs(cfg.VRFs), ours: make(map[route.ASN]bool),
		heads: make(map[[identityLen]byte]*view), peers: make(map[peerKey]*peer)}
	for _, asn := range cfg.ASNs {
		s.ours[asn] = true
	}
	s.in = collector.Intake{Screen: screen.New(deps.Live), Out: out}
	return s
}

// Message takes one BMP message, header included, that arrived at a time. The bytes are not kept. An error for which PassedOver is true is
// reported and forgotten; with any other the stream has ended.
func (s *Stream) Message(ctx context.Context, frame []byte, at time.Time) error {
	s.in.Tally.Messages++
	if len(frame) < headerLen || frame[0] != 3 {
		return s.malformed(noType, ErrVersion)
	}
	typ, body := frame[5], frame[headerLen:]
	s.noted.types[min(typ, knownTypes)]++
	began := s.started
	s.started = true
	switch typ {
	case routeMonitoring:
		return s.routeMonitoring(ctx, body, at)
	case statsReport:
		return s.stats(body, at)
	case peerDown:
		return s.peerDown(ctx, body, at)
	case peerUp:
		return s.peerUp(ctx, body, at)
	case initiation:
		return s.initiation(ctx, body, at, began)
	case termination:
		return s.termination(ctx, body, at)
	case routeMirroring:
		return s.mirroring(ctx, body, at)
	}
	return nil // a type of the future: counted, and nothing else
}

// Replay reads a whole raw stream and tells report of each error that it passed over. What is no BMP message counts as one message, and as
// malformed.
func (s *Stream) Replay(ctx context.Context, r io.Reader, at time.Time, report func(error)) error {
	frames := NewReader(r, 0, true)
	for {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.Message(ctx, frame, at)
		} else if PassedOver(err) {
			s.in.Tally.Messages++
			s.in.Tally.Malformed++
		}
		switch {
		case err == nil:
		case PassedOver(err):
			report(err)
		default:
			return err
		}
	}
}

// Tally is what the stream has counted since the last call of Flush.
func (s *Stream) Tally() collector.Tally {
	t := s.in.Tally
	if s.aside == nil {
		return t
	}
	a := s.aside.Tally
	t.Updates += a.Updates
	t.Prefixes += a.Prefixes
	t.Matched += a.Matched
	t.Skipped += a.Skipped
	t.Malformed += a.Malformed
	t.Redecoded += a.Redecoded
	return t
}

// Flush adds what was counted to totals, and begins to count anew.
func (s *Stream) Flush(c *collector.Counters) {
	c.Add(&s.in.Tally)
	if s.aside != nil {
		c.Add(&s.aside.Tally)
	}
}

// Lost says that nothing more is seen of the router: what its vantages would show is unknown.
func (s *Stream) Lost(ctx context.Context, at time.Time, reason string) error {
	for _, p := range s.order {
		if err := s.close(ctx, p, collector.Event{Kind: collector.FeedLost, Time: at, Reason: reason}); err != nil {
			return err
		}
	}
	s.forget()
	return nil
}

// forget begins anew with the router.
func (s *Stream) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers, s.order, s.heads, s.last = make(map[peerKey]*peer), nil, make(map[[identityLen]byte]*view), nil
}

func (s *Stream) malformed(typ uint8, err error) error {
	s.in.Tally.Malformed++
	return &Malformed{Router: s.name(), Type: typ, Err: err}
}

func (s *Stream) name() string {
	if s.router == "" {
		return "a router without a name"
	}
	return s.router
}

var errShort = errors.New("it is shorter than its fixed part")

// when gives the time of a message from its per-peer header and its arrival. A header's zero means that the router doesn't know (RFC 7854
// section 4.2), and some give the time of their boot.
func (s *Stream) when(b []byte, at time.Time) time.Time {
	sec, usec := binary.BigEndian.Uint32(b[identityLen:]), binary.BigEndian.Uint32(b[identityLen+4:])
	off := int64(sec) - at.Unix()
	switch {
	case s.cfg.Replay && sec == 0 && !s.clock.IsZero():
		return s.clock
	case sec == 0, !s.cfg.Replay && (off > credible || off < -credible):
		s.clock = at
	default:
		s.clock = time.Unix(int64(sec), int64(min(usec, 999_999))*1000).UTC()
	}
	return s.clock
}

// credible is by how many seconds a message's time may differ from that of its arrival.
const credible = 3600

// now is the time of what carries none: arrival, in a replay the newest time seen.
func (s *Stream) now(at time.Time) time.Time {
	if s.cfg.Replay && !s.clock.IsZero() {
		return s.clock
	}
	return at
}
