package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/detector"
)

// State is a place where something is kept between two runs of the daemon, whole or not at all.
type State interface {
	// Load gives what was saved last; nil when nothing was.
	Load() ([]byte, error)
	// Save replaces it. When it fails, or the machine does amid it, what was saved before is still there.
	Save([]byte) error
	// Reject puts out of the way what Load gave, or could not give, and tells where it is now, for people to look at.
	Reject() (string, error)
	// String names the place for people.
	String() string
}

// stateFile keeps a state in a file, which only its owner may read.
type stateFile struct{ path string }

// String gives the path.
func (f stateFile) String() string { return f.path }

// Load reads the file.
func (f stateFile) Load() ([]byte, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Save writes another file beside it, and puts it in its place when it is on the disk.
func (f stateFile) Save(b []byte) error {
	next := f.path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was killed
		return err
	}
	if err := writeNew(next, b); err != nil {
		return errors.Join(err, removed(next))
	}
	if err := os.Rename(next, f.path); err != nil {
		return errors.Join(err, removed(next))
	}
	return syncFolder(filepath.Dir(f.path))
}

// Reject renames the file; one that was rejected before gives way.
func (f stateFile) Reject() (string, error) {
	broken := f.path + ".broken"
	return broken, os.Rename(f.path, broken)
}

// writeNew writes a file that must not be there yet, and waits until the disk has it.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// removed removes what is left of a file; none at all is as good.
func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder makes a change of name last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// flapsKept is where penalties are kept beside the database, and how often.
const (
	flapsKept      = "flaps.json"
	flapsKeptEvery = time.Minute
)

// flapState gives the place where a configuration keeps the penalties of flaps, or says why there is none. The default of store.url alone makes no
// files: whoever wants something kept says so.
func flapState(c *config.Config) (State, string) {
	given := slices.ContainsFunc(config.Unused(c), func(n config.Notice) bool { return n.Key == "store" })
	switch {
	case !given:
		return nil, `the configuration has no store; with store: {url: "sqlite:anywatch.db"} they are kept beside that file`
	case c.Store.Database.IsZero():
		return nil, "they are kept beside an sqlite: store, and store.url names none"
	}
	return stateFile{filepath.Join(filepath.Dir(c.Store.Database.Path), flapsKept)}, ""
}

// flapKeeper carries the penalties of flaps from one run of the daemon to the next.
type flapKeeper struct {
	log *slog.Logger

	mu     sync.Mutex
	state  State  // nil: nothing is kept
	why    string // then, why
	failed bool   // the last attempt to save failed, and the log says so
	empty  bool   // what was saved last says nothing, or nothing was saved yet
}

func newFlapKeeper(c *config.Config, log *slog.Logger) *flapKeeper {
	k := &flapKeeper{log: log, empty: true}
	k.state, k.why = flapState(c)
	return k
}

// follow keeps penalties where another configuration says from now on.
func (k *flapKeeper) follow(c *config.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	state, why := flapState(c)
	if state == k.state && why == k.why {
		return
	}
	k.state, k.why, k.failed, k.empty = state, why, false, true
	k.sayWhere()
}

// sayWhere says once that nothing is kept.
func (k *flapKeeper) sayWhere() {
	if k.state == nil {
		k.log.Info("penalties of flaps are not kept over a restart", "why", k.why)
	}
}

// restore gives an engine what the run before has kept. Whatever is wrong with that is said, and keeps nobody from starting.
func (k *flapKeeper) restore(e *detector.Engine, vantages *collector.Registry, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sayWhere()
	if k.state == nil {
		return
	}
	b, err := k.state.Load()
	if b == nil && err == nil {
		return
	}
	k.empty = false
	var s *detector.FlapState
	if err == nil {
		s, err = detector.ReadFlapState(b)
	}
	if err != nil {
		k.reject(err)
		return
	}
	if err := e.RestoreFlaps(s, vantages, now); err != nil {
		k.log.Warn("the penalties of flaps that were kept are dropped, and counted anew", "from", k.state.String(), "why", err)
		return
	}
	k.log.Info("the penalties of flaps are those of the run before", "from", k.state.String(), "routes", len(s.Routes), "taken", s.Clock)
}

// reject puts aside what can't be used. When that can't be done either, nothing is saved over it.
func (k *flapKeeper) reject(why error) {
	aside, err := k.state.Reject()
	if err != nil {
		k.log.Error("the penalties of flaps that were kept can't be used, nor put aside; none are kept until that is mended and the daemon started again",
			"file", k.state.String(), "why", why, "error", err)
		k.state, k.why = nil, "what was kept before can't be put aside"
		return
	}
	k.log.Error("the penalties of flaps that were kept can't be used; they are counted anew", "file", k.state.String(), "why", why, "kept_as", aside)
}

// run saves what take gives every minute, until ctx ends.
func (k *flapKeeper) run(ctx context.Context, take func() *detector.FlapState) {
	for collector.Sleep(ctx, flapsKeptEvery) {
		if k.keeps() {
			k.save(take())
		}
	}
}

func (k *flapKeeper) keeps() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state != nil
}

// save saves a state, unless there is nothing to tell, as before. A failure is said when it begins and when it ends, not every minute.
func (k *flapKeeper) save(s *detector.FlapState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == nil || s == nil || s.Empty() && k.empty {
		return
	}
	b, err := json.Marshal(s)
	if err == nil {
		err = k.state.Save(append(b, '\n'))
	}
	switch {
	case err == nil && k.failed:
		k.log.Info("the penalties of flaps are kept again", "file", k.state.String())
	case err != nil && !k.failed:
		k.log.Error("the penalties of flaps can't be kept; a restart would begin to count anew", "error", fmt.Errorf("%s: %w", k.state, err))
	}
	k.failed = err != nil
	if err == nil {
		k.empty = s.Empty()
	}
}

// takeFlaps takes the state of flaps while the daemon runs; nil when it has just ended.
func (d *Daemon) takeFlaps() (s *detector.FlapState) {
	d.owner.ask(func(e *detector.Engine) { s = e.FlapState() })
	return s
}
