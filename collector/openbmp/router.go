package openbmp

import (
	"cmp"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"anywatch/collector"
	"anywatch/collector/bmp"
)

// router is a router as one collector shows it. It is a sink: its BMP stream has vantages of its own, which become those of the feed here.
type router struct {
	identity
	d      *Decoder
	admin  string // the collector's name
	stream *bmp.Stream

	begun    bool // its Initiation came: its peers and their tables follow
	heard    bool // some message came
	vantages map[*collector.Vantage]*collector.Vantage
	shown    map[collector.VantageID]*collector.Vantage
	missing  map[collector.VantageID]*collector.Vantage // shown until nothing could be heard any more
	gapAt    time.Time
}

func newRouter(d *Decoder, h *header) *router {
	r := &router{identity: h.identity, d: d, admin: printable(h.admin), vantages: make(map[*collector.Vantage]*collector.Vantage)}
	r.shown, r.missing = make(map[collector.VantageID]*collector.Vantage), make(map[collector.VantageID]*collector.Vantage)
	called := printable(h.group)
	switch {
	case h.ip.IsValid() && !h.ip.IsUnspecified():
		called = h.ip.String()
	case called == "":
		called = hex.EncodeToString(h.router[:4])
	}
	cfg := bmp.StreamConfig{Router: called, ASNs: d.cfg.ASNs, VRFs: d.cfg.VRFs, Replay: d.cfg.Replay}
	deps := bmp.Deps{Live: d.deps.Live, Registry: collector.NewRegistry(), Log: d.deps.Log, Now: d.deps.Now}
	r.stream = bmp.NewStream(cfg, deps, r)
	return r
}

// printable makes printable what a header says; it becomes part of names.
func printable(b []byte) string {
	clean := strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == '\uFFFD' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(string(b[:min(len(b), 255)]), ""))
	return strings.TrimSpace(clean)
}

// message hands one BMP message to the router's stream.
func (r *router) message(ctx context.Context, b []byte, at time.Time) error {
	if len(r.missing) > 0 {
		if err := r.found(ctx, at); err != nil {
			return err
		}
	}
	switch b[5] {
	case initiation:
		if r.heard && !r.d.cfg.Replay { // in a replay the stream itself takes it so
			if err := r.stream.Lost(ctx, at, "the router began anew"); err != nil {
				return err
			}
		}
		r.begun = true
	case termination:
		r.begun = false
	}
	r.heard = true
	return r.stream.Message(ctx, b, at)
}

// Emit implements collector.Sink for the router's stream.
func (r *router) Emit(ctx context.Context, ev collector.Event) error {
	inner := ev.Vantage
	v := r.vantages[inner]
	if v == nil {
		v = r.register(inner)
	}
	ev.Vantage = v
	switch ev.Kind {
	case collector.PeerUp:
		if !r.begun && !r.up(inner.Key) {
			ev.Kind, ev.Family, ev.Reason = collector.Gap, 0, "its table was shown before reading began"
		}
		r.shown[v.ID] = v
	case collector.PeerDown, collector.FeedLost:
		delete(r.shown, v.ID)
	}
	return r.d.out.Emit(ctx, ev)
}

// up tells whether a Peer Up told of the peer of a vantage.
func (r *router) up(key collector.Key) bool {
	key.View = collector.Session
	_, _, peers := r.stream.Peers()
	return slices.ContainsFunc(peers, func(p bmp.Peer) bool { return p.Up && p.Key == key })
}

// maxDescriptions is how many descriptions of vantages are remembered: one each, and one more whenever it changes.
const maxDescriptions = 1 << 17

// register gives a vantage of the stream its place in the feed.
func (r *router) register(inner *collector.Vantage) *collector.Vantage {
	if len(r.vantages) >= maxDescriptions {
		clear(r.vantages)
	}
	v := *inner
	v.ID, v.Source, v.Router = 0, "openbmp", r.d.names.give(inner.Router, r)
	out := r.d.deps.Registry.Register(v)
	r.vantages[inner] = out
	return out
}

// unheard loses the vantages without forgetting what is known of the router.
func (r *router) unheard(ctx context.Context, at time.Time, reason string) error {
	for _, v := range byID(slices.Collect(maps.Values(r.shown))) {
		delete(r.shown, v.ID)
		r.missing[v.ID] = v
		if err := r.d.out.Emit(ctx, collector.Event{Kind: collector.FeedLost, Time: at, Vantage: v, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// found gives the vantages back that were lost while nothing could be heard.
func (r *router) found(ctx context.Context, at time.Time) error {
	maps.Copy(r.shown, r.missing)
	back := byID(slices.Collect(maps.Values(r.missing)))
	clear(r.missing)
	return r.tell(ctx, back, at, "the router could not be heard for a while")
}

// gap tells that messages of the router were lost, once a second at most.
func (r *router) gap(ctx context.Context, at time.Time, reason string) error {
	if at.Sub(r.gapAt).Abs() < time.Second {
		return nil
	}
	r.gapAt = at
	return r.tell(ctx, byID(slices.Collect(maps.Values(r.shown))), at, reason)
}

func (r *router) tell(ctx context.Context, list []*collector.Vantage, at time.Time, reason string) error {
	for _, v := range list {
		if err := r.d.out.Emit(ctx, collector.Event{Kind: collector.Gap, Time: at, Vantage: v, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// damaged counts a frame of the router, or its rest, that can't be read.
func (r *router) damaged(ctx context.Context, at time.Time, err error) error {
	bad := r.d.malformed(err)
	if err := r.gap(ctx, at, "a message of the router can't be read: "+err.Error()); err != nil {
		return err
	}
	return bad
}

// names sees to it that two routers don't have the same name. Safe for concurrent use.
type names struct {
	mu    sync.Mutex
	owner map[string]identity
}

// maxNames bounds how many names are remembered.
const maxNames = 1 << 16

func newNames() *names { return &names{owner: make(map[string]identity)} }

// give gives a router the name that it wants, unless another one has it: then its collector's is added, and its hash if need be.
func (n *names) give(wanted string, r *router) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	by := wanted + "@" + cmp.Or(r.admin, hex.EncodeToString(r.collector[:4]))
	for _, name := range []string{wanted, by, by + "/" + hex.EncodeToString(r.router[:4])} {
		switch who, taken := n.owner[name]; {
		case who == r.identity:
			return name
		case !taken && len(n.owner) < maxNames:
			n.owner[name] = r.identity
			return name
		}
	}
	return by + "/" + hex.EncodeToString(r.router[:])
}
