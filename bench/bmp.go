package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/proc"
)

// bmpCase lets many BMP routers send a full table each, all at once.
func bmpCase(ctx context.Context, b *bench) ([]figure.Row, error) {
	name := fmt.Sprintf("BMP, %d routers × %s routes", b.size.routers, thousands(b.size.ipv4+b.size.ipv6))
	rows := []figure.Row{
		{What: name, Unit: figure.Prefixes, Better: figure.Higher, Budget: figure.Budget{Limit: 15e6}},
		{What: name + ": peak memory", Unit: figure.Octets, Budget: figure.Budget{Limit: 250e6}},
	}
	fewer := ""
	if b.size.decodeRouters < b.size.routers {
		fewer = fmt.Sprintf("%d routers", b.size.decodeRouters)
	}
	err := b.compare(ctx, rows, b.stationTakesBMP,
		comparison{other{name: "discarding listener"}, b.partTakesBMP("discard", b.size.routers)},
		comparison{other{name: "gobgp's decoder", note: fewer}, b.partTakesBMP("decode-bmp", b.size.decodeRouters)})
	return rows, err
}

// prefixes is how many so many routers send.
func (b *bench) prefixes(routers int) float64 { return float64(routers * (b.size.ipv4 + b.size.ipv6)) }

// startRouters runs the senders, which connect and wait; it gives the numbers of their messages and octets.
func (b *bench) startRouters(ctx context.Context, to netip.AddrPort, count int) (p *proc.Process, messages, octets int, err error) {
	if p, err = b.part(ctx, "routers", to, count, b.size.ipv4, b.size.ipv6); err != nil {
		return nil, 0, 0, err
	}
	words, _, err := p.Expect(ctx, "ready")
	if err == nil && len(words) != 2 {
		err = fmt.Errorf("the routers are ready with %v", words)
	}
	if err == nil {
		messages, err = strconv.Atoi(words[0])
	}
	if err == nil {
		octets, err = strconv.Atoi(words[1])
	}
	if err != nil {
		p.Stop()
	}
	return p, messages, octets, err
}

func (b *bench) stationTakesBMP(ctx context.Context) ([]float64, error) {
	at, err := proc.FreePort(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		return nil, err
	}
	s, err := b.station(ctx, fmt.Sprintf("bmp: {listen: [%q], allow: [127.0.0.0/8]}", at))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	senders, messages, _, err := b.startRouters(ctx, at, b.size.routers)
	if err != nil {
		return nil, err
	}
	defer senders.Stop()
	if _, err := s.Reaches(ctx, "anywatch_sessions", "bmp", float64(b.size.routers)); err != nil {
		return nil, err
	}
	began, err := senders.Say("go")
	if err != nil {
		return nil, err
	}
	total := b.prefixes(b.size.routers)
	done, err := s.Reaches(ctx, "anywatch_prefixes_total", "bmp", total)
	if err != nil {
		return nil, err
	}
	memory, err := s.PeakMemory()
	if err == nil {
		_, err = s.Reaches(ctx, "anywatch_messages_total", "bmp", float64(messages))
	}
	err = errors.Join(err, s.exactly(ctx, "anywatch_prefixes_total", "bmp", int(total)), s.exactly(ctx, "anywatch_messages_total", "bmp", messages),
		s.exactly(ctx, "anywatch_malformed_messages_total", "bmp", 0))
	return []float64{perSecond(int(total), began, done), memory}, err
}

// partTakesBMP measures a listener that is a part of the benchmark; it says how many octets or prefixes it had.
func (b *bench) partTakesBMP(name string, count int) measurement {
	return func(ctx context.Context) ([]float64, error) {
		p, err := b.part(ctx, name, "127.0.0.1:0", count)
		if err != nil {
			return nil, err
		}
		defer p.Stop()
		words, _, err := p.Expect(ctx, "ready")
		if err != nil {
			return nil, err
		}
		at, err := netip.ParseAddrPort(words[0])
		if err != nil {
			return nil, err
		}
		senders, _, octets, err := b.startRouters(ctx, at, count)
		if err != nil {
			return nil, err
		}
		defer senders.Stop()
		began, err := senders.Say("go")
		if err != nil {
			return nil, err
		}
		words, done, err := p.Expect(ctx, "done")
		if err != nil {
			return nil, err
		}
		memory, err := p.PeakMemory()
		return []float64{perSecond(int(b.prefixes(count)), began, done), memory}, errors.Join(err, b.allThere(words, count, octets))
	}
}

// allThere compares what a listener says with what was sent: prefixes, or octets and the routers' introductions.
func (b *bench) allThere(words []string, count, octets int) error {
	n, err := strconv.Atoi(words[0])
	if err == nil && n != int(b.prefixes(count)) && n < octets {
		err = fmt.Errorf("it had %d; %.0f prefixes in %d octets were sent", n, b.prefixes(count), octets)
	}
	return err
}

// perSecond is a rate.
func perSecond(n int, began, done time.Time) float64 { return float64(n) / done.Sub(began).Seconds() }
