package bgp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/open"
	"anywatch/collector/internal/tcp"
)

func TestHoldTimer(t *testing.T) {
	t.Parallel()
	cfg := config(ibgp("127.0.11.12"))
	cfg.HoldTime = 3 * time.Second
	s := start(t, cfg)
	r := connect(t, "127.0.11.12", s.addr())
	ours, _ := open.Parse(r.establish(64500, mp4()))
	if ours.HoldTime != 3*time.Second {
		t.Errorf("we propose %v", ours.HoldTime)
	}
	s.wait(collector.PeerUp)
	keepalives := 0
	for {
		typ, body, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		if typ == typeKeepalive {
			keepalives++
			continue
		}
		if typ != typeNotification || body[0] != codeHoldTimer {
			t.Fatalf("message of type %d: %v", typ, body)
		}
		break
	}
	if keepalives == 0 {
		t.Error("no keepalive came before the hold timer expired")
	}
	if ev := s.wait(collector.FeedLost); !strings.Contains(ev.Reason, "hold timer expired") {
		t.Errorf("reason %q", ev.Reason)
	}
}

func TestHoldTimeZero(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.13")))
	r := connect(t, "127.0.11.13", s.addr())
	r.establishHold(64500, 0, mp4())
	s.wait(collector.PeerUp)
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
}

// While the queue is full, the peer hears keepalives, and its silence is not held against it.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	l := new(logs)
	cfg := config(ibgp("127.0.11.14"))
	cfg.HoldTime = 3 * time.Second
	source, err := New(cfg, deps(l))
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, source: source, logs: l, events: make(chan collector.Event, 10)}
	gate := make(chan struct{})
	s.run(collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		if ev.Kind == collector.Routes {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.events <- ev
		return nil
	}))
	r := connect(t, "127.0.11.14", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	r.send(announce(nil, "192.0.2.0/24"))
	r.send(announce(nil, "192.0.2.0/24"))
	for range 4 { // one a second: the hold time has passed
		r.expect(typeKeepalive)
	}
	close(gate)
	s.wait(collector.Routes)
	s.wait(collector.Routes)
	r.write(message(typeKeepalive))
	r.send(announce(nil, "192.0.2.0/24"))
	s.wait(collector.Routes)
}

func TestShutdown(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.15")))
	r := connect(t, "127.0.11.15", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	at := s.addr()
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	if got := describe(r.expect(typeNotification)); got != `Cease/Administrative Shutdown (6/2): "anywatch is shutting down"` {
		t.Errorf("NOTIFICATION %s", got)
	}
	if _, err := dial(t, "127.0.11.15", at, ""); err == nil {
		t.Error("it still listens")
	}
}

// A source that failed can be run again: it listens again.
func TestRunTwice(t *testing.T) {
	l, err := tcp.Listen("127.0.0.1:0", "BGP")
	if err != nil {
		t.Fatal(err)
	}
	at := tcp.Addr(l)
	_ = l.Close()
	cfg := config(ibgp("127.0.11.16"))
	cfg.Listen = []string{at.String()}
	s := start(t, cfg)
	_ = s.stop()
	s.run(collector.SinkFunc(func(_ context.Context, ev collector.Event) error { s.events <- ev; return nil }))
	r, err := dial(t, "127.0.11.16", at, "")
	for late := time.Now().Add(patience); err != nil; r, err = dial(t, "127.0.11.16", at, "") {
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
}

func TestNeverAnUpdate(t *testing.T) {
	c := newConn(nil, 90*time.Second, time.Now, nil)
	if _, err := c.Write(message(typeUpdate, 0, 0, 0, 0)); !errors.Is(err, errUpdate) {
		t.Errorf("writing an UPDATE: %v", err)
	}
}
