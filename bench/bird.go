package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/part"
	"anywatch/bench/internal/proc"
	"anywatch/bench/internal/wire"
)

// birdReceiver is a BIRD that takes the table.
type birdReceiver struct {
	*proc.BIRD
	routes int
}

// No configuration here has a kernel protocol: no route leaves BIRD.
const birdReceiverConfig = `router id %[1]s;
protocol device { }
protocol bgp sender {
  local %[1]s port %[2]d as %[3]d; strict bind yes;
  neighbor %[4]s as %[5]d; passive; multihop;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
`

func (b *bench) birdReceives(ctx context.Context, at netip.AddrPort, asn uint32, routes int) (receiver, error) {
	dir, err := os.MkdirTemp(b.dir, "b")
	if err != nil {
		return nil, err
	}
	bird, err := proc.StartBIRD(ctx, dir, "rx", fmt.Sprintf(birdReceiverConfig, at.Addr(), at.Port(), part.ReceiverAS, senderAddr(), asn))
	if err != nil {
		return nil, err
	}
	return birdReceiver{bird, routes}, nil
}

func (r birdReceiver) done(ctx context.Context) (time.Time, error) {
	return r.Until(ctx, "sender", func(imported, _ int) bool { return imported >= r.routes })
}

func (r birdReceiver) stop() { r.Stop() }

// birdSource is a BIRD that has the table from the generator and sends it to one receiver after the other, always at the same address.
type birdSource struct {
	bird *proc.BIRD
	feed *wire.Session
	to   netip.AddrPort
}

const birdSourceConfig = `router id %[1]s;
protocol device { }
protocol bgp feed {
  local %[1]s port %[2]d as %[3]d; strict bind yes;
  neighbor %[4]s as %[5]d; passive; multihop;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
protocol bgp receiver {
  disabled;
  local %[1]s port %[2]d as %[3]d; strict bind yes;
  neighbor %[6]s port %[7]d as %[8]d; multihop;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import none; export all; next hop address %[9]s; };
  ipv6 { import none; export all; next hop address %[10]s; };
}
`

func (b *bench) startBIRDSource(ctx context.Context, stream []byte, routes int) (_ *birdSource, err error) {
	b.say("loading BIRD with %s routes", thousands(routes))
	from, err := proc.FreePort(senderAddr())
	if err != nil {
		return nil, err
	}
	s := &birdSource{}
	if s.to, err = proc.FreePort(receiverAddr()); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "b")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(birdSourceConfig, from.Addr(), from.Port(), birdAS, feederAddr(), fulltable.SenderAS,
		s.to.Addr(), s.to.Port(), part.ReceiverAS, fulltable.NextHop4(), fulltable.NextHop6())
	if s.bird, err = proc.StartBIRD(ctx, dir, "tx", config); err != nil {
		return nil, err
	}
	if s.feed, err = wire.Dial(ctx, feederAddr(), from, fulltable.SenderAS); err != nil {
		s.bird.Stop()
		return nil, err
	}
	failed := goWrite(s.feed, stream)
	if _, err = s.bird.Until(ctx, "feed", func(imported, _ int) bool { return imported >= routes }); err == nil {
		err = <-failed
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *birdSource) stop() {
	s.feed.Close()
	s.bird.Stop()
}

// send lets BIRD connect to a receiver, through a relay. The clock begins when the first route is on its way: until then BIRD waits, up to
// some seconds.
func (s *birdSource) send(ctx context.Context, routes int, start startReceiver) ([]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at, err := proc.FreePort(receiverAddr())
	if err != nil {
		return nil, err
	}
	r, err := start(ctx, at, birdAS, routes)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	between, err := newRelay(s.to, senderAddr())
	if err != nil {
		return nil, err
	}
	var beside sync.WaitGroup
	beside.Go(func() { between.serve(ctx, at) })
	beside.Go(func() { s.keepAwake(ctx) })
	defer beside.Wait()
	defer cancel()
	if _, err := s.bird.Ask("enable receiver"); err != nil {
		return nil, err
	}
	done, err := r.done(ctx)
	if _, err := s.bird.Ask("disable receiver"); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return result(r, <-between.first, done, nil)
}

// keepAwake asks BIRD something now and then while it sends. Left alone, BIRD 2.0.12 sleeps for three seconds before its last messages, unless
// something happens on another of its sockets, as it does on a router with more than one neighbour.
func (s *birdSource) keepAwake(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = s.bird.Ask("show status") // what it says is of no interest
		case <-ctx.Done():
			return
		}
	}
}
