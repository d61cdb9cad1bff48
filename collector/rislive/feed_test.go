package rislive

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anywatch/collector"
)

// watchedMany asks for everything.
func watchedMany(url string) Config {
	cfg := watchedFew(url)
	for i := range fewPrefixes {
		cfg.Prefixes = append(cfg.Prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	return cfg
}

// TestSilentAfter: to the second, when a feed is down, since when, and what brings it up.
func TestSilentAfter(t *testing.T) {
	few, many := watchedFew("ws://ris.example.net"), watchedMany("ws://ris.example.net")
	talk, bgp := signs{any: true}, signs{any: true, bgp: true}
	for _, c := range []struct {
		name  string
		cfg   Config
		after time.Duration
		came  map[int]signs // by second
		want  string
	}{
		{"nothing ever", few, 90 * time.Second, nil, "90 down since 0"},
		{"everything, and nothing ever", many, 90 * time.Second, nil, "90 down since 0"},
		{"never told", few, 0, nil, ""},
		{"few, and answers only", few, 90 * time.Second, map[int]signs{60: talk, 140: talk, 220: talk}, ""},
		{"everything, and answers only", many, 90 * time.Second, map[int]signs{60: talk, 140: talk, 220: talk}, "90 down since 0"},
		{"everything, and a message", many, 90 * time.Second, map[int]signs{60: bgp}, "150 down since 60"},
		{"few, and answers that end", few, 90 * time.Second, map[int]signs{60: talk}, "150 down since 60"},
		{"just in time", many, 90 * time.Second, map[int]signs{89: bgp, 178: bgp, 267: bgp}, ""},
		{"down and up and down", many, 90 * time.Second, map[int]signs{100: bgp}, "90 down since 0, 100 up, 190 down since 100"},
		{"few, down and up by an answer", few, 90 * time.Second, map[int]signs{100: talk}, "90 down since 0, 100 up, 190 down since 100"},
		{"a read without a whole message", few, 90 * time.Second, map[int]signs{60: {}}, "90 down since 0"},
	} {
		c.cfg.SilentAfter = c.after
		var got []string
		var f feed
		second := 0
		now := func() time.Time { return arrival.Add(time.Duration(second) * time.Second) }
		out := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			text := fmt.Sprintf("%d up", second)
			if ev.Kind == collector.FeedDown {
				text = fmt.Sprintf("%d down since %v", second, ev.Time.Sub(arrival).Seconds())
			}
			if got = append(got, text); ev.Feed != "rislive:ris.example.net" || ev.Vantage != nil {
				t.Errorf("%s: %+v", c.name, ev)
			}
			return nil
		})
		f.begin(now(), "rislive:ris.example.net")
		for second = range 280 {
			if brought, ok := c.came[second]; ok {
				f.took(brought, now())
				if brought.suffice(c.cfg.everything()) {
					_ = f.tellUp(context.Background(), out, now(), "") // the sink never fails
				}
			}
			_ = f.tellDown(context.Background(), out, &c.cfg, now)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// TestSilenceIsTheServers: while the reader deals with what came, which takes as long as the receiver of the events needs, it is not the server
// that is silent.
func TestSilenceIsTheServers(t *testing.T) {
	now := arrival
	clock := func() time.Time { return now }
	cfg := watchedMany("ws://ris.example.net")
	cfg.SilentAfter = time.Minute
	var told []string
	out := collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		told = append(told, ev.Kind.String())
		return nil
	})
	var f feed
	f.begin(now, "x")
	f.busy.Store(true)
	for range 10 {
		now = now.Add(time.Minute)
		if err := f.tellDown(context.Background(), out, &cfg, clock); err != nil || f.silence(now) != 0 {
			t.Fatalf("silent for %v, %v", f.silence(now), err)
		}
	}
	f.took(signs{any: true, bgp: true}, now)
	now = now.Add(59 * time.Second)
	_ = f.tellDown(context.Background(), out, &cfg, clock) // the sink never fails
	if f.silence(now) != 59*time.Second || len(told) > 0 {
		t.Errorf("silent for %v, told %q", f.silence(now), told)
	}
	now = now.Add(time.Second)
	_ = f.tellDown(context.Background(), out, &cfg, clock)
	if len(told) != 1 {
		t.Errorf("told %q", told)
	}
}

// TestSilentFeed: the server stands and answers, and sends nothing of what it has: down; an answer does not bring the feed up, a message does.
func TestSilentFeed(t *testing.T) {
	s := serve(t, true)
	cfg := watchedMany(s.url)
	cfg.SilentAfter = 90 * time.Second
	r := run(t, cfg)
	if got := s.next(1); got[0] != askAll {
		t.Errorf("asked %q", got)
	}
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	for i := range 10 {
		r.answered()
		r.clock.advance(10 * time.Second)
		r.looks <- time.Time{}
		if i < 7 && len(r.events) > 0 {
			t.Fatalf("after %d seconds: %q", 10*i+10, <-r.events)
		}
	}
	r.expect(r.source.Name() + " feed-down (connected, and no BGP message comes)")
	r.answered()
	s.send <- later(message(`"type":"KEEPALIVE"`))
	r.expect(r.source.Name() + " feed-up")
}

// later is the message five minutes later.
func later(line string) string { return strings.Replace(line, "1700000000", "1700000300", 1) }

// answered asks whether the server is there, and waits until the answer has been dealt with.
func (r *running) answered() {
	r.t.Helper()
	before := r.counters.Messages.Load()
	r.pings <- time.Time{}
	r.eventually("an answer", func() bool { return r.counters.Messages.Load() > before && !r.source.feed.busy.Load() })
}

// eventually waits until something is true.
func (r *running) eventually(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within half a minute", what)
		}
	}
}

