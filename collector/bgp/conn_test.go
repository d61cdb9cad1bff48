package bgp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"anywatch/collector"
)

// ear is a handler that takes everything, and does something with each UPDATE.
type ear struct {
	updates int
	then    func(n int)
}

func (e *ear) update(time.Time, []byte) bool {
	e.updates++
	e.then(e.updates)
	return true
}

func (e *ear) refresh(time.Time, []byte) *fault { return nil }
func (e *ear) heard(time.Time) bool             { return true }
func (e *ear) idle()                            {}

// pipe is a connection in memory that claims to be TCP.
type pipe struct{ net.Conn }

func (pipe) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 179} }
func (pipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 11, 99), Port: 50000} }

// A busy peer that sends no KEEPALIVE is not taken for dead: corebgp hears one in its place.
func TestBusyPeerNeedsNoKeepalive(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	watch := new(clock)
	e := &ear{then: func(n int) {
		if n == 3 { // the fourth comes more than an hour later
			watch.advance(fsmFeed + time.Minute)
		}
	}}
	c := newConn(pipe{ours}, 90*time.Second, watch.Now, e)
	defer c.Close()
	c.state, c.fed = established, watch.Now()
	close(c.established)
	go func() {
		for range 4 {
			_, _ = theirs.Write(message(typeUpdate, 0, 0, 0, 0))
		}
	}()
	b := make([]byte, headerLen)
	if _, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, message(typeKeepalive)) {
		t.Errorf("corebgp reads %x, %v", b, err)
	}
	if e.updates != 4 {
		t.Errorf("%d UPDATEs were handled, want 4", e.updates)
	}
}

