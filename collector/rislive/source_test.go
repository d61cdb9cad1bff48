package rislive

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"anywatch/collector"
	"anywatch/collector/route"
)

// server is a RIS Live of our own: it notes what it is asked, and sends what a test gives it.
type server struct {
	url      string
	asked    chan string // messages of clients, but for pings
	queries  chan string // of each connection
	send     chan string // "close" ends the connection
	answers  bool        // whether pings are answered
	upgraded chan struct{}
}

func serve(t *testing.T, answers bool) *server {
	s := &server{asked: make(chan string, 100), queries: make(chan string, 100), send: make(chan string), answers: answers, upgraded: make(chan struct{}, 100)}
	h := httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(h.Close)
	s.url = "ws" + strings.TrimPrefix(h.URL, "http") + "/v1/ws/"
	return s
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	s.queries <- r.URL.RawQuery
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			_, b, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			if string(b) != `{"type":"ping"}` {
				s.asked <- string(b)
			} else if s.answers {
				_ = conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"pong"}`)) // a client that is gone is seen by the reader
			}
		}
	}()
	for {
		select {
		case m := <-s.send:
			if m == "close" || conn.Write(context.Background(), websocket.MessageText, []byte(m)) != nil {
				return
			}
		case <-gone:
			return
		}
	}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// lockedLog is what was logged.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a source that runs against a server.
type running struct {
	t        *testing.T
	source   *Source
	counters *collector.Counters
	log      lockedLog
	clock    *clock
	events   chan string
	pings    chan time.Time // makes the source ask whether the server is there
	looks    chan time.Time // makes it look whether the feed is down
	stop     context.CancelFunc
	ended    chan error
}

// watchedFew asks for two prefixes and one AS.
func watchedFew(url string) Config {
	return Config{URL: url, Client: "example-noc", ASNs: []route.ASN{64500},
		Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("192.0.2.0/24")}}
}

func run(t *testing.T, cfg Config) *running {
	t.Helper()
	r := prepare(t, cfg)
	r.start()
	return r
}

func prepare(t *testing.T, cfg Config) *running {
	t.Helper()
	r := &running{t: t, counters: new(collector.Counters), clock: &clock{t: arrival}, events: make(chan string, 1000), ended: make(chan error, 1),
		pings: make(chan time.Time), looks: make(chan time.Time)}
	src, err := New(cfg, Deps{Live: testWatch(), Registry: collector.NewRegistry(), Counters: r.counters, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: r.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	src.timing.flush = 0
	src.timing.backoff = collector.Backoff{First: time.Millisecond, Max: time.Millisecond}
	src.ticker = func(d time.Duration) (<-chan time.Time, func()) {
		return map[time.Duration]chan time.Time{src.timing.ping: r.pings, src.timing.watch: r.looks}[d], func() {}
	}
	r.source = src
	return r
}

func (r *running) start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	sink := collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Kind == collector.Heard {
			return nil
		}
		select {
		case r.events <- told(ev):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	go func() { r.ended <- r.source.Run(ctx, sink) }()
	r.t.Cleanup(func() {
		stop()
		<-r.ended
	})
}

func (r *running) expect(want string) {
	r.t.Helper()
	if got := <-r.events; !strings.Contains(got, want) {
		r.t.Fatalf("event %q, want %q", got, want)
	}
}

// asked gives the next requests that the server gets.
func (s *server) next(n int) (out []string) {
	for range n {
		out = append(out, <-s.asked)
	}
	return out
}

const (
	askPrefixes = `{"type":"ris_subscribe","data":{"prefix":["192.0.2.0/24","2001:db8::/32"],"moreSpecific":true,"lessSpecific":true,"socketOptions":{"includeRaw":true,"acknowledge":true}}}`
	askPath     = `{"type":"ris_subscribe","data":{"path":"64500","socketOptions":{"includeRaw":true,"acknowledge":true}}}`
	askStates   = `{"type":"ris_subscribe","data":{"type":"RIS_PEER_STATE","socketOptions":{"includeRaw":true,"acknowledge":true}}}`
	askAll      = `{"type":"ris_subscribe","data":{"socketOptions":{"includeRaw":false,"acknowledge":true}}}`
)

// TestSource: it says who it is, subscribes to what is watched, and hands on what comes, bad messages or not.
func TestSource(t *testing.T) {
	s := serve(t, true)
	r := run(t, watchedFew(s.url))
	if got := <-s.queries; got != "client=example-noc" {
		t.Errorf("asked with %q", got)
	}
	if got, want := s.next(3), []string{askPrefixes, askPath, askStates}; !slices.Equal(got, want) {
		t.Errorf("asked %q\nwant %q", got, want)
	}
	s.send <- `{"type":"ris_subscribe_ok","data":{}}`
	s.send <- `{"type":"ris_error","data":{"message":"no"}}`
	s.send <- `nonsense`
	s.send <- announcing("203.0.113.0/24", "[64501]")
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	s.send <- message(`"type":"RIS_PEER_STATE","state":"down"`)
	r.expect("peer-down")
	if n := r.counters.Sessions.Load(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	r.stop()
	if err := <-r.ended; err != context.Canceled {
		t.Errorf("it ended with %v", err)
	}
	r.ended <- nil
	for _, want := range []string{"RIS Live refuses something", `ris_error: {\"message\":\"no\"}`, "could not be used", "invalid character"} {
		if log := r.log.String(); !strings.Contains(log, want) {
			t.Errorf("%q is not in the log: %s", want, log)
		}
	}
	got := [4]uint64{r.counters.Updates.Load(), r.counters.Matched.Load(), r.counters.Malformed.Load(), uint64(r.counters.Sessions.Load())}
	if got != [4]uint64{2, 1, 1, 0} {
		t.Errorf("updates, matched, malformed, sessions: %v", got)
	}
	if lag := r.counters.Lag(); lag != arrival.Sub(time.Unix(1700000000, 250e6)) {
		t.Errorf("lag %v", lag)
	}
}