// TestQuietPrefixes: few prefixes may be silent for days; the answers show that the feed is there.
func TestQuietPrefixes(t *testing.T) {
	s := serve(t, true)
	cfg := watchedFew(s.url)
	cfg.SilentAfter = 90 * time.Second
	r := run(t, cfg)
	s.next(3)
	for range 30 {
		r.answered()
		r.clock.advance(20 * time.Second)
		r.looks <- time.Time{}
	}
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24") // and nothing before it
}

// refusing stands before a server and refuses connections while it is told to.
func refusing(t *testing.T, s *server) (url string, refuse *atomic.Bool, tries chan struct{}) {
	refuse, tries = new(atomic.Bool), make(chan struct{}, 10000)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			tries <- struct{}{}
			return
		}
		s.handle(w, r)
	}))
	t.Cleanup(h.Close)
	return "ws" + strings.TrimPrefix(h.URL, "http"), refuse, tries
}

// TestNeverUp: a server that is not there from the start on is told once, with the reason, since the start; then it is there.
func TestNeverUp(t *testing.T) {
	s := serve(t, true)
	url, refuse, tries := refusing(t, s)
	refuse.Store(true)
	cfg := watchedFew(url)
	cfg.SilentAfter = 90 * time.Second
	r := run(t, cfg)
	<-tries
	<-tries
	r.clock.advance(89 * time.Second)
	r.looks <- time.Time{}
	r.clock.advance(time.Second)
	r.looks <- time.Time{}
	r.looks <- time.Time{}
	r.expect(fmt.Sprintf("%s %s feed-down (no connection: connecting to %s: the server answered 503 Service Unavailable", arrival.Format("05"), r.source.Name(), strings.TrimPrefix(url, "ws://")))
	refuse.Store(false)
	s.next(3)
	s.send <- `{"type":"ris_subscribe_ok","data":{}}`
	r.expect("feed-up")
}

// TestShortReconnect: who is soon back has told nobody. Who is not, has, since the newest message.
func TestShortReconnect(t *testing.T) {
	s := serve(t, true)
	url, refuse, _ := refusing(t, s)
	cfg := watchedMany(url)
	cfg.SilentAfter = 90 * time.Second
	r := run(t, cfg)
	s.next(1)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
	r.clock.advance(30 * time.Second)
	s.send <- "close"
	r.expect("feed-lost")
	s.next(1)
	r.expect("gap")
	r.clock.advance(30 * time.Second)
	r.looks <- time.Time{}
	s.send <- announcing("192.0.2.0/24", "[64502]")
	r.expect("+192.0.2.0/24")
	refuse.Store(true)
	s.send <- "close"
	r.expect("feed-lost")
	r.clock.advance(90 * time.Second)
	r.looks <- time.Time{}
	r.expect(arrival.Add(time.Minute).Format("05") + " " + r.source.Name() + " feed-down (no connection: ")
	refuse.Store(false)
	s.next(1)
	r.expect("gap")
	s.send <- later(announcing("192.0.2.0/24", "[64503]"))
	r.expect("+192.0.2.0/24")
	r.expect("feed-up")
}

// TestMovedFeed: a feed that is down and gets another address in the configuration is no longer missed under its old name.
func TestMovedFeed(t *testing.T) {
	s := serve(t, true)
	url, refuse, tries := refusing(t, s)
	refuse.Store(true)
	cfg := watchedFew(url)
	cfg.SilentAfter = 90 * time.Second
	r := run(t, cfg)
	old := r.source.Name()
	<-tries
	<-tries
	r.clock.advance(90 * time.Second)
	r.looks <- time.Time{}
	r.expect(old + " feed-down")
	cfg.URL = s.url
	if err := r.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	r.expect(old + " feed-up (its address was changed in the configuration)")
	if now := r.source.Name(); now == old || now != "rislive:"+strings.TrimSuffix(strings.TrimPrefix(s.url, "ws://"), "/v1/ws/") {
		t.Errorf("it is called %s", now)
	}
	s.next(3)
	s.send <- announcing("192.0.2.0/24", "[64501]")
	r.expect("+192.0.2.0/24")
}

// TestWaitIsCutShort: another address is tried at once, however long the last one was to be waited for.
func TestWaitIsCutShort(t *testing.T) {
	s := serve(t, true)
	url, refuse, tries := refusing(t, s)
	refuse.Store(true)
	r := prepare(t, watchedFew(url))
	r.source.timing.backoff = collector.Backoff{First: time.Hour, Max: time.Hour}
	r.start()
	<-tries
	if err := r.source.Reload(watchedFew(s.url)); err != nil {
		t.Fatal(err)
	}
	s.next(3)
}
