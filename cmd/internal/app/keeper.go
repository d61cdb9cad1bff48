package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/rpki"
	"anywatch/rpki/rtr"
)

// keeper keeps the VRPs up to date: it merges the first healthy cache with the files, and tells when something changed.
type keeper struct {
	log     *slog.Logger
	now     func() time.Time
	changed func(*rpki.Table) // called whenever there is another table, also when only its age is another
	cache   rpki.Cache

	mu       sync.Mutex
	files    []rpki.Source
	slurm    *rpki.SLURM
	caches   []config.RTRCache
	statuses map[string]rtr.Status // of the caches, by address
}

// load reads the files and builds the first table, or says what can't be read.
func (k *keeper) load(c *config.Config) error {
	files, slurm, err := readVRPFiles(c)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.files, k.slurm = files, slurm
	k.mu.Unlock()
	k.rebuild()
	return nil
}

func readVRPFiles(c *config.Config) (files []rpki.Source, slurm *rpki.SLURM, err error) {
	for _, f := range c.RPKI.Files {
		s, err := rpki.ReadFile(f.Path)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, s)
	}
	if !c.RPKI.SLURM.IsZero() {
		if slurm, err = rpki.ReadSLURM(c.RPKI.SLURM.Path); err != nil {
			return nil, nil, err
		}
	}
	return files, slurm, nil
}

// rebuild makes a new table of what is known now. Without any source there is no table: then nothing is checked.
func (k *keeper) rebuild() {
	k.mu.Lock()
	sources := append([]rpki.Source(nil), k.files...)
	if s, ok := k.best(); ok {
		sources = append(sources, s.Source())
	}
	slurm := k.slurm
	k.mu.Unlock()
	var t *rpki.Table
	if len(sources) > 0 || slurm != nil {
		t = rpki.Build(k.now(), slurm, sources...)
	}
	k.cache.Store(t)
	k.changed(t)
}

// best gives the first cache, in the order of the configuration, whose data are fresh; else the first whose data have not expired.
func (k *keeper) best() (rtr.Status, bool) {
	for _, good := range []rtr.State{rtr.Fresh, rtr.Stale, rtr.Waiting} {
		for _, c := range k.caches {
			if s := k.statuses[c.Address]; s.Set != nil && s.State == good {
				return s, true
			}
		}
	}
	return rtr.Status{}, false
}

// run follows the caches and the files until ctx ends.
func (k *keeper) run(ctx context.Context, c *config.Config) {
	k.mu.Lock()
	k.caches = c.RPKI.Caches
	if k.statuses == nil {
		k.statuses = make(map[string]rtr.Status)
	}
	k.mu.Unlock()
	var wg sync.WaitGroup
	for _, cache := range c.RPKI.Caches {
		client := &rtr.Client{Address: cache.Address, TLS: cacheTLS(cache), Log: k.log.With("cache", cache.Address), OnChange: k.status}
		wg.Go(func() { _ = client.Run(ctx) })
	}
	wg.Go(func() { k.watchFiles(ctx, c) })
	wg.Go(func() { k.expire(ctx) })
	wg.Wait()
}

func cacheTLS(c config.RTRCache) *tls.Config {
	if c.Transport != "tls" {
		return nil
	}
	host, _, _ := net.SplitHostPort(c.Address)
	return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
}

// status takes what became of a cache. After a reload its client begins anew; until that has data, those of the one before are used.
func (k *keeper) status(s rtr.Status) {
	k.mu.Lock()
	if old := k.statuses[s.Address]; s.State == rtr.Waiting && old.Set != nil {
		s.Set, s.Updated = old.Set, old.Updated
	}
	k.statuses[s.Address] = s
	k.mu.Unlock()
	k.rebuild()
}

// watchFiles reads the files again when one of them changed. A file that can't be read leaves the old data in use.
func (k *keeper) watchFiles(ctx context.Context, c *config.Config) {
	var names []string
	for _, f := range c.RPKI.Files {
		names = append(names, f.Path)
	}
	if !c.RPKI.SLURM.IsZero() {
		names = append(names, c.RPKI.SLURM.Path)
	}
	err := watchFiles(ctx, names, func() {
		if err := k.load(c); err != nil {
			k.log.Error("VRPs were not reloaded; the old ones stay in use", "error", err)
			return
		}
		k.log.Info("VRPs reloaded", "vrps", k.cache.Load().Len())
	})
	if err != nil {
		k.log.Error("changes of VRP files go unnoticed until the next reload", "error", err)
	}
}

// expire builds the table again when its next entry expires.
func (k *keeper) expire(ctx context.Context) {
	for {
		wait := time.Hour
		if at := k.cache.Load().NextExpiry(); !at.IsZero() {
			wait = min(wait, max(at.Sub(k.now()), time.Second))
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
			if at := k.cache.Load().NextExpiry(); !at.IsZero() && !at.After(k.now()) {
				k.rebuild()
			}
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// describe tells in words what the VRPs stand on.
func (k *keeper) describe() string {
	t := k.cache.Load()
	if t.Len() == 0 {
		return "no VRPs: origins are not checked"
	}
	return fmt.Sprintf("%d VRPs from %d sources", t.Len(), len(t.Sources()))
}
