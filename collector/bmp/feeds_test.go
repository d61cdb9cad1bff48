package bmp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
)

// upTo takes events until one tells the line, and gives all of them as lines.
func (s *station) upTo(line string) []string {
	s.t.Helper()
	late := time.After(patience)
	var got []string
	for {
		select {
		case ev := <-s.events:
			text := strings.TrimSpace(story([]collector.Event{ev}))
			if text != "" {
				got = append(got, text)
			}
			if text == line {
				return got
			}
		case <-late:
			s.t.Fatalf("%q did not come, but %q; the log says:\n%s", line, got, s.logs)
		}
	}
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const shown = "routes bmp:r1/10.9.0.1/pre +192.0.2.0/24[64999]"

func TestRouterLostAndBack(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	c := s.connect("127.0.0.20", initiate(t, "r1"), m)
	same(t, s.upTo(shown), "peer-up bmp:r1/10.9.0.1/pre", shown)
	_ = c.Close()
	lost := s.wait(collector.FeedDown)
	if lost.Feed != "bmp:r1" || lost.Reason != "the router closed the connection" || lost.Vantage != nil || lost.Keep != 0 || lost.Time.IsZero() {
		t.Errorf("%+v", lost)
	}
	c = s.connect("127.0.0.20", initiate(t, "r1"), m)
	same(t, s.upTo(shown), "feed-up bmp:r1:", "peer-up bmp:r1/10.9.0.1/pre", shown)
	_ = c.Close()
	same(t, s.upTo("feed-down bmp:r1: the router closed the connection"), "feed-lost bmp:r1/10.9.0.1/pre", "feed-down bmp:r1: the router closed the connection")
}

// A router that says goodbye is lost for the reason that it gives, and the station closes the connection.
func TestTerminationEndsTheConnection(t *testing.T) {
	s := start(t, config())
	c := s.connect("127.0.0.21", initiate(t, "r1"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	s.upTo(shown)
	s.send(c, longer(raw(3, 0, termination), tlv(1, 0, 0), tlv(0, []byte("upgrade")...)))
	ended(t, c)
	const why = `feed-down bmp:r1: the router ended the BMP session: administratively closed ("upgrade")`
	same(t, s.upTo(why), "feed-lost bmp:r1/10.9.0.1/pre", why)
}

// While a router has another connection, the end of one is no loss of the router.
func TestRouterWithTwoConnections(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	old := s.connect("127.0.0.22", initiate(t, "r1"), m)
	s.upTo(shown)
	fresh := s.connect("127.0.0.22", initiate(t, "r1"), m)
	s.upTo(shown)
	s.send(old, monitoring(t, header(peerIs("10.9.0.2")), announce([]uint32{64999}, "192.0.2.0/24")))
	s.wait(collector.Routes)
	_ = old.Close()
	s.wait(collector.FeedLost) // what the old one alone showed
	s.send(fresh, m)
	same(t, s.upTo(shown), shown)
	_ = fresh.Close()
	s.upTo("feed-down bmp:r1: the router closed the connection")
}

// Who only opens connections, or speaks something else, is no router that could be missed.
func TestStrangersAreNotMissed(t *testing.T) {
	cfg := config()
	cfg.FirstBytes = 50 * time.Millisecond
	s := start(t, cfg)
	ended(t, s.connect("127.0.0.23"))
	ended(t, s.connect("127.0.0.24", raw(4, 6, 4)))
	s.logs.wait(t, "BMP version 4 is a draft")
	s.connect("127.0.0.25", initiate(t, "r1"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	same(t, s.upTo(shown), "peer-up bmp:r1/10.9.0.1/pre", shown)
}

func TestRouterThatNobodyWants(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	gone := s.connect("127.0.0.26", initiate(t, "gone"), m)
	s.wait(collector.Routes)
	_ = gone.Close()
	s.wait(collector.FeedDown)
	connected := s.connect("127.0.0.27", initiate(t, "connected"), m)
	s.wait(collector.Routes)
	s.connect("127.0.1.1", initiate(t, "r1"), m)
	s.upTo(shown)
	cfg := config()
	cfg.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.1.0/24")}
	if err := s.source.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	ended(t, connected)
	const why = "its address was taken out of sources.bmp.allow"
	got := map[string]bool{}
	for len(got) < 2 {
		select {
		case ev := <-s.events:
			got[ev.Kind.String()+" "+ev.Feed+": "+ev.Reason] = true
		case <-time.After(patience):
			t.Fatalf("got %v", got)
		}
	}
	if !got["feed-up bmp:gone: "+why] || !got["feed-lost : "+why] {
		t.Errorf("got %v", got)
	}
	// Of the router that was connected nothing is told: it is not lost.
	second := s.connect("127.0.1.2", initiate(t, "r2"), m)
	same(t, s.upTo("routes bmp:r2/10.9.0.1/pre +192.0.2.0/24[64999]"), "peer-up bmp:r2/10.9.0.1/pre", "routes bmp:r2/10.9.0.1/pre +192.0.2.0/24[64999]")
	if up := s.source.feeds.state(); !up["r1"] || !up["r2"] || up["gone"] {
		t.Errorf("feeds %v", up)
	}
	_ = second.Close()
	s.upTo("feed-down bmp:r2: the router closed the connection")
}

// A router that comes back under another name is not lost; one that renames itself in its session neither.
func TestRouterThatIsRenamed(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	c := s.connect("127.0.0.28", initiate(t, "old"), m)
	s.wait(collector.Routes)
	_ = c.Close()
	s.wait(collector.FeedDown)
	c = s.connect("127.0.0.28", initiate(t, "r1"), m)
	same(t, s.upTo(shown), "feed-up bmp:old: the router at 127.0.0.28 calls itself r1 now", "peer-up bmp:r1/10.9.0.1/pre", shown)
	s.send(c, initiate(t, "r2"), m)
	const other = "routes bmp:r2/10.9.0.1/pre +192.0.2.0/24[64999]"
	same(t, s.upTo(other), "feed-lost bmp:r1/10.9.0.1/pre", "peer-up bmp:r2/10.9.0.1/pre", other)
	if up := s.source.feeds.state(); len(up) != 1 || !up["r2"] {
		t.Errorf("feeds %v", up)
	}
}

// Connections that the station itself ends come back: nobody has to know for a while. The end of the daemon is no loss at all.
func TestConnectionsThatWeEnd(t *testing.T) {
	s := start(t, config())
	m := monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24"))
	s.connect("127.0.0.29", initiate(t, "r1"), m)
	s.upTo(shown)
	if err := s.source.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if ev := s.wait(collector.FeedDown); ev.Keep != comeBack {
		t.Errorf("%+v", ev)
	}
	s.connect("127.0.0.29", initiate(t, "r1"), m)
	s.upTo(shown)
	_ = s.stop()
	for len(s.events) > 0 {
		if ev := <-s.events; ev.Kind == collector.FeedDown {
			t.Errorf("%+v", ev)
		}
	}
}

// What a reload made superfluous while nothing ran is told when the source runs again.
func TestUnwantedWhileNothingRuns(t *testing.T) {
	s, err := New(config(), deps())
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.feeds.join("r1", netip.MustParseAddr("127.0.0.30"))
	s.feeds.mu.Lock()
	f.connections, f.down = 0, true
	s.feeds.mu.Unlock()
	cfg := config()
	cfg.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.1.0/24")}
	if err := s.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := make(chan collector.Event, 1)
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			told <- ev
			return nil
		}))
	}()
	select {
	case ev := <-told:
		if ev.Kind != collector.FeedUp || ev.Feed != "bmp:r1" || ev.Reason != errNotAllowed.Error() {
			t.Errorf("%+v", ev)
		}
	case <-time.After(patience):
		t.Error("nothing was told")
	}
	cancel()
	<-done
	if left := s.feeds.state(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
