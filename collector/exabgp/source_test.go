package exabgp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// running is a source that runs, in a folder of its own.
type running struct {
	t        *testing.T
	dir      string
	source   *Source
	counters *collector.Counters
	log      *logs
	events   chan string
	stop     context.CancelFunc
	ended    chan error
}

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// prepare makes a source whose command runs in a folder of the test.
func prepare(t *testing.T, command string) *running {
	t.Helper()
	r := &running{t: t, dir: t.TempDir(), counters: new(collector.Counters), log: new(logs), events: make(chan string, 100), ended: make(chan error, 1)}
	cfg := Config{Name: "rs1", Command: r.within(command), ASNs: []route.ASN{64500}, SilentAfter: time.Hour}
	var err error
	r.source, err = New(cfg, Deps{Live: testWatch(), Registry: collector.NewRegistry(), Counters: r.counters,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r.source.timing = timing{grace: patience, backoff: collector.Backoff{First: time.Millisecond, Max: 10 * time.Millisecond}}
	return r
}

func (r *running) within(command string) string { return "cd '" + r.dir + "' && { " + command + "\n}" }

func (r *running) run() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	sink := collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard {
			return nil
		}
		ev.Time = time.Time{}
		select {
		case r.events <- strings.TrimPrefix(told(ev), "00 "):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	go func() { r.ended <- r.source.Run(ctx, sink) }()
	r.t.Cleanup(r.end)
}

// end stops the source and waits until it has ended.
func (r *running) end() {
	r.stop()
	select {
	case err := <-r.ended:
		if !errors.Is(err, context.Canceled) {
			r.t.Errorf("it ended with %v", err)
		}
		r.ended <- context.Canceled
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
}

// file gives the command something to read.
func (r *running) file(name string, lines ...string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path+".part", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) expect(want ...string) {
	r.t.Helper()
	for _, w := range want {
		select {
		case got := <-r.events:
			if got != w {
				r.t.Fatalf("event %q, want %q\n%s", got, w, r.log)
			}
		case <-time.After(patience):
			r.t.Fatalf("no event, want %q\n%s", w, r.log)
		}
	}
}

const (
	shown = "exabgp:rs1/198.51.100.1 routes +192.0.2.0/24 [64501] via 198.51.100.9 64501:7"
	gap   = "exabgp:rs1/198.51.100.1 gap (what came while nobody listened to ExaBGP was missed)"
)

// TestSource: what the command prints is read, bad lines or not, and what it says on standard error is logged.
func TestSource(t *testing.T) {
	r := prepare(t, `echo "socat: is it there?" >&2; cat lines; exec sleep 1000`)
	r.file("lines", "nonsense", announcing("203.0.113.0/24"), strings.Repeat("x", MaxLine+2), announcing("192.0.2.0/24"), line("state", `"state": "down"`))
	r.run()
	r.expect(shown, "exabgp:rs1/198.51.100.1 feed-lost (ExaBGP lost its session)")
	if n := r.counters.Sessions.Load(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	r.end()
	got := [5]uint64{r.counters.Messages.Load(), r.counters.Updates.Load(), r.counters.Matched.Load(), r.counters.Malformed.Load(), uint64(r.counters.Sessions.Load())}
	if got != [5]uint64{5, 2, 1, 2, 0} {
		t.Errorf("messages, updates, matched, malformed, sessions: %v", got)
	}
	if r.counters.LastArrival().IsZero() || r.counters.Lag() <= 0 {
		t.Errorf("last arrival %v, lag %v", r.counters.LastArrival(), r.counters.Lag())
	}
	for _, what := range []string{"socat: is it there?", "invalid character", "was started"} {
		if !strings.Contains(r.log.String(), what) {
			t.Errorf("the log does not say %q:\n%s", what, r.log)
		}
	}
}

// TestRestart: a command that ends is started again; in between, nothing is known.
func TestRestart(t *testing.T) {
	r := prepare(t, `cat lines; echo; echo "bye now" >&2; test -e last && exec sleep 1000; touch last; exit 3`)
	r.file("lines", announcing("192.0.2.0/24"))
	r.run()
	r.expect(shown, "exabgp:rs1/198.51.100.1 feed-lost (the command ended: exit status 3: bye now)", gap, shown)
}

// TestFeedDown: a command that is gone for too long means that the feed is down, told once, until a line comes.
func TestFeedDown(t *testing.T) {
	r := prepare(t, `test -e lines || { echo "connection refused" >&2; exit 1; }; cat lines; rm lines; test -e more || exit 2; exec sleep 1000`)
	r.source.cfg.SilentAfter = time.Nanosecond
	r.run()
	const down, up = "feed-down exabgp:rs1 (the command ended: exit status 1: connection refused)", "feed-up exabgp:rs1 (ExaBGP is heard again)"
	r.expect(down)
	r.file("lines", announcing("192.0.2.0/24"))
	r.expect(shown, up, "exabgp:rs1/198.51.100.1 feed-lost (the command ended: exit status 2)")
	r.expect("feed-down exabgp:rs1 (the command ended: exit status 2)")
	r.file("more", "")
	r.file("lines", announcing("192.0.2.0/24"))
	r.expect(gap, shown, up)
}

// TestOutage: from when on the feed is down. A command that ran long without a word was there until it ended.
func TestOutage(t *testing.T) {
	cfg := Config{SilentAfter: time.Minute}
	at := func(seconds int) time.Time { return arrival.Add(time.Duration(seconds) * time.Second) }
	var o outage
	o.ended(at(0), at(10), cfg, "a")
	o.ended(at(11), at(20), cfg, "b")
	if !o.since.Equal(at(10)) || o.why != "b" {
		t.Errorf("after two ends: %+v", o)
	}
	o.ended(at(21), at(200), cfg, "c")
	if !o.since.Equal(at(200)) {
		t.Errorf("after a long quiet run: %+v", o)
	}
	o.told = true
	o.ended(at(201), at(400), cfg, "d")
	if !o.since.Equal(at(200)) {
		t.Errorf("once it is told: %+v", o)
	}
}

// TestStop: with the source, everything ends that the command started. A pipe that all of them hold open tells.
func TestStop(t *testing.T) {
	for name, command := range map[string]string{
		"quietly":                `exec 3>alive; sleep 1000 & cat lines; wait`,
		"the last of a pipeline": `exec 3>alive; cat lines - | sleep 1000 | { cat lines; exec sleep 1000; }`,
		"deaf to SIGTERM":        `exec 3>alive; trap '' TERM; cat lines; while :; do sleep 1000; done`,
	} {
		t.Run(name, func(t *testing.T) {
			r := prepare(t, command)
			if strings.HasPrefix(name, "deaf") {
				r.source.timing.grace = time.Millisecond
			}
			r.file("lines", announcing("192.0.2.0/24"))
			fifo := filepath.Join(r.dir, "alive")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			alive := make(chan error, 1)
			go func() {
				_, err := os.ReadFile(fifo)
				alive <- err
			}()
			r.run()
			r.expect(shown)
			r.end()
			select {
			case err := <-alive:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Error("something of the command lives on")
			}
		})
	}
}

// TestLeftovers: what a command leaves behind when it ends does not stay.
func TestLeftovers(t *testing.T) {
	r := prepare(t, `cat lines; test -e last && exec sleep 1000; touch last; sleep 1000 >/dev/null 2>&1 & exit 0`)
	r.file("lines", announcing("192.0.2.0/24"))
	r.run()
	r.expect(shown, "exabgp:rs1/198.51.100.1 feed-lost (the command ended: exit status 0)", gap, shown)
}

// TestReload: another command takes the place of the one that runs; the same one runs on.
func TestReload(t *testing.T) {
	r := prepare(t, `cat lines; exec sleep 1000`)
	r.file("lines", announcing("192.0.2.0/24"))
	r.run()
	r.expect(shown)
	if err := r.source.Reload(r.source.cfg); err != nil {
		t.Fatal(err)
	}
	cfg := r.source.cfg
	cfg.Command = r.within(`cat others; exec sleep 1000`)
	cfg.ASNs = append(cfg.ASNs, 64501)
	r.file("others", announcing("192.0.2.0/25"))
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	r.expect("exabgp:rs1/198.51.100.1 feed-lost (its configuration was changed)", gap, strings.Replace(shown, "/24", "/25", 1))
	if err := r.source.Reload(Config{}); err == nil || !strings.Contains(err.Error(), "sources.exabgp") {
		t.Errorf("no command: %v", err)
	}
}

// TestSecrets: a command's secrets don't show, wherever it is mentioned.
func TestSecrets(t *testing.T) {
	const secret = "swordfish"
	for _, c := range []string{
		`TOKEN=swordfish; echo "using token $TOKEN" >&2; exit 1`, `echo 'cannot reach https://noc:swordfish@exa.example/' >&2; exit 1`,
		`echo --password "swordfish" >&2; exit 1`, `set -x; : --api-key swordfish; exit 1`,
	} {
		r := prepare(t, c)
		r.source.cfg.SilentAfter = time.Nanosecond
		r.run()
		var down string
		select {
		case down = <-r.events:
		case <-time.After(patience):
			t.Fatal("no event")
		}
		r.end()
		cfg := r.source.cfg
		r.source.deps.Log.Info("configured", "config", cfg)
		for _, text := range []string{down, r.log.String(), fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg, cfg), r.source.Name()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows in %q", secret, text)
			}
		}
		if !strings.HasPrefix(down, "feed-down exabgp:rs1 (the command ended: exit status 1") {
			t.Errorf("event %q", down)
		}
	}
}

func TestNames(t *testing.T) {
	got := Names([]string{"socat - UNIX-CONNECT:/run/exabgp.sock", "TOKEN=x /usr/bin/socat - TCP:10.0.0.1:5000", "exec cat /run/exabgp.out", "(secret)", "", "A=b 'x y' z"})
	if want := "socat socat-2 cat command command-2 command-3"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, command := range []string{"", " \t"} {
		if _, err := New(Config{Command: command}, Deps{Now: time.Now}); err == nil {
			t.Errorf("%q was taken", command)
		}
	}
}