// An UPDATE that touches nothing watched costs no allocation, nor does one that is counted.
func TestNoAllocations(t *testing.T) {
	source, err := New(config(ibgp("127.0.11.99")), deps(new(logs)))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	n := ibgp("127.0.11.99")
	n.MaxPrefixes = 1000
	r := &run{parent: t.Context(), ctx: t.Context(), out: collector.SinkFunc(func(context.Context, collector.Event) error { return nil })}
	s := newSession(source, r, config(n), n, pipe{ours}, nil)
	s.vantage = source.deps.Registry.Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}})
	m, err := announce([]uint32{64501, 3356}, "10.1.0.0/16", "10.2.0.0/24", "11.0.0.0/8").Serialize()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	s.update(at, m[headerLen:])
	if n := testing.AllocsPerRun(1000, func() { s.update(at, m[headerLen:]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.routes.size() != 3 {
		t.Errorf("%d routes counted, want 3", s.routes.size())
	}
}

// blocked is a station whose queue is full from the first route on, and empty again when the gate is opened.
func blocked(t *testing.T, cfg Config) (s *station, gate chan struct{}) {
	t.Helper()
	l, c := new(logs), new(clock)
	d := deps(l)
	d.Now = c.Now
	source, err := New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	s = &station{t: t, source: source, counters: d.Counters, logs: l, clock: c, events: make(chan collector.Event, 1000)}
	gate = make(chan struct{})
	s.run(collector.SinkFunc(func(ctx context.Context, ev collector.Event) error {
		s.events <- ev
		if ev.Kind != collector.Routes {
			return nil
		}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	return s, gate
}

// A session that is told to end while the queue is full says goodbye, and hands nothing on after its end.
func TestEndWhileTheQueueIsFull(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(s *station)
		want []byte
	}{
		"shutdown":      {func(s *station) { go func() { _ = s.stop() }() }, cease{ceaseShutdown, "anywatch is shutting down"}.message()[headerLen:]},
		"de-configured": {func(s *station) { _ = s.source.Reload(config(ibgp("127.0.11.92"))) }, []byte{codeCease, ceaseDeconfigured}},
	} {
		for i := range 8 { // who is first, the goodbye or the end of the reader, is a matter of luck
			t.Run(fmt.Sprint(name, i), func(t *testing.T) { endWhileFull(t, c.end, c.want) })
		}
	}
}

func endWhileFull(t *testing.T, end func(s *station), want []byte) {
	s, gate := blocked(t, config(Neighbor{Name: "full", Address: addr("127.0.11.91")}))
	r := connect(t, "127.0.11.91", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	for range 3 {
		r.send(announce(nil, "192.0.2.0/24"))
	}
	s.wait(collector.Routes)
	end(s)
	if body := r.expect(typeNotification); !bytes.Equal(body, want) {
		t.Errorf("NOTIFICATION %v, want %v", body, want)
	}
	_ = r.Close()
	close(gate)
	s.released("127.0.11.91")
	_ = s.stop()
	var kinds []collector.Kind
	for len(s.events) > 0 {
		kinds = append(kinds, (<-s.events).Kind)
	}
	if slices.Contains(kinds, collector.Routes) || !slices.Contains(kinds, collector.FeedLost) {
		t.Errorf("events after the end: %v", kinds)
	}
}

// What a peer sent before it went is handed on before its end is told, also when the queue was full.
func TestPeerGoesWhileTheQueueIsFull(t *testing.T) {
	s, gate := blocked(t, config(ibgp("127.0.11.93")))
	r := connect(t, "127.0.11.93", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	for range 10 {
		r.send(announce(nil, "192.0.2.0/24"))
	}
	_ = r.Close()
	s.wait(collector.Routes)
	close(gate)
	for range 9 {
		if ev := s.next(); ev.Kind != collector.Routes {
			t.Fatalf("a %v event came", ev.Kind)
		}
	}
	if ev := s.next(); ev.Kind != collector.FeedLost {
		t.Errorf("a %v event came", ev.Kind)
	}
}

// A NOTIFICATION reaches a peer that is in the middle of its table: the connection is not reset before it was read.
func TestNotificationArrivesInTheMiddleOfATable(t *testing.T) {
	s := start(t, config(ibgp("127.0.11.94")))
	r := connect(t, "127.0.11.94", s.addr())
	r.establish(64500, mp4())
	s.wait(collector.PeerUp)
	m, err := announce(nil, many(200)...).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	r.write(append(unmarked(0), bytes.Repeat(m, 1000)...)) // a megabyte, all of it behind the fault
	r.notified(1, 1)
}

// FuzzConn sends what it finds into a session, before or after its establishment. However it ends, it must end.
func FuzzConn(f *testing.F) {
	hello := slices.Concat(rawOpen(4, 90, as4(slices.Concat(enhanced, extended, restarting(flagNotification))...)...), message(typeKeepalive))
	update := updateOf(200)
	for _, seed := range [][]byte{nil, hello, update, message(typeNotification, 6, 9, 6, 2), refreshMessage(1, 1, 1), refreshMessage(2, 2, 1), rawOpenWide(),
		slices.Concat(update, refreshMessage(1, 1, 1), update, refreshMessage(1, 2, 1), lie(77, 20)), updateOf(65535), unmarked(7)} {
		f.Add(byte(0), seed)
		f.Add(byte(1), seed)
		f.Add(byte(7), seed)
	}
	n := ibgp("127.0.11.99")
	source, err := New(config(n), deps(new(logs)))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(source.Close)
	source.deps.Log = quietLog()
	f.Fuzz(func(t *testing.T, how byte, sent []byte) {
		n := ibgp("127.0.11.99")
		n.AddPath = how&2 != 0
		n.MaxPrefixes = int(how & 4)
		cfg, err := config(n).prepared()
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := net.Pipe()
		r := &run{parent: t.Context(), ctx: t.Context(), out: collector.SinkFunc(func(context.Context, collector.Event) error { return nil })}
		s := newSession(source, r, cfg, cfg.Neighbors[0], pipe{ours}, nil)
		go s.run(r)
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		if how&1 != 0 {
			_, _ = theirs.Write(hello)
		}
		_, _ = theirs.Write(sent)
		_ = theirs.Close()
		select {
		case <-s.done:
		case <-time.After(patience):
			t.Fatal("the session does not end")
		}
		if s.conn.why() == "the connection was closed" {
			t.Error("nobody knows why it ended")
		}
	})
}
