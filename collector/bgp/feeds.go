package bgp

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/collector"
)

// feeds knows which neighbors are missed, and what was told about it. Sessions, reloads and the clock report here; one goroutine hands on what
// there is to tell, so that it comes in the order in which it happened.
type feeds struct {
	table *atomic.Pointer[table] // in force

	mu    sync.Mutex
	of    map[string]*feed // by the name of the vantage, without "bgp:"
	queue []collector.Event
	wake  chan struct{}
}

type feed struct {
	addr    netip.Addr
	up      bool
	since   time.Time // since when it is awaited
	refused string    // why its last session did not come up
	told    bool      // it was told that it is down
}

func newFeeds(t *atomic.Pointer[table]) *feeds {
	return &feeds{table: t, of: make(map[string]*feed), wake: make(chan struct{}, 1)}
}

// tell puts an event in the queue; f.mu must be held.
func (f *feeds) tell(kind collector.Kind, at time.Time, name, reason string, keep time.Duration) {
	f.queue = append(f.queue, collector.Event{Kind: kind, Time: at, Feed: "bgp:" + name, Reason: reason, Keep: keep})
	select {
	case f.wake <- struct{}{}:
	default: // it will see this one too
	}
}

// take gives what there is to tell.
func (f *feeds) take() []collector.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.queue
	f.queue = nil
	return list
}

// begin starts the clock for all neighbors with an address that are not up, when the source begins to run.
func (f *feeds) begin(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.of {
		if !x.up && !x.told {
			x.since = now
		}
	}
	f.await(now)
}

// await takes the neighbors with an address in that are not there yet; f.mu must be held.
func (f *feeds) await(now time.Time) {
	for _, n := range f.table.Load().cfg.Neighbors {
		if !n.dynamic() && f.of[n.Name] == nil {
			f.of[n.Name] = &feed{addr: n.Address, since: now}
		}
	}
}

// reloaded forgets who is gone from the configuration, and awaits who is new in it. The table must be in force.
func (f *feeds) reloaded(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, x := range f.of {
		if f.known(name, x.addr) {
			continue
		}
		if x.told {
			f.tell(collector.FeedUp, now, name, "it was taken out of the configuration", 0)
		}
		delete(f.of, name)
	}
	f.await(now)
}

// known tells whether the configuration still gives the address this name.
func (f *feeds) known(name string, addr netip.Addr) bool {
	n, ok := f.table.Load().find(addr)
	return ok && n.called(addr) == name
}

// established notes that a session came up.
func (f *feeds) established(now time.Time, name string, addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known(name, addr) { // it was taken out of the configuration a moment ago, and will end
		return
	}
	x := f.of[name]
	if x == nil {
		x = new(feed)
		f.of[name] = x
	}
	if x.told {
		f.tell(collector.FeedUp, now, name, "the session is established", 0)
	}
	*x = feed{addr: addr, up: true}
}

// lost notes that an established session ended, and tells it unless the daemon ends. What is no longer in the configuration is missed by
// nobody.
func (f *feeds) lost(now time.Time, name, reason string, keep time.Duration, tell bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.of[name]
	if x == nil || !x.up {
		return
	}
	x.up, x.since, x.told = false, now, tell
	if tell {
		f.tell(collector.FeedDown, now, name, reason, keep)
	}
}

// refused notes why a session did not come up.
func (f *feeds) refused(name, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if x := f.of[name]; x != nil && !x.up {
		x.refused = why
	}
}

// overdue tells of those that have not come up within their time.
func (f *feeds) overdue(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	patience := f.table.Load().cfg.ComeUp
	if patience <= 0 {
		return
	}
	var late []string
	for name, x := range f.of {
		if !x.up && !x.told && now.Sub(x.since) >= patience {
			late = append(late, name)
		}
	}
	slices.Sort(late)
	for _, name := range late {
		x := f.of[name]
		x.told = true
		why := fmt.Sprintf("it has not connected since %s", x.since.UTC().Format("15:04:05 UTC"))
		if x.refused != "" {
			why = fmt.Sprintf("no session came up since %s: %s", x.since.UTC().Format("15:04:05 UTC"), x.refused)
		}
		f.tell(collector.FeedDown, x.since, name, why, 0)
	}
}
