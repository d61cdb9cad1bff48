package bgp

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
)

// feed waits for the next FeedDown or FeedUp, and checks which it is.
func (s *station) feed(kind collector.Kind, name string) collector.Event {
	s.t.Helper()
	for {
		ev := s.next()
		if ev.Kind != collector.FeedDown && ev.Kind != collector.FeedUp {
			continue
		}
		if ev.Kind != kind || ev.Feed != name || ev.Vantage != nil {
			s.t.Fatalf("%v of %s (%s), want %v of %s", ev.Kind, ev.Feed, ev.Reason, kind, name)
		}
		return ev
	}
}

func TestFeedIsLostAndComesBack(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.80")))
	for i, c := range []struct {
		end  func(r *router)
		want string
	}{
		{func(r *router) { _ = r.Close() }, "the peer closed the connection"},
		{func(r *router) { r.write(message(typeNotification, 6, 2)) }, "the peer closed the session: Cease/Administrative Shutdown (6/2)"},
		{func(r *router) { r.write(unmarked(0)) }, "we closed the session: Message Header Error/Connection Not Synchronized (1/1)"},
	} {
		r := connect(t, "127.0.11.80", s.addr())
		r.establish(64500, mp4())
		if i == 0 {
			s.wait(collector.PeerUp) // the first time it is no news
		} else {
			s.feed(collector.FeedUp, "bgp:rr1")
		}
		before := s.clock.Now()
		c.end(r)
		if ev := s.feed(collector.FeedDown, "bgp:rr1"); ev.Reason != c.want || ev.Keep != 0 || ev.Time.Before(before) {
			t.Errorf("down: %+v, want %q", ev, c.want)
		}
		r = connect(t, "127.0.11.80", s.addr())
		r.establish(64500, mp4())
		if ev := s.feed(collector.FeedUp, "bgp:rr1"); ev.Reason != "the session is established" {
			t.Errorf("up: %+v", ev)
		}
		_ = r.Close()
		s.feed(collector.FeedDown, "bgp:rr1")
		s.released("127.0.11.80")
	}
}

func TestNeighborThatNeverComesUp(t *testing.T) {
	cfg := config(ibgp("127.0.11.81"), Neighbor{Name: "wrong", Address: addr("127.0.11.82")}, Neighbor{Name: "up", Address: addr("127.0.11.83")},
		Neighbor{Name: "range", Range: netip.MustParsePrefix("127.0.12.0/24")})
	cfg.ComeUp = 5 * time.Minute
	s := start(t, cfg)
	connect(t, "127.0.11.83", s.addr()).establish(64500, mp4())
	s.wait(collector.PeerUp)
	r := connect(t, "127.0.11.82", s.addr())
	r.send(openMessage(64999, 90, "198.51.100.1"))
	r.expect(typeOpen)
	r.notified(2, 2)
	s.released("127.0.11.82")
	s.clock.advance(cfg.ComeUp)
	down := s.feed(collector.FeedDown, "bgp:rr1")
	since := down.Time.UTC().Format("15:04:05 UTC")
	if down.Reason != "it has not connected since "+since || s.clock.Now().Sub(down.Time) < cfg.ComeUp {
		t.Errorf("down: %+v", down)
	}
	down = s.feed(collector.FeedDown, "bgp:wrong")
	if want := "no session came up since " + since + ": we closed the session: OPEN Message Error/Bad Peer AS (2/2)"; down.Reason != want {
		t.Errorf("reason %q, want %q", down.Reason, want)
	}
	connect(t, "127.0.11.82", s.addr()).establish(64500, mp4())
	s.feed(collector.FeedUp, "bgp:wrong")
}

// released waits until no session of an address is left.
func (s *station) released(address string) {
	s.t.Helper()
	for late := time.Now().Add(patience); ; {
		s.source.mu.Lock()
		x := s.source.sessions[addr(address)]
		s.source.mu.Unlock()
		if x == nil {
			return
		}
		select {
		case <-x.done:
		case <-time.After(time.Until(late)):
			s.t.Fatalf("the session of %s does not end", address)
		}
	}
}

