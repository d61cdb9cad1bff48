package keeper

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rpki/rtr"
)

// patience is how long a test waits for what must come, before it gives up and fails.
const patience = 20 * time.Second

// clock stands still until the test moves it.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	alarms  map[chan time.Time]time.Time
	changed chan struct{} // closed when an alarm is set
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), alarms: map[chan time.Time]time.Time{}, changed: make(chan struct{})}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	c.alarms[ch] = c.now.Add(d)
	close(c.changed)
	c.changed = make(chan struct{})
	c.ring()
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.alarms, ch)
	}
}

func (c *clock) ring() {
	for ch, at := range c.alarms {
		if !at.After(c.now) {
			delete(c.alarms, ch)
			ch <- c.now
		}
	}
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.ring()
}

// await waits until somebody has set an alarm for exactly d from now, and moves there.
func (c *clock) await(t *testing.T, d time.Duration) {
	t.Helper()
	for guard := time.After(patience); ; {
		c.mu.Lock()
		at, changed := c.now.Add(d), c.changed
		set := slices.ContainsFunc(slices.Collect(maps.Values(c.alarms)), at.Equal)
		c.mu.Unlock()
		if set {
			c.advance(d)
			return
		}
		select {
		case <-changed:
		case <-guard:
			t.Fatalf("nothing is due in %s", d)
		}
	}
}

// bench is a keeper under test. Its caches are played by the test, which says what their clients would say.
type bench struct {
	*testing.T
	*Keeper
	clock *clock
	told  chan rpki.Snapshot
}

func newBench(t *testing.T, c Config) *bench {
	t.Helper()
	b := &bench{T: t, clock: newClock(), told: make(chan rpki.Snapshot, 1000)}
	b.Keeper = New(Options{Clock: b.clock, OnChange: func(s rpki.Snapshot) { b.told <- s }})
	b.configure(c)
	return b
}

func (b *bench) configure(c Config) {
	b.Helper()
	plan, err := b.Prepare(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Apply(plan)
}

// tick lets the keeper see what time it is, as Run does.
func (b *bench) tick(d time.Duration) {
	b.clock.advance(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.publish()
}

// says has the client of the nth cache tell that it holds VRPs.
func (b *bench) says(n int, vrps ...string) {
	b.Helper()
	b.status(n, func(s *rtr.Status) { s.Set = set(b, vrps...) })
}

// status has the client of the nth cache tell that it is fresh, but for a change.
func (b *bench) status(n int, change func(*rtr.Status)) {
	b.Helper()
	src := b.book.caches[n]
	now := b.clock.Now()
	s := rtr.Status{Address: src.cache.Address, State: rtr.Fresh, Since: now, Connected: true, Version: 1, Serial: 1,
		Set: src.set(), Updated: now, Expires: now.Add(2 * time.Hour)}
	change(&s)
	b.heard(src, s)
}

// holds compares the table, trust anchors left out.
func (b *bench) holds(want ...string) {
	b.Helper()
	if got := texts(slices.Collect(b.Table().All())); !slices.Equal(got, want) {
		b.Fatalf("the table holds %q, want %q", got, want)
	}
}

// source gives the status of a source by the end of its name.
func (b *bench) source(name string) rpki.SourceStatus {
	b.Helper()
	for _, s := range b.Snapshot().Sources {
		if strings.HasSuffix(s.Name, name) {
			return s
		}
	}
	b.Fatalf("no source %s in %+v", name, b.Snapshot().Sources)
	return rpki.SourceStatus{}
}

// until waits for a snapshot and fails if it does not come.
func (b *bench) until(what string, is func(rpki.Snapshot) bool) rpki.Snapshot {
	b.Helper()
	var last rpki.Snapshot
	for guard := time.After(patience); ; {
		select {
		case last = <-b.told:
			if is(last) {
				return last
			}
		case <-guard:
			b.Fatalf("no snapshot has %s; the last: %+v", what, last)
		}
	}
}

// vrp reads "192.0.2.0/24 64500 ripe"; the trust anchor may be left out.
func vrp(tb testing.TB, text string) rpki.VRP {
	tb.Helper()
	fields := append(strings.Fields(text), "")
	asn, err := strconv.ParseUint(fields[1], 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	p := netip.MustParsePrefix(fields[0])
	return rpki.VRP{Prefix: p, MaxLength: uint8(p.Bits()), ASN: route.ASN(asn), TA: fields[2]}
}

func set(tb testing.TB, vrps ...string) *rpki.Set {
	tb.Helper()
	var list []rpki.VRP
	for _, text := range vrps {
		list = append(list, vrp(tb, text))
	}
	s, err := rpki.NewSet(list, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func texts(list []rpki.VRP) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, v.Prefix.String()+" "+strconv.FormatUint(uint64(v.ASN), 10))
	}
	return out
}

// many gives n VRPs of a trust anchor: 10.0.0.0/24, 10.0.1.0/24 and so on.
func many(n int, anchor string) []string {
	var out []string
	for i := range n {
		out = append(out, strings.TrimSpace("10.0."+strconv.Itoa(i)+".0/24 64500 "+anchor))
	}
	return out
}

// put writes a file as validators do, by renaming.
func put(tb testing.TB, path, text string) File {
	tb.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
	return File{Name: filepath.Base(path), Path: path}
}

// roas writes VRPs in the common dialect.
func roas(tb testing.TB, vrps ...string) string {
	tb.Helper()
	var list []string
	for _, text := range vrps {
		v := vrp(tb, text)
		list = append(list, `{"prefix": "`+v.Prefix.String()+`", "maxLength": `+strconv.Itoa(int(v.MaxLength))+`, "asn": `+strconv.Itoa(int(v.ASN))+`, "ta": "`+v.TA+`"}`)
	}
	return `{"roas": [` + strings.Join(list, ", ") + `]}`
}
