package store

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
)

// database is one that the tests run on: address makes the URL of an empty one.
type database struct {
	name    string
	address func(t testing.TB) string
}

var sqliteDatabase = database{"sqlite", func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "any watch.db") }}

// onAll runs a test on every kind of database.
func onAll(t *testing.T, f func(t *testing.T, address string)) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) { f(t, d.address(t)) })
	}
}

// clock is a time that tests move. Every look at it moves it on by a microsecond.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func config(address string) Config {
	return Config{URL: address, Retry: 5 * time.Millisecond, Linger: time.Millisecond, Tick: 10 * time.Millisecond}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// until waits for what must become true.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	late := time.After(patience)
	for !f() {
		select {
		case <-ticker.C:
		case <-late:
			t.Fatalf("it did not happen in time: %s", what)
		}
	}
}

// said collects what a store writes to the log.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (l *said) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

func (l *said) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *said) logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Writer(l), nil)) }

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func ref[T any](v T) *T { return &v }

// incident makes the n-th incident: a hijack of a prefix, as detection would tell it.
func incident(n int, at time.Time) detector.Incident {
	p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
	return detector.Incident{
		ID: fmt.Sprintf("%016x", n+1), Kind: detector.SubprefixHijack, Severity: detector.Critical, State: "open", Prefix: &p, Watched: ref(pfx("10.0.0.0/8")),
		Origin: ref(route.ASN(64666)), Offender: ref(route.ASN(64666)), Path: ref(route.SequencePath(3356, 64666)),
		RPKI:     detector.RPKI{State: "invalid", Reason: ref("origin"), VRPs: []string{"10.0.0.0/8-8 AS64500"}},
		Vantages: detector.Vantages{Seeing: 2, Peak: 2, Of: 40},
		Evidence: []detector.Evidence{{Vantage: "bmp:ams-edge1/10.9.0.1/pre", Time: at, Prefix: p, Path: route.SequencePath(3356, 64666), NextHop: ref(netip.MustParseAddr("10.9.0.1")), Communities: []string{"3356:2"}}},
		Summary:  fmt.Sprintf("AS64666 announces %s; expected AS64500. RPKI invalid (origin). Seen by 2 of 40 vantages.", p),
		Why:      []string{"10.0.0.0/8 is watched as dns-a; allowed origins: AS64500", "the path ends in AS64666"},
		Actions:  []string{"Ask AS3356 to filter the announcement: it stands next to the origin"},
		Started:  at, Opened: at, Updated: at,
	}
}

func opened(n int, at time.Time) Change {
	return Change{Change: detector.Change{Event: detector.Opened, Time: at, Incident: incident(n, at)}}
}

func resolved(n int, at, end time.Time) Change {
	i := incident(n, at)
	i.State, i.Updated, i.Resolved, i.Resolution = "resolved", end, &end, ref("it was withdrawn")
	return Change{Change: detector.Change{Event: detector.Resolved, Time: end, Incident: i}}
}

// record writes changes, each with a notification for every sink.
func record(t testing.TB, s *Store, changes []Change, sinks ...string) *Batch {
	t.Helper()
	b := &Batch{Changes: changes}
	for i := range changes {
		for _, sink := range sinks {
			b.Notifications = append(b.Notifications, Notification{Sink: sink, Of: i, Kin: "10.0.0.0/8"})
		}
	}
	check(t, s.Record(t.Context(), b))
	return b
}
