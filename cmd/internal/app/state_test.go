package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/detector"
)

const withStore = "asns: [64500]\nprefixes: [{prefix: 192.0.2.0/24}]\nweb: {listen: 127.0.0.1:0}\nstore: {url: \"sqlite:data/anywatch.db\"}\n"

func parsed(t *testing.T, text, dir string) *config.Config {
	t.Helper()
	c, err := config.Parse("anywatch.yaml", []byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// flapping gives an engine by the rules of a configuration, with the penalties of a route that was withdrawn n times.
func flapping(c *config.Config, n int) *detector.Engine {
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	e := detector.New(detector.Options{Rules: Rules(c), Emit: func(detector.Change) {}})
	v := collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}, Local: 64500})
	nlri := []route.NLRI{{Prefix: netip.MustParsePrefix("192.0.2.0/24")}}
	e.Apply(collector.Event{Kind: collector.PeerUp, Vantage: v, Time: at}, at)
	e.Apply(collector.Event{Kind: collector.Synchronised, Vantage: v, Time: at}, at)
	for range n {
		at = at.Add(time.Second)
		e.Apply(collector.Event{Kind: collector.Routes, Vantage: v, Time: at, Updates: []route.Update{{Announced: nlri, Attrs: &route.Attrs{}}}}, at)
		e.Apply(collector.Event{Kind: collector.Routes, Vantage: v, Time: at, Updates: []route.Update{{Withdrawn: nlri}}}, at)
	}
	return e
}

// shelf is a place for a state in memory.
type shelf struct {
	mu              sync.Mutex
	kept            []byte
	load, put, away error
	saves           int
}

func (s *shelf) String() string        { return "shelf" }
func (s *shelf) Load() ([]byte, error) { return s.kept, s.load }

func (s *shelf) Save(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put != nil {
		return s.put
	}
	s.kept, s.saves = b, s.saves+1
	return nil
}

// fail makes attempts to save fail, or work again.
func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put = err
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

func (s *shelf) Reject() (string, error) {
	if s.away == nil {
		s.kept = nil
	}
	return "floor", s.away
}

// keeperOf gives a keeper for a place, and what it logs.
func keeperOf(s State) (*flapKeeper, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &flapKeeper{log: slog.New(slog.NewTextHandler(log, nil)), state: s, empty: true}, log
}

func restored(k *flapKeeper, c *config.Config) *detector.Engine {
	e := detector.New(detector.Options{Rules: Rules(c), Emit: func(detector.Change) {}})
	k.restore(e, collector.NewRegistry(), time.Date(2026, 11, 22, 18, 1, 0, 0, time.UTC))
	return e
}

// A state that is half-written, can't be read, or is of a newer version is put aside and said, and the engine begins anew.
func TestBrokenState(t *testing.T) {
	c := parsed(t, withStore, t.TempDir())
	whole, err := json.Marshal(flapping(c, 2).FlapState())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, says string
		shelf      *shelf
	}{
		{"half-written", "can't be used; they are counted anew", &shelf{kept: whole[:len(whole)/2]}},
		{"empty", "this is no state of flaps", &shelf{kept: []byte{}}},
		{"newer", "a newer program wrote it", &shelf{kept: bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":9`), 1)}},
		{"unreadable", "input/output error", &shelf{load: errors.New("input/output error")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, log := keeperOf(tt.shelf)
			if e := restored(k, c); len(e.FlapHistory()) != 0 {
				t.Errorf("restored %v", e.FlapHistory())
			}
			if !strings.Contains(log.String(), tt.says) || !strings.Contains(log.String(), "kept_as=") {
				t.Errorf("said: %s", log)
			}
			tt.shelf.load = nil
			k.save(flapping(c, 1).FlapState())
			if e := restored(k, c); len(e.FlapHistory()) != 1 {
				t.Errorf("what was saved then is not restored: %s", log)
			}
		})
	}
}

// What can't be put aside is not written over: somebody may want it.
func TestBrokenStateThatStays(t *testing.T) {
	c := parsed(t, withStore, t.TempDir())
	s := &shelf{load: errors.New("input/output error"), away: errors.New("read-only file system")}
	k, log := keeperOf(s)
	restored(k, c)
	k.save(flapping(c, 1).FlapState())
	if s.saves != 0 || k.keeps() || !strings.Contains(log.String(), "nor put aside") {
		t.Errorf("saved %d times, said: %s", s.saves, log)
	}
}

// Penalties that were counted by other parameters are dropped and said; the file is not broken, and the next save replaces it.
func TestStateOfOtherParameters(t *testing.T) {
	c := parsed(t, withStore, t.TempDir())
	s := new(shelf)
	k, log := keeperOf(s)
	k.save(flapping(c, 2).FlapState())
	other := parsed(t, withStore+"detect: {flap: {profile: cisco}}\n", t.TempDir())
	e := restored(k, other)
	if len(e.FlapHistory()) != 0 || s.kept == nil || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "cisco: half-life 15m0s") {
		t.Errorf("said: %s", log)
	}
	k.save(e.FlapState())
	if e := restored(k, c); s.saves != 2 || len(e.FlapHistory()) != 0 {
		t.Errorf("the old penalties are there still after %d saves", s.saves)
	}
}

// Penalties are saved every minute while there are any; that saving fails is said once, and so is its end.
func TestStateIsSavedEveryMinute(t *testing.T) {
	c := parsed(t, withStore, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := new(shelf)
		k, log := keeperOf(s)
		var engine atomic.Pointer[detector.Engine]
		engine.Store(flapping(c, 0))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			k.run(ctx, func() *detector.FlapState { return engine.Load().FlapState() })
		}()
		minutes := func(n int, saves int) {
			t.Helper()
			time.Sleep(time.Duration(n) * time.Minute) // of the bubble's own time
			synctest.Wait()
			if got := s.count(); got != saves {
				t.Errorf("saved %d times, expected %d", got, saves)
			}
		}
		minutes(5, 0) // nothing to tell
		engine.Store(flapping(c, 3))
		minutes(2, 2)
		s.fail(errors.New("no space left on device"))
		minutes(3, 2)
		s.fail(nil)
		minutes(1, 3)
		engine.Store(flapping(c, 0))
		minutes(3, 4) // that there is nothing any more is told once
		cancel()
		<-ended
		if said := log.String(); strings.Count(said, "no space left on device") != 1 || strings.Count(said, "are kept again") != 1 {
			t.Errorf("said: %s", said)
		}
	})
}
