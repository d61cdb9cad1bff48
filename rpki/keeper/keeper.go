package keeper

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/rpki"
	"anywatch/rpki/rtr"
)

// Options are what a Keeper works with.
type Options struct {
	// OnChange is called with each snapshot, in order and one at a time. It must not call the keeper back, but for Snapshot and Table.
	OnChange func(rpki.Snapshot)
	// Log is told what an operator wants to know; nil is silence.
	Log *slog.Logger
	// Clock is what time it is; nil is the system's.
	Clock rtr.Clock
	// Dial connects to a cache; nil is the network.
	Dial func(context.Context, Cache) (net.Conn, error)
}

// Keeper keeps the VRPs of all sources up to date.
type Keeper struct {
	o       Options
	current atomic.Pointer[rpki.Snapshot]
	wake    chan struct{} // what is due may have changed

	mu      sync.Mutex
	book    book
	running context.Context // of Run; nil outside of it
	clients map[*source]context.CancelFunc
	watcher context.CancelFunc // nil when no file is watched
	work    sync.WaitGroup     // clients and the watcher
}

// New gives a keeper that knows nothing yet.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = rtr.SystemClock()
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, c Cache) (net.Conn, error) { return c.dial(ctx) }
	}
	if o.OnChange == nil {
		o.OnChange = func(rpki.Snapshot) {}
	}
	k := &Keeper{o: o, wake: make(chan struct{}, 1), clients: map[*source]context.CancelFunc{}}
	k.current.Store(&rpki.Snapshot{})
	return k
}

// Snapshot gives what is known now.
func (k *Keeper) Snapshot() rpki.Snapshot { return *k.current.Load() }

// Table gives the table to judge by; nil when nothing is checked.
func (k *Keeper) Table() *rpki.Table { return k.current.Load().Table }

// Plan is a configuration whose files have been read.
type Plan struct {
	config Config
	files  []reading
	slurm  reading
}

// Prepare reads the files of a configuration and changes nothing. What can't be read is an error, unless the keeper holds data of that
// file already, which stay in use then.
func (k *Keeper) Prepare(c Config) (*Plan, error) {
	p := &Plan{config: c}
	k.mu.Lock()
	known, exceptions := k.known()
	k.mu.Unlock()
	for _, cache := range c.Caches {
		if _, err := cache.settings(); err != nil {
			return nil, err
		}
	}
	for _, f := range c.Files {
		r := readVRPs(f)
		if r.err != nil && !known[f.Path] {
			return nil, r.err
		}
		p.files = append(p.files, r)
	}
	if c.SLURM != (File{}) {
		if p.slurm = readSLURM(c.SLURM); p.slurm.err != nil && exceptions != c.SLURM {
			return nil, p.slurm.err
		}
	}
	return p, nil
}

// known gives the paths of the files of which there are VRPs, and the file of exceptions if it is in force.
func (k *Keeper) known() (files map[string]bool, slurm File) {
	files = map[string]bool{}
	for _, f := range k.book.files {
		files[f.file.Path] = f.set() != nil
	}
	if x := k.book.slurm; x != nil && x.slurm != nil {
		slurm = x.file
	}
	return files, slurm
}

// Apply puts a configuration in force. Caches and files that were there before go on undisturbed; what is named twice is taken once.
func (k *Keeper) Apply(p *Plan) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.o.Clock.Now()
	old := k.book
	k.book.config = p.config
	k.book.caches, k.book.files = nil, nil
	for _, c := range p.config.Caches {
		if at := func(s *source) bool { return s.cache.Address == c.Address }; !slices.ContainsFunc(k.book.caches, at) {
			k.book.caches = append(k.book.caches, cacheOf(old.caches, c, now))
		}
	}
	for i, f := range p.config.Files {
		if at := func(s *source) bool { return s.file.Path == f.Path }; slices.ContainsFunc(k.book.files, at) {
			continue
		}
		s := newFile(f, now)
		if at := slices.IndexFunc(old.files, func(o *source) bool { return o.file == f }); at >= 0 {
			s = old.files[at]
		}
		k.tookFile(s, p.files[i], now)
		k.book.files = append(k.book.files, s)
	}
	k.book.slurm = nil
	if f := p.config.SLURM; f != (File{}) {
		x := newExceptions(f, now)
		if old.slurm != nil && old.slurm.file == f {
			x = old.slurm
		}
		x.took(p.slurm, now)
		k.book.slurm = x
	}
	k.follow()
	k.publish()
}

