package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

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

// Where penalties are kept in the store, and how often.
const (
	flapsKept      = "flaps"
	flapsKeptEvery = time.Minute
)

// flapKeeper carries the penalties of flaps from one run of the daemon to the next.
type flapKeeper struct {
	log *slog.Logger

	mu     sync.Mutex
	state  State // nil: what was kept before is in the way, and nothing is kept
	failed bool  // the last attempt to save failed, and the log says so
	empty  bool  // what was saved last says nothing, or nothing was saved yet
}

func newFlapKeeper(state State, log *slog.Logger) *flapKeeper {
	return &flapKeeper{log: log, state: state, empty: true}
}

// restore gives an engine what the run before has kept. Whatever is wrong with that is said, and keeps nobody from starting.
func (k *flapKeeper) restore(e *detector.Engine, vantages *collector.Registry, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
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
		k.state = nil
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
