package keeper

import (
	"testing"
	"time"

	"anywatch/rpki"
)

func following(caches ...string) Config {
	c := Config{MaxAge: 2 * time.Hour, MaxDrop: 0.2}
	for _, a := range caches {
		c.Caches = append(c.Caches, Cache{Address: a})
	}
	return c
}

func drops(t *testing.T, s rpki.Snapshot, want ...rpki.AnchorDrop) {
	t.Helper()
	if len(s.Drops) != len(want) {
		t.Fatalf("drops %+v, want %+v", s.Drops, want)
	}
	for i, w := range want {
		got := s.Drops[i]
		if !got.Accepted && got.Held.Len() < got.Was-got.Is {
			t.Errorf("%d are held of %+v", got.Held.Len(), got)
		}
		if got.Anchor != w.Anchor || got.Source != w.Source || got.Was != w.Was || got.Is != w.Is || !got.Since.Equal(w.Since) || got.Accepted != w.Accepted {
			t.Errorf("drop %+v, want %+v", got, w)
		}
	}
}

// What vanishes in a fall stays in the table until the cache has it again.
func TestDropIsHeld(t *testing.T) {
	b := newBench(t, following("a:1"))
	all := many(10, "")
	b.says(0, all...)
	drops(t, b.Snapshot()) // the first data set is no fall
	b.says(0, all[:8]...)
	drops(t, b.Snapshot()) // 20% is not more than 20%
	b.holds(all[:8]...)
	fell := b.clock.Now()
	b.says(0, append(many(5, ""), "192.0.2.0/24 64501")...)
	b.holds(append(many(8, ""), "192.0.2.0/24 64501")...)
	s := b.Snapshot()
	drops(t, s, rpki.AnchorDrop{Source: "cache a:1", Was: 8, Is: 6, Since: fell})
	if got := texts(s.Drops[0].Lost); len(got) != 3 || got[0] != all[5] {
		t.Errorf("examples %q", got)
	}
	if len(s.Removed) != 0 || len(s.Added) != 1 {
		t.Errorf("added %v, removed %v", s.Added, s.Removed)
	}
	b.clock.advance(time.Minute)
	b.says(0, many(3, "")...) // falls on: all that vanished since the beginning is held
	b.holds(append(many(8, ""), "192.0.2.0/24 64501")...)
	drops(t, b.Snapshot(), rpki.AnchorDrop{Source: "cache a:1", Was: 8, Is: 3, Since: fell})
	b.says(0, many(7, "")...) // 7 of 8 is above the line: this is believed
	b.holds(many(7, "")...)
	drops(t, b.Snapshot())
}

// A fall that lasts is the truth, and one snapshot says so.
func TestDropIsAccepted(t *testing.T) {
	b := newBench(t, following("a:1"))
	b.says(0, many(10, "")...)
	fell := b.clock.Now()
	b.says(0, many(2, "")...)
	b.tick(time.Hour)
	b.says(0, many(2, "")...) // confirmed: the fall is as old as it was
	drops(t, b.Snapshot(), rpki.AnchorDrop{Source: "cache a:1", Was: 10, Is: 2, Since: fell})
	if at := b.book.due(); !at.Equal(fell.Add(2 * time.Hour)) {
		t.Errorf("the keeper wakes at %s", at)
	}
	b.tick(time.Hour)
	s := b.Snapshot()
	drops(t, s, rpki.AnchorDrop{Source: "cache a:1", Was: 10, Is: 2, Since: fell, Accepted: true})
	b.holds(many(2, "")...)
	if len(s.Removed) != 8 {
		t.Errorf("removed %v", s.Removed)
	}
	b.tick(time.Second)
	drops(t, b.Snapshot())
	b.says(0, many(1, "")...) // measured against what was accepted
	drops(t, b.Snapshot(), rpki.AnchorDrop{Source: "cache a:1", Was: 2, Is: 1, Since: b.clock.Now()})
}

// Trust anchors fall and come back each on its own.
func TestDropOfOneAnchor(t *testing.T) {
	f := put(t, t.TempDir()+"/vrps.json", roas(t, append(many(4, "arin"), "192.0.2.0/24 1 ripe", "198.51.100.0/24 1 ripe")...))
	b := newBench(t, Config{Files: []File{f}, MaxAge: time.Hour, MaxDrop: 0.2})
	fell := b.clock.Now()
	put(t, f.Path, roas(t, "192.0.2.0/24 1 ripe"))
	b.look([]string{f.Path})
	drops(t, b.Snapshot(), rpki.AnchorDrop{Anchor: "arin", Source: "file vrps.json", Was: 4, Is: 0, Since: fell},
		rpki.AnchorDrop{Anchor: "ripe", Source: "file vrps.json", Was: 2, Is: 1, Since: fell})
	b.clock.advance(time.Minute)
	put(t, f.Path, roas(t, "192.0.2.0/24 1 ripe", "203.0.113.0/24 1 ripe"))
	b.look([]string{f.Path})
	drops(t, b.Snapshot(), rpki.AnchorDrop{Anchor: "arin", Source: "file vrps.json", Was: 4, Is: 0, Since: fell})
	b.holds(append(many(4, ""), "192.0.2.0/24 1", "203.0.113.0/24 1")...)
}

// What is held expires when its own time is over.
func TestHeldExpires(t *testing.T) {
	b := newBench(t, following("a:1"))
	v := vrp(t, "192.0.2.0/24 64501")
	v.Expires = b.clock.Now().Add(time.Minute)
	w := vrp(t, "198.51.100.0/24 64501")
	first, err := rpki.NewSet([]rpki.VRP{v, w}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var g guard
	g.take(first, "x", 0.2, b.clock.Now())
	g.take(set(t), "x", 0.2, b.clock.Now())
	now := b.clock.Now()
	if got := rpki.Build(now, nil, rpki.Source{Set: g.believed}); got.Len() != 2 || !got.NextExpiry().Equal(v.Expires) {
		t.Errorf("held: %d, until %s", got.Len(), got.NextExpiry())
	}
	if got := rpki.Build(now.Add(time.Minute), nil, rpki.Source{Set: g.believed}); got.Len() != 1 {
		t.Errorf("held after the end: %d", got.Len())
	}
}

// Data that come after none are believed, whatever there was before.
func TestNoDropAfterExpiry(t *testing.T) {
	var g guard
	g.take(set(t, many(10, "")...), "x", 0.2, time.Time{})
	g.take(nil, "x", 0.2, time.Time{})
	if g.believed != nil {
		t.Error("expired data are believed")
	}
	g.take(set(t, many(1, "")...), "x", 0.2, time.Time{})
	if len(g.drops) != 0 || g.believed.Len() != 1 {
		t.Errorf("drops %v", g.drops)
	}
}
