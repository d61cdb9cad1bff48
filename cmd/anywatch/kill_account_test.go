package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/store"
	"anywatch/detector"
)

// account compares what a daemon has written down with what its receivers took.
type account struct {
	t         *testing.T
	histories map[string]store.History // by incident
	changes   []store.Change           // of hijacks, in the order in which they were recorded
	named     map[string]store.Change  // by the key under which receivers get them
}

// isHijack tells whether an incident is one that the receivers want to hear of.
func isHijack(i *detector.Incident) bool {
	return i.Kind == detector.OriginHijack || i.Kind == detector.SubprefixHijack
}

// deliveryKey is the name of a change in X-Anywatch-Delivery.
func deliveryKey(c detector.Change) string {
	return fmt.Sprintf("%s.%d.%s.%s", c.Incident.ID, c.Incident.Reopened, c.Event, c.Time.UTC().Format(time.RFC3339Nano))
}

// history opens what the station's daemon has written down, to read from it.
func (s *station) history() *store.Store {
	s.t.Helper()
	h, err := store.Open(context.Background(), store.Config{URL: "sqlite:" + filepath.Join(s.dir, "anywatch.db"), ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = h.Close() })
	return h
}

// accounts reads all that was written down about hijacks.
func (s *station) accounts() *account {
	s.t.Helper()
	a := &account{t: s.t, histories: make(map[string]store.History), named: make(map[string]store.Change)}
	h := s.history()
	for page := (store.Page{Limit: 500}); ; {
		some, next, err := h.Incidents(context.Background(), store.Filter{}, page)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, c := range some {
			if isHijack(&c.Incident) {
				a.add(h, c.Incident.ID)
			}
		}
		if next == "" {
			break
		}
		page.After = next
	}
	slices.SortFunc(a.changes, func(x, y store.Change) int { return int(x.ID - y.ID) })
	return a
}

func (a *account) add(h *store.Store, id string) {
	a.t.Helper()
	one, err := h.Incident(context.Background(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	a.histories[id] = one
	for _, c := range one.Changes {
		key := deliveryKey(c.Change)
		if _, twice := a.named[key]; twice {
			a.t.Errorf("two changes have the key %s: a receiver would drop one of them", key)
		}
		a.named[key] = c
		a.changes = append(a.changes, c)
	}
}

// oneLifeAtATime checks that nothing opens that is open, and nothing resolves that is not.
func (a *account) oneLifeAtATime() {
	a.t.Helper()
	open := make(map[string]string) // the incident that is open, by what makes it the same
	for _, c := range a.changes {
		i, now := &c.Incident, open[c.Incident.Key]
		switch {
		case c.Event == detector.Opened && now != "":
			a.t.Errorf("%s opened as %s while it was open as %s", i.Key, i.ID, now)
		case c.Event != detector.Opened && now != i.ID:
			a.t.Errorf("%s: %s of %s, and open is %q", i.Key, c.Event, i.ID, now)
		}
		if open[i.Key] = i.ID; c.Event == detector.Resolved {
			delete(open, i.Key)
		}
	}
}

// settled checks that each change was to be told to a sink, once, and that the end of that is known.
func (a *account) settled(sink string, took []receipt) {
	a.t.Helper()
	heard := make(map[string]bool)
	for _, r := range took {
		heard[r.key] = true
	}
	for _, h := range a.histories {
		of := make(map[string][]store.Notification)
		for _, n := range h.Notifications {
			if n.Sink == sink && n.Change != nil {
				key := deliveryKey(*n.Change)
				of[key] = append(of[key], n)
			}
		}
		for _, c := range h.Changes {
			key := deliveryKey(c.Change)
			if len(of[key]) != 1 {
				a.t.Errorf("%s has %d notifications of %s, expected 1", sink, len(of[key]), key)
				continue
			}
			switch n := of[key][0]; {
			case n.State == store.Delivered && heard[key], n.State == store.Condensed, n.State == store.Failed && n.Error != "":
			default:
				a.t.Errorf("%s: %s is %s (%q), and was taken: %t", sink, key, n.State, n.Error, heard[key])
			}
		}
	}
}

// understood checks what a receiver makes of what it took, when it drops repetitions by their keys: it was told nothing that was not written down,
// the changes of each incident in their order, and in the end what is open and what is not. It gives how much was said again.
func (a *account) understood(sink string, took []receipt) (repeated int) {
	a.t.Helper()
	first := make(map[string]string)
	latest := make(map[string]store.Change)
	for _, r := range took {
		if body, again := first[r.key]; again {
			if repeated++; body != r.body {
				a.t.Errorf("%s was told under one key, %s, first\n%s\nand then\n%s", sink, r.key, body, r.body)
			}
			continue
		}
		first[r.key] = r.body
		c, known := a.named[r.key]
		if !known {
			a.t.Errorf("%s was told what is not written down: %s", sink, r.key)
			continue
		}
		if !strings.Contains(r.body, fmt.Sprintf(`"id":%q`, c.Incident.ID)) {
			a.t.Errorf("%s was told under the key %s: %s", sink, r.key, r.body)
		}
		if before := latest[c.Incident.ID]; before.ID >= c.ID {
			a.t.Errorf("%s was told of %s after %s", sink, r.key, deliveryKey(before.Change))
		}
		latest[c.Incident.ID] = c
	}
	for id, h := range a.histories {
		if got := latest[id].Incident.State; got != h.Incident.State {
			a.t.Errorf("%s believes that incident %s is %q; it is %s", sink, id, got, h.Incident.State)
		}
	}
	return repeated
}
