package keeper

import (
	"compress/gzip"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"anywatch/rpki"
	"anywatch/rpki/rtr"
)

func TestNothingConfigured(t *testing.T) {
	b := newBench(t, Config{MaxAge: time.Hour})
	if s := b.Snapshot(); s.Table != nil || s.TooOld || len(s.Sources) != 0 {
		t.Errorf("snapshot %+v", s)
	}
	if at := b.book.due(); !at.IsZero() {
		t.Errorf("something is due at %s", at)
	}
}

// The first healthy cache is used; the others are kept, and compared with it.
func TestFirstHealthyCache(t *testing.T) {
	b := newBench(t, following("a:1", "b:1"))
	if b.Table() != nil {
		t.Fatal("a table of nothing")
	}
	b.says(1, "192.0.2.0/24 1", "198.51.100.0/24 1")
	b.holds("192.0.2.0/24 1", "198.51.100.0/24 1")
	b.clock.advance(time.Minute)
	b.says(0, "192.0.2.0/24 1", "203.0.113.0/24 2")
	b.holds("192.0.2.0/24 1", "203.0.113.0/24 2")
	s := b.Snapshot()
	if !b.source("a:1").InUse || b.source("b:1").InUse {
		t.Errorf("sources %+v", s.Sources)
	}
	if a, r := texts(s.Added), texts(s.Removed); len(a) != 1 || a[0] != "203.0.113.0/24 2" || len(r) != 1 || r[0] != "198.51.100.0/24 1" {
		t.Errorf("added %q, removed %q", a, r)
	}
	began := b.clock.Now()
	differ := func(used, other string, missing, extra int) {
		t.Helper()
		ds := b.Snapshot().Differences
		if len(ds) != 1 || ds[0].Used != "cache "+used || ds[0].Other != "cache "+other || ds[0].Missing != missing || ds[0].Extra != extra || !ds[0].Since.Equal(began) {
			t.Fatalf("differences %+v", ds)
		}
	}
	differ("a:1", "b:1", 1, 1)
	if got := texts(b.Snapshot().Differences[0].Examples); len(got) != 2 || got[0] != "203.0.113.0/24 2" {
		t.Errorf("examples %q", got)
	}
	b.clock.advance(time.Minute)
	b.status(0, func(s *rtr.Status) { s.State, s.Connected, s.Err = rtr.Stale, false, "gone" })
	differ("b:1", "a:1", 1, 1) // still since then
	b.status(0, func(s *rtr.Status) { s.State, s.Connected, s.Set = rtr.Expired, false, nil })
	if len(b.Snapshot().Differences) != 0 || b.source("a:1").State != rpki.SourceExpired {
		t.Errorf("with one cache left: %+v", b.Snapshot())
	}
	b.says(0, "192.0.2.0/24 1", "198.51.100.0/24 1")
	if len(b.Snapshot().Differences) != 0 {
		t.Errorf("equal caches differ: %+v", b.Snapshot().Differences)
	}
	b.clock.advance(time.Minute)
	began = b.clock.Now()
	b.says(1, "192.0.2.0/24 1", "198.51.100.0/24 1", "10.0.0.0/8 1")
	differ("a:1", "b:1", 0, 1)
}

// That a source has data for the first time changes no ROA, though the table holds more.
func TestSourceComesAsAWhole(t *testing.T) {
	c := following("a:1")
	c.Files = []File{put(t, t.TempDir()+"/a.json", roas(t, "192.0.2.0/24 1"))}
	b := newBench(t, c)
	b.says(0, "198.51.100.0/24 1")
	if s := b.Snapshot(); s.Table.Len() != 2 || len(s.Added)+len(s.Removed) != 0 {
		t.Errorf("added %v, removed %v", s.Added, s.Removed)
	}
	b.says(0, "198.51.100.0/24 1", "203.0.113.0/24 1")
	if s := b.Snapshot(); len(s.Added) != 1 {
		t.Errorf("added %v", s.Added)
	}
	b.status(0, func(s *rtr.Status) { s.State, s.Set = rtr.Expired, nil })
	if s := b.Snapshot(); s.Table.Len() != 1 || len(s.Added)+len(s.Removed) != 0 {
		t.Errorf("added %v, removed %v", s.Added, s.Removed)
	}
}