// cacheOf finds a cache among those that are known, or begins with it.
func cacheOf(known []*source, c Cache, now time.Time) *source {
	for _, s := range known {
		if s.cache == c {
			return s
		}
	}
	s := newCache(c, now)
	for _, o := range known {
		if o.cache.Address == c.Address {
			s.adopt(o)
		}
	}
	return s
}

// follow starts what is to be followed and is not yet, and stops what is not any more. Outside of Run nothing is followed.
func (k *Keeper) follow() {
	if k.running == nil {
		return
	}
	for s, stop := range k.clients {
		if !slices.Contains(k.book.caches, s) {
			stop()
			delete(k.clients, s)
		}
	}
	for _, s := range k.book.caches {
		if k.clients[s] == nil {
			ctx, stop := context.WithCancel(k.running)
			k.clients[s] = stop
			client := k.client(s)
			k.work.Go(func() { _ = client.Run(ctx) })
		}
	}
	if k.watcher != nil {
		k.watcher()
	}
	var ctx context.Context
	ctx, k.watcher = context.WithCancel(k.running)
	if paths := k.paths(); len(paths) > 0 {
		k.work.Go(func() { watch(ctx, k.o.Log, paths, k.look) })
	}
}

func (k *Keeper) client(s *source) *rtr.Client {
	return &rtr.Client{
		Address: s.cache.Address, MaxVersion: s.cache.Version, Log: k.o.Log, Clock: k.o.Clock,
		Dial:     func(ctx context.Context) (net.Conn, error) { return k.o.Dial(ctx, s.cache) },
		OnChange: func(r rtr.Status) { k.heard(s, r) },
	}
}

// heard takes what a client tells. One that was stopped has nothing to tell any more.
func (k *Keeper) heard(s *source, r rtr.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.book.caches, s) {
		return
	}
	s.heard(r, k.book.config.MaxDrop, k.o.Clock.Now())
	k.publish()
}

// paths gives the files to watch.
func (k *Keeper) paths() (out []string) {
	for _, f := range k.book.files {
		out = append(out, f.file.Path)
	}
	if k.book.slurm != nil {
		out = append(out, k.book.slurm.file.Path)
	}
	return out
}

// publish makes a snapshot and tells it.
func (k *Keeper) publish() {
	now := k.o.Clock.Now()
	next := k.book.snapshot(now)
	old := k.current.Swap(&next)
	k.report(*old, next, now)
	k.o.OnChange(next)
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run follows the caches and the files until ctx ends, and gives its error.
func (k *Keeper) Run(ctx context.Context) error {
	k.mu.Lock()
	if k.running != nil {
		k.mu.Unlock()
		return errors.New("the keeper of VRPs runs already")
	}
	k.running = ctx
	k.follow()
	k.publish() // whoever listens may have begun after Apply
	k.mu.Unlock()
	defer k.stop()
	for {
		alarm, stop := k.alarm()
		select {
		case <-ctx.Done():
			stop()
			return ctx.Err()
		case <-k.wake:
		case <-alarm:
			k.mu.Lock()
			k.publish()
			k.mu.Unlock()
		}
		stop()
	}
}

// alarm is set to when time alone will change something.
func (k *Keeper) alarm() (<-chan time.Time, func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.book.due()
	if at.IsZero() {
		return nil, func() {}
	}
	return k.o.Clock.After(max(at.Sub(k.o.Clock.Now()), 0))
}

// stop waits for all that Run has started.
func (k *Keeper) stop() {
	k.mu.Lock()
	k.running = nil
	for _, stop := range k.clients {
		stop()
	}
	clear(k.clients)
	if k.watcher != nil {
		k.watcher()
		k.watcher = nil
	}
	k.mu.Unlock()
	k.work.Wait()
}
