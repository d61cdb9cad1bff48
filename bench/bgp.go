package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/part"
	"anywatch/bench/internal/proc"
	"anywatch/bench/internal/wire"
)

// Where the ends of BGP sessions are: on loopback, and nowhere near the addresses that the machine itself uses.
func senderAddr() netip.Addr   { return netip.AddrFrom4([4]byte{127, 77, 0, 1}) }
func receiverAddr() netip.Addr { return netip.AddrFrom4([4]byte{127, 77, 0, 2}) }
func feederAddr() netip.Addr   { return netip.AddrFrom4([4]byte{127, 77, 0, 3}) }

// birdAS is the AS of a BIRD that sends the table on.
const birdAS = 65022

// receiver takes a full table over one BGP session.
type receiver interface {
	// done waits until all routes are there, and gives when that was.
	done(ctx context.Context) (time.Time, error)
	PeakMemory() (float64, error)
	stop()
}

// startReceiver starts a receiver of so many routes at an address, for a sender with this AS.
type startReceiver func(ctx context.Context, at netip.AddrPort, asn uint32, routes int) (receiver, error)

// bgpCase sends one full table over one session, from the generator and from a BIRD, to anywatch and to others.
func bgpCase(ctx context.Context, b *bench) ([]figure.Row, error) {
	table := fulltable.New(b.size.ipv4, b.size.ipv6)
	// The last route is watched: when anywatch reports it, it has seen all others.
	stream := append(append(table.Stream(), fulltable.Hijack(0)...), wire.EndOfRIB()...)
	routes := table.Prefixes + 1
	name := func(from, what string) string {
		return fmt.Sprintf("BGP, %s routes over one session from %s: %s", thousands(routes-1), from, what)
	}
	rows := []figure.Row{
		{What: name("a generator", "time"), Unit: figure.Seconds},
		{What: name("a generator", "peak memory"), Unit: figure.Octets, Budget: figure.Budget{Limit: 60e6}},
	}
	if err := b.receive(ctx, rows, routes, generatorSends(stream)); err != nil {
		return rows, err
	}
	more := []figure.Row{
		{What: name("BIRD", "time"), Unit: figure.Seconds},
		{What: name("BIRD", "peak memory"), Unit: figure.Octets, Budget: figure.Budget{Limit: 60e6}},
	}
	if absent := missing("bird", "bird2"); absent != nil {
		for i := range more {
			more[i].Alternatives = []figure.Alternative{{Name: "BIRD", Note: absent.Error()}}
		}
		return append(rows, more...), nil
	}
	source, err := b.startBIRDSource(ctx, stream, routes)
	if err != nil {
		return append(rows, more...), err
	}
	defer source.stop()
	err = b.receive(ctx, more, routes, source.send)
	return append(rows, more...), err
}

func missing(program, debian string) error {
	_, err := proc.Find(program, debian)
	return err
}

// send makes a session to a receiver that start makes, and gives the time from the first route to the last.
type send func(ctx context.Context, routes int, start startReceiver) ([]float64, error)

// receive measures all receivers with one sender.
func (b *bench) receive(ctx context.Context, rows []figure.Row, routes int, how send) error {
	with := func(m startReceiver) measurement {
		return func(ctx context.Context) ([]float64, error) { return how(ctx, routes, m) }
	}
	return b.compare(ctx, rows, with(b.anywatchReceives),
		comparison{other{name: "discarding listener"}, with(b.listenerReceives)},
		comparison{other{name: "BIRD"}, with(b.birdReceives)},
		comparison{other{name: "GoBGP", once: !b.quick}, with(b.gobgpReceives)},
	)
}

// generatorSends opens a session and writes the table as fast as it is taken.
func generatorSends(stream []byte) send {
	return func(ctx context.Context, routes int, start startReceiver) ([]float64, error) {
		at, err := proc.FreePort(receiverAddr())
		if err != nil {
			return nil, err
		}
		r, err := start(ctx, at, fulltable.SenderAS, routes)
		if err != nil {
			return nil, err
		}
		defer r.stop()
		s, err := wire.Dial(ctx, senderAddr(), at, fulltable.SenderAS)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		began := time.Now()
		failed := goWrite(s, stream)
		done, err := r.done(ctx)
		if err == nil {
			err = <-failed
		}
		return result(r, began, done, err)
	}
}

// goWrite writes beside what else happens, and gives a channel for the error.
func goWrite(s *wire.Session, b []byte) <-chan error {
	failed := make(chan error, 1)
	go func() {
		_, err := s.Write(b)
		failed <- err
	}()
	return failed
}

// result is how long it took and how much memory it needed.
func result(r receiver, began, done time.Time, err error) ([]float64, error) {
	if err != nil {
		return nil, err
	}
	memory, err := r.PeakMemory()
	return []float64{done.Sub(began).Seconds(), memory}, err
}

// partReceiver is a part that says when it is done.
type partReceiver struct {
	*proc.Process
	routes int // that it has to name; zero when it counts none
}

func (p partReceiver) done(ctx context.Context) (time.Time, error) {
	words, at, err := p.Expect(ctx, "done")
	if err == nil && p.routes > 0 && (len(words) != 1 || words[0] != fmt.Sprint(p.routes)) {
		err = fmt.Errorf("it has %v routes; %d were sent", words, p.routes)
	}
	return at, err
}

func (p partReceiver) stop() { p.Stop() }

func (b *bench) partReceives(ctx context.Context, routes int, args ...any) (receiver, error) {
	p, err := b.part(ctx, args...)
	if err != nil {
		return nil, err
	}
	if _, _, err := p.Expect(ctx, "ready"); err != nil {
		p.Stop()
		return nil, err
	}
	return partReceiver{p, routes}, nil
}

func (b *bench) listenerReceives(ctx context.Context, at netip.AddrPort, _ uint32, _ int) (receiver, error) {
	return b.partReceives(ctx, 0, "discard-bgp", at)
}

func (b *bench) gobgpReceives(ctx context.Context, at netip.AddrPort, asn uint32, routes int) (receiver, error) {
	return b.partReceives(ctx, routes, "gobgp", at, senderAddr(), asn)
}

// stationReceiver is anywatch.
type stationReceiver struct {
	*station
	asn    uint32
	routes int
}

func (b *bench) anywatchReceives(ctx context.Context, at netip.AddrPort, asn uint32, routes int) (receiver, error) {
	s, err := b.station(ctx, bgpSource(at, asn))
	if err != nil {
		return nil, err
	}
	return stationReceiver{s, asn, routes}, nil
}

func bgpSource(at netip.AddrPort, asn uint32) string {
	return fmt.Sprintf("bgp: {listen: [%q], asn: %d, router_id: %s, neighbors: [{name: sender, address: %s, asn: %d, scope: external}]}",
		at, part.ReceiverAS, at.Addr(), senderAddr(), asn)
}

// done waits until every route is counted. The generator's last route is a hijack, and its report tells exactly when all was read; BIRD has an
// order of its own, and the counter, which goes up in steps, has to do.
func (s stationReceiver) done(ctx context.Context) (time.Time, error) {
	reported, err := s.hook.Wait(ctx, fulltable.Watched(0))
	if err != nil {
		return time.Time{}, err
	}
	counted, err := s.Reaches(ctx, "anywatch_prefixes_total", "bgp", float64(s.routes))
	if err == nil {
		err = s.exactly(ctx, "anywatch_prefixes_total", "bgp", s.routes)
	}
	if s.asn == fulltable.SenderAS {
		return reported[0], err
	}
	return counted, err
}