// TestAtOnce: a message is handed on when it has come, though nothing, or only half a message, comes after it, and also when it comes in pieces.
func TestAtOnce(t *testing.T) {
	alone, half, pieces := frame(announcing("192.0.2.0/24", "[64501]")), frame(announcing("192.0.2.0/25", "[64501]")), frame(announcing("192.0.2.0/26", "[64501]"))
	parts := make(chan []byte)
	h := httptest.NewServer(speaking(func(w io.Writer) {
		for b := range parts {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}))
	t.Cleanup(h.Close)
	t.Cleanup(func() { close(parts) })
	r := run(t, watchedFew("ws"+strings.TrimPrefix(h.URL, "http")))
	parts <- alone
	r.expect("+192.0.2.0/24")
	parts <- slices.Concat(alone, half[:100])
	r.expect("+192.0.2.0/24")
	parts <- half[100:]
	r.expect("+192.0.2.0/25")
	for i := range pieces {
		parts <- pieces[i : i+1]
	}
	r.expect("+192.0.2.0/26")
}

// TestBrokenServer: one that breaks the protocol is told so and left, with the reason, and tried again.
func TestBrokenServer(t *testing.T) {
	h := httptest.NewServer(speaking(func(w io.Writer) {
		_, _ = w.Write(slices.Concat(frame(announcing("192.0.2.0/24", "[64501]")), []byte{0x81, 0x80, 0, 0, 0, 0}))
	}))
	t.Cleanup(h.Close)
	r := run(t, watchedFew("ws"+strings.TrimPrefix(h.URL, "http")))
	for range 2 {
		r.expect("+192.0.2.0/24")
		r.expect("feed-lost (reading: the server broke the websocket protocol (1002): a masked frame")
		r.expect("gap")
	}
}

// TestReconnect: after a loss every vantage is lost, the connection comes back with the same subscriptions, and the hole is told.
func TestReconnect(t *testing.T) {
	s := serve(t, true)
	r := run(t, watchedFew(s.url))
	s.next(3)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	s.send <- "close"
	r.expect("rislive:rrc00/198.51.100.1 feed-lost (reading: ")
	if got, want := s.next(3), []string{askPrefixes, askPath, askStates}; !slices.Equal(got, want) {
		t.Errorf("asked %q\nwant %q", got, want)
	}
	r.expect("rislive:rrc00/198.51.100.1 gap (the connection to RIS Live was lost")
	s.send <- message(`"type":"UPDATE","withdrawals":["192.0.2.0/24"]`)
	r.expect("-192.0.2.0/24")
}

// TestLate: messages that come three minutes late mean a broken connection.
func TestLate(t *testing.T) {
	s := serve(t, true)
	r := run(t, watchedFew(s.url))
	s.next(3)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	r.clock.advance(2 * time.Minute)
	s.send <- announcing("192.0.2.0/25", "[64501]")
	r.expect("+192.0.2.0/25")
	r.expect("feed-lost (its messages are 3m40s late)")
	s.next(3)
	r.expect("gap")
}

// TestSilence: a server that does not even answer is gone.
func TestSilence(t *testing.T) {
	s := serve(t, false)
	r := run(t, watchedFew(s.url))
	s.next(3)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	for lost := false; !lost; {
		select {
		case ev := <-r.events:
			if lost = strings.Contains(ev, "feed-lost (no message for "); !lost {
				t.Fatalf("event %q", ev)
			}
		case r.pings <- time.Time{}:
			r.clock.advance(10 * time.Second)
		}
	}
	s.next(3)
	r.expect("gap")
}

// TestReload: other prefixes are asked for on the same connection, the new ones before the old ones are given up; another address means another connection.
func TestReload(t *testing.T) {
	s := serve(t, true)
	cfg := watchedFew(s.url)
	r := run(t, cfg)
	<-s.queries
	s.next(3)
	cfg.Prefixes = cfg.Prefixes[1:]
	cfg.IgnorePeers = []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	want := []string{strings.Replace(askPrefixes, `,"2001:db8::/32"`, "", 1), strings.Replace(askPrefixes, "ris_subscribe", "ris_unsubscribe", 1)}
	if got := s.next(2); !slices.Equal(got, want) {
		t.Errorf("asked %q\nwant %q", got, want)
	}
	s.send <- announcing("192.0.2.0/24", "[64501]") // of a peer that is ignored now
	s.send <- strings.Replace(announcing("192.0.2.0/24", "[64502]"), "198.51.100.1", "198.51.100.2", 1)
	r.expect("rislive:rrc00/198.51.100.2 routes +192.0.2.0/24")
	cfg.Client = "other"
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	r.expect("198.51.100.1 feed-lost (its address was changed")
	r.expect("198.51.100.2 feed-lost (its address was changed")
	if got := <-s.queries; got != "client=other" {
		t.Errorf("asked with %q", got)
	}
	if err := r.source.Reload(Config{URL: "http://127.0.0.1/"}); err == nil {
		t.Error("an address that is no websocket's was accepted")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "http://ris-live.example/", "ws://", "wss:// bad", "://"} {
		if _, err := New(Config{URL: url}, Deps{Now: time.Now}); err == nil || !strings.Contains(err.Error(), "sources.rislive") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestUnreachable: a server that is not there is tried again until it is, and stopping does not wait for it.
func TestUnreachable(t *testing.T) {
	refuse := true
	var mu sync.Mutex
	s := &server{asked: make(chan string, 100), queries: make(chan string, 100), send: make(chan string), answers: true}
	tries := make(chan struct{}, 1000)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		no := refuse
		mu.Unlock()
		if no {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			tries <- struct{}{}
			return
		}
		s.handle(w, r)
	}))
	t.Cleanup(h.Close)
	r := run(t, watchedFew("ws"+strings.TrimPrefix(h.URL, "http")))
	<-tries
	<-tries
	mu.Lock()
	refuse = false
	mu.Unlock()
	s.next(3)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
}