// A table whose sources confirm it is the same but for its age.
func TestConfirmedTable(t *testing.T) {
	b := newBench(t, following("a:1"))
	b.says(0, "192.0.2.0/24 1")
	before := b.Table()
	b.clock.advance(time.Minute)
	b.status(0, func(*rtr.Status) {})
	if after := b.Table(); after.Set() != before.Set() || !after.Generated().Equal(b.clock.Now()) || before.Generated().Equal(after.Generated()) {
		t.Error("it was built anew, or is as old as before")
	}
}

func TestTooOld(t *testing.T) {
	b := newBench(t, following("a:1", "b:1"))
	b.tick(2 * time.Hour)
	if s := b.Snapshot(); s.TooOld || !b.source("a:1").TooOld {
		t.Errorf("caches that never answered: %+v", s)
	}
	updated := b.clock.Now()
	b.status(0, func(s *rtr.Status) { s.Set, s.Expires = set(t, "192.0.2.0/24 1"), updated.Add(48*time.Hour) })
	b.tick(3 * time.Hour) // connected and confirmed as often as it wants: fresh, however rare that is
	if s := b.Snapshot(); s.TooOld || b.source("a:1").TooOld {
		t.Errorf("%+v", s.Sources)
	}
	b.status(0, func(s *rtr.Status) {
		s.State, s.Connected, s.Updated, s.Expires = rtr.Stale, false, updated, updated.Add(48*time.Hour)
	})
	if s := b.Snapshot(); !s.TooOld || !b.source("a:1").TooOld || s.Table.Len() != 1 {
		t.Errorf("%+v", s)
	}
	b.says(1, "198.51.100.0/24 1")
	b.holds("198.51.100.0/24 1") // rather than the first, which is too old
	if b.Snapshot().TooOld {
		t.Error("the second cache is fresh")
	}
}

// Files fail each on its own, keep what they held, and say so.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	a := put(t, dir+"/a.json", roas(t, "192.0.2.0/24 1"))
	z := File{Name: "b.csv.gz", Path: dir + "/b.csv.gz"}
	pack(t, z.Path, "ASN,IP Prefix,Max Length,Trust Anchor\nAS2,198.51.100.0/24,24,ripe\n")
	x := put(t, dir+"/slurm.json", `{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [{"prefix": "10.0.0.0/8", "asn": 5}]}}`)
	b := newBench(t, Config{Files: []File{a, z}, SLURM: x, MaxDrop: 1})
	b.holds("192.0.2.0/24 1", "198.51.100.0/24 2")

	broke := b.clock.Now()
	put(t, a.Path, `{"roas": [{"prefix": "192.0.2.0/24", "max`)
	pack(t, z.Path, "ASN,IP Prefix,Max Length,Trust Anchor\nAS3,198.51.100.0/24,24,ripe\n")
	put(t, x.Path, `{"slurmVersion": 3}`)
	b.look(nil)
	b.holds("192.0.2.0/24 1", "198.51.100.0/24 3")
	for name, says := range map[string]string{"a.json": "a.json", "slurm.json": "slurmVersion is 3"} {
		if s := b.source(name); s.State != rpki.SourceBroken || !strings.Contains(s.Err, says) || !s.Since.Equal(broke) || !s.InUse {
			t.Errorf("%+v", s)
		}
	}
	b.clock.advance(time.Minute)
	put(t, a.Path, `{"roas": [`) // broken in another way, since the same time
	b.look(nil)
	if s := b.source("a.json"); !s.Since.Equal(broke) || s.VRPs != 1 {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(x.Path); err != nil {
		t.Fatal(err)
	}
	put(t, a.Path, roas(t, "192.0.2.0/24 7", "10.1.0.0/16 5"))
	b.look(nil)
	b.holds("192.0.2.0/24 7", "198.51.100.0/24 3") // the exceptions of before are in force
	if s := b.source("a.json"); s.State != rpki.SourceFresh || s.Err != "" || s.VRPs != 2 {
		t.Errorf("%+v", s)
	}
	put(t, x.Path, `{"slurmVersion": 1, "locallyAddedAssertions": {"prefixAssertions": [{"prefix": "203.0.113.0/24", "asn": 9}]}}`)
	b.look(nil)
	b.holds("10.1.0.0/16 5", "192.0.2.0/24 7", "198.51.100.0/24 3", "203.0.113.0/24 9")
	if s := b.source("slurm.json"); s.State != rpki.SourceFresh || s.VRPs != 1 || s.TooOld {
		t.Errorf("%+v", s)
	}
}

