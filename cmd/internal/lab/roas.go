package lab

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"anywatch/cmd/internal/lab/rtrcache"
)

// cacheTimers make the monitor ask the cache every second, so that what it holds is never older than that while the cache is there, and try
// as often to reach it when it is not.
func cacheTimers() rtrcache.Timers {
	return rtrcache.Timers{Refresh: time.Second, Retry: time.Second, Expire: rtrcache.DefaultTimers().Expire}
}

// roaCache is the RPKI cache of the network, which may go away and come back: each time it is another life of it, with a session number of
// its own.
type roaCache struct {
	log     *slog.Logger
	serving sync.WaitGroup

	mu   sync.Mutex
	life *rtrcache.Cache
	roas []rtrcache.VRP
}

// prepare makes a life of the cache that holds these ROAs and serves nobody yet.
func (c *roaCache) prepare(roas []rtrcache.VRP, log *slog.Logger) error {
	life, err := rtrcache.New(uint16(rand.Uint32()), cacheTimers(), log)
	if err != nil {
		return err
	}
	if err := life.Set(roas); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life, c.roas, c.log = life, roas, log
	return nil
}

func (c *roaCache) serve(l net.Listener) {
	c.mu.Lock()
	life := c.life
	c.mu.Unlock()
	c.serving.Go(func() {
		if err := life.Serve(l); err != nil {
			c.log.Error("the RPKI cache stopped", slog.Any("error", err))
		}
	})
}

func (c *roaCache) set(roas []rtrcache.VRP) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.life.Set(roas); err != nil {
		return err
	}
	c.roas = roas
	return nil
}

// close ends the present life. It returns when nothing of it is left.
func (c *roaCache) close() {
	c.mu.Lock()
	life := c.life
	c.mu.Unlock()
	life.Close()
	c.serving.Wait()
}

// SetROAs replaces what the RPKI cache serves and tells its routers at once.
func (n *Network) SetROAs(roas []rtrcache.VRP) error { return n.cache.set(roas) }

// StopCache makes the RPKI cache go away: its sessions end, and nobody listens at its address. Meanwhile the speakers that listen in the block are
// the claim on it.
func (n *Network) StopCache() error {
	if err := n.running(); err != nil {
		return err
	}
	n.cache.close()
	return nil
}

// StartCache makes the RPKI cache come back with what it held, at the same address.
func (n *Network) StartCache(ctx context.Context) error {
	if err := n.running(); err != nil {
		return err
	}
	n.cache.mu.Lock()
	roas := n.cache.roas
	n.cache.mu.Unlock()
	if err := n.cache.prepare(roas, n.log); err != nil {
		return err
	}
	l, err := listenAgain(ctx, n.Description().RTR.String())
	if err != nil {
		return err
	}
	n.cache.serve(l)
	return nil
}

// listenAgain listens at an address of the block. Another network that looks for a free block may be trying it out at this moment.
func listenAgain(ctx context.Context, address string) (l net.Listener, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = settle(ctx, func(context.Context) (string, error) {
		var busy error
		if l, busy = net.Listen("tcp4", address); busy != nil {
			return busy.Error(), nil
		}
		return "", nil
	})
	return l, err
}
