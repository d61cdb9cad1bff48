package rtrcache

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// Timers are what the cache asks of a version 1 router (RFC 8210 section 6).
type Timers struct {
	Refresh time.Duration // between two questions for news: 1 s to 1 day
	Retry   time.Duration // after a failed one: 1 s to 2 h
	Expire  time.Duration // how long data may be used without an answer: 10 min to 2 days, longer than the other two
}

// DefaultTimers suit a cache on the same machine: it is asked every half minute. Changes come at once all the same, by Serial Notify.
func DefaultTimers() Timers {
	return Timers{Refresh: 30 * time.Second, Retry: 5 * time.Second, Expire: 10 * time.Minute}
}

func (t Timers) validate() error {
	switch {
	case t.Refresh < time.Second || t.Refresh > 24*time.Hour:
		return fmt.Errorf("refresh of %s: RFC 8210 section 6 allows 1s to 24h", t.Refresh)
	case t.Retry < time.Second || t.Retry > 2*time.Hour:
		return fmt.Errorf("retry of %s: RFC 8210 section 6 allows 1s to 2h", t.Retry)
	case t.Expire < 10*time.Minute || t.Expire > 48*time.Hour || t.Expire <= max(t.Refresh, t.Retry):
		return fmt.Errorf("expire of %s: RFC 8210 section 6 allows 10m to 48h, longer than refresh and retry", t.Expire)
	}
	return nil
}

func seconds(d time.Duration) uint32 { return uint32(d / time.Second) }

// keep is how many past states the cache remembers. A router that asks for news since an older one gets a Cache Reset.
const keep = 16

// Cache serves one set of payloads. Its methods may be called from several goroutines.
type Cache struct {
	session uint16
	timers  Timers
	log     *slog.Logger

	mu      sync.Mutex
	serial  uint32
	states  map[uint32]vrpSet // by serial, the current one and up to keep past ones; empty before the first Set
	routers map[*router]struct{}
	closing bool
	stop    []net.Listener
	running sync.WaitGroup
}

// New makes a cache without data. The session number tells this life of the cache from another (RFC 8210 section 5.1): take a random
// one. The logger gets what routers do wrong, at debug level.
func New(session uint16, timers Timers, log *slog.Logger) (*Cache, error) {
	if err := timers.validate(); err != nil {
		return nil, err
	}
	return &Cache{session: session, timers: timers, log: log, states: map[uint32]vrpSet{}, routers: map[*router]struct{}{}}, nil
}

// Set replaces the payloads and tells every connected router that there is news. The same payloads again are no news.
//
// RFC 8210 section 5.2 asks a cache not to notify more than once per minute. That spares a busy production cache; this one notifies at
// once, because somebody is watching.
func (c *Cache) Set(vrps []VRP) error {
	set, err := newSet(vrps)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, ok := c.states[c.serial]; ok && slices.Equal(now, set) {
		return nil
	}
	c.serial++
	c.states[c.serial] = set
	delete(c.states, c.serial-keep-1)
	for r := range c.routers {
		r.tell()
	}
	return nil
}

// VRPs gives the present payloads, in order of prefix.
func (c *Cache) VRPs() []VRP {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.states[c.serial])
}

// Serial is the number of the present state: 0 before the first Set, one more with each change.
func (c *Cache) Serial() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serial
}

// Routers counts the connected routers.
func (c *Cache) Routers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.routers)
}

// Serve accepts routers until the cache is closed, and then returns nil. It closes the listener.
func (c *Cache) Serve(l net.Listener) error {
	defer l.Close()
	if !c.adopt(l) {
		return nil
	}
	defer c.running.Done()
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("RTR cache on %s: accept: %w", l.Addr(), err)
		}
		c.welcome(conn)
	}
}

func (c *Cache) adopt(l net.Listener) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.stop = append(c.stop, l)
	c.running.Add(1)
	return true
}

func (c *Cache) welcome(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		conn.Close()
		return
	}
	r := newRouter(c, conn)
	c.routers[r] = struct{}{}
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		r.serve()
		c.mu.Lock()
		delete(c.routers, r)
		c.mu.Unlock()
	}()
}

// Close ends all sessions and waits until nothing of the cache is running. A closed cache is not opened again.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closing = true
	for _, l := range c.stop {
		l.Close()
	}
	for r := range c.routers {
		r.conn.Close()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// everything answers a Reset Query: all payloads (RFC 8210 section 8.1).
func (c *Cache) everything(a *answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, ok := c.states[c.serial]
	if !ok {
		return errNoData
	}
	a.cacheResponse()
	a.prefixes(now, announce)
	a.endOfData(c.serial, c.timers)
	return nil
}

// since answers a Serial Query: what changed (RFC 8210 section 8.2), or a Cache Reset when the cache no longer knows (section 8.3).
func (c *Cache) since(serial uint32, a *answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, ok := c.states[c.serial]
	if !ok {
		return errNoData
	}
	then, ok := c.states[serial]
	if !ok {
		a.cacheReset()
		return nil
	}
	a.cacheResponse()
	a.prefixes(then.minus(now), withdraw)
	a.prefixes(now.minus(then), announce)
	a.endOfData(c.serial, c.timers)
	return nil
}
