package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/proc"
	"anywatch/bench/internal/wire"
)

// latencyLimit is the budget of the 99th percentile, in seconds.
const latencyLimit = 0.010

// risLatencyCase measures how long a hijack takes from RIS Live to a webhook.
func risLatencyCase(ctx context.Context, b *bench) ([]figure.Row, error) {
	table := fulltable.New(b.size.ipv4/10, b.size.ipv6/10)
	return b.latency(ctx, "RIS Live message → webhook", func(ctx context.Context, rate int) (figure.Latencies, error) {
		return b.risLatency(ctx, table, rate)
	})
}

// bgpLatencyCase measures how long a hijack takes from an UPDATE's last octet to a webhook.
func bgpLatencyCase(ctx context.Context, b *bench) ([]figure.Row, error) {
	noise := fulltable.New(b.size.ipv4/10, b.size.ipv6/10).Updates()
	return b.latency(ctx, "BGP UPDATE → webhook", func(ctx context.Context, rate int) (figure.Latencies, error) {
		return b.bgpLatency(ctx, noise, rate)
	})
}

// latency gives the rows of a latency, under noise and beside it without.
func (b *bench) latency(ctx context.Context, what string, one func(ctx context.Context, rate int) (figure.Latencies, error)) ([]figure.Row, error) {
	what = fmt.Sprintf("%s, %d hijacks, %s messages/s of noise", what, b.size.hijacks, thousands(b.size.noise))
	rows := []figure.Row{
		{What: what + ": median", Unit: figure.Seconds},
		{What: what + ": p99", Unit: figure.Seconds, Budget: figure.Budget{Limit: latencyLimit}},
		{What: what + ": max", Unit: figure.Seconds},
	}
	at := func(rate int) measurement {
		return func(ctx context.Context) ([]float64, error) {
			l, err := one(ctx, rate)
			return []float64{l.P50.Seconds(), l.P99.Seconds(), l.Max.Seconds()}, err
		}
	}
	b.noise = nil
	err := b.compare(ctx, rows, at(b.size.noise), comparison{other{name: "anywatch without noise", once: !b.quick}, at(0)})
	if taken := b.noise.Median(); taken < 0.95*float64(b.size.noise) { // the figures are not those that were asked for
		for i := range rows {
			rows[i].What += fmt.Sprintf(" (only %s were taken)", thousands(int(taken)))
		}
	}
	return rows, err
}

// hijacked are the watched prefixes that a latency is measured with, one incident each.
func (b *bench) hijacked() (list []netip.Prefix) {
	for i := range b.size.hijacks {
		list = append(list, fulltable.Watched(i))
	}
	return list
}

// reports sends the hijacks among the noise and waits for the report of each.
func (b *bench) reports(ctx context.Context, s *station, w io.Writer, noise [][]byte, rate int, hijacks [][]byte) (figure.Latencies, error) {
	p := pace{noise: newRing(noise), rate: rate, every: b.size.hijackEvery, settle: 500 * time.Millisecond}
	sent, err := p.send(ctx, w, hijacks)
	if err != nil {
		return figure.Latencies{}, errors.Join(err, s.Alive())
	}
	if rate > 0 {
		b.say("  %.0f messages/s of noise", sent.rate)
		b.noise = append(b.noise, sent.rate)
	}
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	reported, err := s.hook.Wait(limited, b.hijacked()...)
	if err != nil {
		return figure.Latencies{}, errors.Join(err, s.Alive())
	}
	took, slowest := make([]time.Duration, len(reported)), 0
	for i, at := range reported {
		if took[i] = at.Sub(sent.at[i]); took[i] > took[slowest] {
			slowest = i
		}
	}
	sum := figure.Summarise(took)
	b.say("  median %v, p99 %v; the slowest was the report of hijack %d, %v", sum.P50, sum.P99, slowest+1, sum.Max)
	return sum, nil
}

func (b *bench) risLatency(ctx context.Context, table *fulltable.Table, rate int) (none figure.Latencies, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return none, err
	}
	defer l.Close()
	s, err := b.station(ctx, fmt.Sprintf(`rislive: [{url: "ws://%s/", client: bench}]`, l.Addr()))
	if err != nil {
		return none, err
	}
	defer s.stop()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	conn, err := l.Accept()
	if err != nil {
		return none, errors.Join(err, s.Alive())
	}
	defer conn.Close()
	if err := wire.AcceptWebsocket(conn); err != nil {
		return none, err
	}
	now := time.Now()
	noise, hijacks := table.RISLive(5000, now), make([][]byte, b.size.hijacks)
	for i, m := range noise {
		noise[i] = wire.AppendFrame(nil, m)
	}
	for i := range hijacks {
		hijacks[i] = wire.AppendFrame(nil, fulltable.RISHijack(i, now))
	}
	return b.reports(ctx, s, conn, noise, rate, hijacks)
}

func (b *bench) bgpLatency(ctx context.Context, noise [][]byte, rate int) (none figure.Latencies, err error) {
	at, err := proc.FreePort(receiverAddr())
	if err != nil {
		return none, err
	}
	s, err := b.station(ctx, bgpSource(at, fulltable.SenderAS))
	if err != nil {
		return none, err
	}
	defer s.stop()
	session, err := wire.Dial(ctx, senderAddr(), at, fulltable.SenderAS)
	if err != nil {
		return none, err
	}
	defer session.Close()
	if _, err := session.Write(wire.EndOfRIB()); err != nil {
		return none, err
	}
	hijacks := make([][]byte, b.size.hijacks)
	for i := range hijacks {
		hijacks[i] = fulltable.Hijack(i)
	}
	return b.reports(ctx, s, session, noise, rate, hijacks)
}