func pack(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(f)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Some bad entries cost no others, and are said.
func TestFileWithBadEntries(t *testing.T) {
	f := put(t, t.TempDir()+"/a.json", `{"roas": [{"prefix": "192.0.2.0/24", "asn": 1}, {"prefix": "192.0.2.0/99", "asn": 1}]}`)
	b := newBench(t, Config{Files: []File{f}})
	b.holds("192.0.2.0/24 1")
	if s := b.source("a.json"); s.State != rpki.SourceFresh || !strings.Contains(s.Err, "1 entries can't be used") {
		t.Errorf("%+v", s)
	}
}

// A configuration is refused when a file of it can't be read of which there is nothing yet, and otherwise not.
func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	a := put(t, dir+"/a.json", roas(t, "192.0.2.0/24 1"))
	b := newBench(t, Config{Files: []File{a}})
	put(t, a.Path, "{")
	for name, c := range map[string]Config{
		"file":  {Files: []File{a, {Name: "b", Path: dir + "/b"}}},
		"slurm": {SLURM: a},
		"ca":    {Caches: []Cache{{Address: "h:1", TLS: true, CA: a.Path}}},
		"no ca": {Caches: []Cache{{Address: "h:1", TLS: true, CA: dir + "/b"}}},
		"cert":  {Caches: []Cache{{Address: "h:1", TLS: true, Cert: a.Path, Key: a.Path}}},
	} {
		if _, err := b.Prepare(c); err == nil || name == "file" && !strings.Contains(err.Error(), dir+"/b") {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.configure(Config{Files: []File{a}})
	b.holds("192.0.2.0/24 1")
	if s := b.source("a.json"); s.State != rpki.SourceBroken {
		t.Errorf("%+v", s)
	}
}

// Sources that stay in the configuration lose nothing by a reload; one that is asked in another way keeps its data until they expire.
func TestReload(t *testing.T) {
	b := newBench(t, following("a:1", "b:1"))
	b.says(0, "192.0.2.0/24 1")
	b.says(1, "192.0.2.0/24 1", "198.51.100.0/24 1")
	c := following("a:1", "a:1", "c:1")
	c.Caches[0].Version = 2
	b.configure(c)
	if n := len(b.Snapshot().Sources); n != 2 {
		t.Fatalf("%d sources of two", n)
	}
	b.holds("192.0.2.0/24 1")
	b.heard(b.book.caches[0], rtr.Status{Connected: true}) // its new client has nothing yet
	b.holds("192.0.2.0/24 1")
	b.tick(2 * time.Hour)
	if s := b.source("a:1"); b.Table() != nil || s.State != rpki.SourceExpired {
		t.Errorf("%+v", s)
	}
}

// Run wakes when time alone changes something, and follows files.
func TestRun(t *testing.T) {
	f := put(t, t.TempDir()+"/a.json", `{"metadata": {"buildtime": "2026-03-01T12:00:00Z"}, "roas": [
		{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": 1, "ta": "ripe", "expires": 1772367000},
		{"prefix": "198.51.100.0/24", "maxLength": 24, "asn": 1, "ta": "ripe"}]}`) // the first until 12:10
	b := newBench(t, Config{Files: []File{f}, MaxAge: time.Hour, MaxDrop: 1})
	b.holds("192.0.2.0/24 1", "198.51.100.0/24 1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Keeper.Run(ctx) }()
	b.clock.await(t, 10*time.Minute)
	b.until("one VRP left", func(s rpki.Snapshot) bool { return s.Table.Len() == 1 && len(s.Removed) == 1 })
	b.clock.await(t, 50*time.Minute)
	b.until("old data", func(s rpki.Snapshot) bool { return s.TooOld })
	put(t, f.Path, roas(t, "203.0.113.0/24 1"))
	b.until("the new file", func(s rpki.Snapshot) bool { return len(s.Added) == 1 && len(s.Removed) == 1 })
	b.holds("203.0.113.0/24 1")
	put(t, f.Path, `{"roas": [`)
	b.until("the broken file", func(s rpki.Snapshot) bool { return s.Sources[0].State == rpki.SourceBroken })
	b.holds("203.0.113.0/24 1")
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
}
