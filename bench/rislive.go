package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/part"
	"anywatch/bench/internal/proc"
)

// hiddenHijacks are to be found among the messages of RIS Live.
const hiddenHijacks = 5

// risCase sends the messages of RIS Live as fast as they are taken, with a few hijacks among them.
func risCase(ctx context.Context, b *bench) ([]figure.Row, error) {
	rows := []figure.Row{{
		What: fmt.Sprintf("RIS Live, %s messages, %d hijacks among them found", thousands(b.risMessages()), hiddenHijacks),
		Unit: figure.Messages, Better: figure.Higher, Budget: figure.Budget{Limit: 800_000},
	}}
	err := b.compare(ctx, rows, b.stationTakesRIS, comparison{other{name: "reading frames alone (coder/websocket)"}, b.clientReadsFrames})
	return rows, err
}

// risMessages is how many messages are sent, the hijacks included.
func (b *bench) risMessages() int {
	return b.size.messages/part.BatchMessages*part.BatchMessages + hiddenHijacks
}

// startRISLive runs the server, which waits for a client and then for the word.
func (b *bench) startRISLive(ctx context.Context) (p *proc.Process, address string, err error) {
	p, err = b.part(ctx, "rislive", "127.0.0.1:0", b.size.ipv4, b.size.ipv6, b.size.messages, hiddenHijacks)
	if err != nil {
		return nil, "", err
	}
	words, _, err := p.Expect(ctx, "ready")
	if err != nil {
		p.Stop()
		return nil, "", err
	}
	return p, words[0], nil
}

func (b *bench) stationTakesRIS(ctx context.Context) ([]float64, error) {
	server, address, err := b.startRISLive(ctx)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	s, err := b.station(ctx, fmt.Sprintf(`rislive: [{url: "ws://%s/", client: bench}]`, address))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := s.Reaches(ctx, "anywatch_sessions", "rislive", 1); err != nil {
		return nil, err
	}
	began, err := server.Say("go")
	if err != nil {
		return nil, err
	}
	hijacked := make([]netip.Prefix, hiddenHijacks)
	for i := range hijacked {
		hijacked[i] = fulltable.Watched(i)
	}
	reported, err := s.hook.Wait(ctx, hijacked...)
	if err != nil {
		return nil, errors.Join(err, s.Alive(), server.Alive())
	}
	if _, _, err := server.Expect(ctx, "done"); err != nil {
		return nil, err
	}
	// The last message is a hijack: its report tells exactly when all was read. The counter follows, and must be exact.
	n := b.risMessages()
	if _, err := s.Reaches(ctx, "anywatch_updates_total", "rislive", float64(n)); err != nil {
		return nil, err
	}
	return []float64{perSecond(n, began, reported[hiddenHijacks-1])}, errors.Join(s.exactly(ctx, "anywatch_updates_total", "rislive", n),
		s.exactly(ctx, "anywatch_malformed_messages_total", "rislive", 0))
}

func (b *bench) clientReadsFrames(ctx context.Context) ([]float64, error) {
	server, address, err := b.startRISLive(ctx)
	if err != nil {
		return nil, err
	}
	defer server.Stop()
	client, err := b.part(ctx, "frames", address, b.risMessages())
	if err != nil {
		return nil, err
	}
	defer client.Stop()
	if _, _, err := client.Expect(ctx, "ready"); err != nil {
		return nil, err
	}
	began, err := server.Say("go")
	if err != nil {
		return nil, err
	}
	_, done, err := client.Expect(ctx, "done")
	return []float64{perSecond(b.risMessages(), began, done)}, err
}