func TestFeedsByReload(t *testing.T) {
	gone, stays := Neighbor{Name: "gone", Address: addr("127.0.11.84")}, ibgp("127.0.11.85")
	members := Neighbor{Name: "all", Range: netip.MustParsePrefix("127.0.14.0/24")}
	cfg := config(gone, stays, members)
	cfg.ComeUp = time.Hour
	s := start(t, cfg)
	for _, from := range []string{"127.0.11.84", "127.0.14.7", "127.0.14.8"} {
		r := connect(t, from, s.addr())
		r.establish(64500, mp4())
		name := s.wait(collector.PeerUp).Vantage.Name()
		if from == "127.0.14.8" {
			continue // it stays
		}
		_ = r.Close()
		s.feed(collector.FeedDown, name)
	}
	added := Neighbor{Name: "added", Address: addr("127.0.11.86")}
	next := config(stays, added)
	next.ComeUp = time.Hour
	s.clock.advance(30 * time.Minute)
	if err := s.source.Reload(next); err != nil {
		t.Fatal(err)
	}
	lifted := map[string]string{}
	for range 2 {
		ev := s.wait(collector.FeedUp)
		lifted[ev.Feed] = ev.Reason
	}
	const why = "it was taken out of the configuration"
	if lifted["bgp:gone"] != why || lifted["bgp:all/127.0.14.7"] != why {
		t.Errorf("lifted %v", lifted)
	}
	// The clock of a neighbor begins when it is added; those that were there go on waiting.
	s.clock.advance(30 * time.Minute)
	first := s.feed(collector.FeedDown, "bgp:rr1")
	s.clock.advance(30 * time.Minute)
	second := s.feed(collector.FeedDown, "bgp:added")
	if d := second.Time.Sub(first.Time); d < 30*time.Minute {
		t.Errorf("the second is missed since %v after the first", d)
	}
}

// A session that is ended by a reload of its neighbor gets the time of a new one; one whose neighbor is gone is missed by nobody.
func TestFeedWhoseConfigurationChanges(t *testing.T) {
	changed, gone := ibgp("127.0.11.87"), Neighbor{Name: "gone", Address: addr("127.0.11.88")}
	cfg := config(changed, gone)
	cfg.ComeUp = 3 * time.Minute
	s := start(t, cfg)
	for _, from := range []string{"127.0.11.87", "127.0.11.88"} {
		connect(t, from, s.addr()).establish(64500, mp4())
		s.wait(collector.PeerUp)
	}
	changed.AddPath = true
	cfg.Neighbors = []Neighbor{changed}
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if ev := s.feed(collector.FeedDown, "bgp:rr1"); ev.Keep != cfg.ComeUp || ev.Reason != "its configuration changed" {
		t.Errorf("down: %+v", ev)
	}
	s.released("127.0.11.88")
	if list := s.source.feeds.take(); len(list) != 0 || s.source.feeds.of["gone"] != nil {
		t.Errorf("there is more to tell: %+v", list)
	}
}

// A planned restart is announced: whoever restarts gracefully may take its time.
func TestFeedThatRestarts(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.89")))
	s.up("127.0.11.89", restarting(0)...)
	r := connect(t, "127.0.11.89", s.addr()) // a new connection takes the place of the old one
	r.establish(64500, mp4())
	if ev := s.feed(collector.FeedDown, "bgp:rr1"); ev.Keep != 77*time.Second || ev.Reason != "the peer opened a new connection" {
		t.Errorf("down: %+v", ev)
	}
	s.feed(collector.FeedUp, "bgp:rr1")
}

// When the daemon ends, nothing is told; a source that runs again knows what it told.
func TestFeedsOverRuns(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.90")))
	r := connect(t, "127.0.11.90", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	_ = s.stop()
	for len(s.events) > 0 {
		if ev := <-s.events; ev.Kind == collector.FeedDown {
			t.Errorf("told at the end: %+v", ev)
		}
	}
	cfg := config(ibgp("127.0.11.90"))
	cfg.ComeUp = time.Minute
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Hour) // nobody waits while it does not run
	began := s.clock.Now()
	s.run(collector.SinkFunc(func(_ context.Context, ev collector.Event) error { s.events <- ev; return nil }))
	for late := time.Now().Add(patience); len(s.source.Addrs()) == 0; { // it listens again, so it has begun to wait
		if time.Now().After(late) {
			t.Fatal("it does not run")
		}
	}
	s.clock.advance(time.Minute)
	if ev := s.feed(collector.FeedDown, "bgp:rr1"); !strings.HasPrefix(ev.Reason, "it has not connected since") || ev.Time.Before(began) {
		t.Errorf("down: %+v; it began at %v", ev, began)
	}
}
