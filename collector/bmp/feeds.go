package bmp

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"anywatch/collector"
)

// feeds knows the routers by their names: which are connected, and which were and are not. A router becomes a feed with its first BMP
// message: who only opens connections is none.
type feeds struct {
	mu sync.Mutex
	of map[string]*routerFeed
}

// routerFeed is one router.
type routerFeed struct {
	name        string
	addr        netip.Addr // where it connected from the last time
	connections int        // two while a router is back and its old connection not yet known to be dead
	gone        string     // why nobody wants it any more; "" while it is wanted

	telling sync.Mutex // one at a time tells of it, so that lost and back come in their order
	down    bool       // FeedDown was told and FeedUp not yet; written with telling and feeds.mu held
}

// end is when, why and for how long a connection ended.
type end struct {
	time   time.Time
	reason string
	keep   time.Duration
}

// join adds a connection to the feed of a name. It also gives the feeds that this one makes superfluous: a router of which nothing is seen any
// more at the address from which one connects that was never seen before has got another name.
func (fs *feeds) join(name string, addr netip.Addr) (f *routerFeed, renamed []*routerFeed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f = fs.of[name]; f == nil {
		for _, g := range fs.of {
			if g.addr == addr && g.connections == 0 {
				g.gone = fmt.Sprintf("the router at %s calls itself %s now", addr, name)
				renamed = append(renamed, g)
			}
		}
		f = &routerFeed{name: name}
		fs.of[name] = f
	}
	f.addr, f.gone = addr, ""
	f.connections++
	return f, renamed
}

// leave takes a connection from its feed and tells of it when that was the last, unless the daemon is ending.
func (fs *feeds) leave(ctx context.Context, out collector.Sink, f *routerFeed, e end) error {
	if f == nil {
		return nil
	}
	fs.mu.Lock()
	f.connections--
	fs.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return fs.settle(ctx, out, f, e)
}

// rename takes a connection from the feed whose name the router gave up while it was connected.
func (fs *feeds) rename(f *routerFeed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.connections--; f.connections == 0 && !f.down {
		delete(fs.of, f.name)
	}
}

// settle tells what became of a feed, if anything did since it was last told of.
func (fs *feeds) settle(ctx context.Context, out collector.Sink, f *routerFeed, e end) error {
	f.telling.Lock()
	defer f.telling.Unlock()
	fs.mu.Lock()
	down, gone := f.connections == 0 && f.gone == "", f.gone
	fs.mu.Unlock()
	if down != f.down {
		ev := collector.Event{Kind: collector.FeedUp, Time: e.time, Feed: "bmp:" + f.name, Reason: gone}
		if down {
			ev.Kind, ev.Reason, ev.Keep = collector.FeedDown, e.reason, e.keep
		}
		if err := out.Emit(ctx, ev); err != nil {
			return err
		}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.down = down
	if f.gone != "" && f.connections == 0 && fs.of[f.name] == f {
		delete(fs.of, f.name)
	}
	return nil
}

// disallow marks the routers that may no longer connect.
func (fs *feeds) disallow(allow []netip.Prefix) []*routerFeed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.of {
		if !allowed(allow, f.addr) {
			f.gone = errNotAllowed.Error()
		}
	}
	return fs.marked()
}

// unwanted gives the feeds that nobody wants any more and of which that was not told yet.
func (fs *feeds) unwanted() []*routerFeed {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.marked()
}

func (fs *feeds) marked() (list []*routerFeed) {
	for _, name := range slices.Sorted(maps.Keys(fs.of)) {
		if f := fs.of[name]; f.gone != "" {
			list = append(list, f)
		}
	}
	return list
}

// state tells of each router whether it is connected.
func (fs *feeds) state() map[string]bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	out := make(map[string]bool, len(fs.of))
	for name, f := range fs.of {
		out[name] = f.connections > 0
	}
	return out
}
