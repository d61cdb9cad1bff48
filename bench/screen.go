package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"time"

	"github.com/bgpfix/bgpfix/caps"
	"github.com/bgpfix/bgpfix/msg"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/wire"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

// screenCase asks of every UPDATE of a full table in memory, on one core, whether it touches what is watched. The others only decode: they
// would still have to be asked.
func screenCase(ctx context.Context, b *bench) (rows []figure.Row, err error) {
	table := fulltable.New(b.size.ipv4, b.size.ipv6)
	w := walk{updates: table.Updates(), prefixes: table.Prefixes, atLeast: b.size.screenFor}
	for i, n := range b.size.watchedByScreen {
		name := fmt.Sprintf("screen, one core, %s watched prefixes", thousands(n))
		rows = append(rows,
			figure.Row{What: name, Unit: figure.Prefixes, Better: figure.Higher},
			figure.Row{What: name + ": allocations per message", Unit: figure.Allocations, Budget: figure.Budget{Text: "0"}})
		s := screen.New(screen.NewLive(screen.NewWatch(pick(table, n), []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})))
		if err := b.ours(ctx, rows[2*i:], w.measure(screening(s))); err != nil {
			return rows, err
		}
	}
	few, some, many := &rows[0], &rows[2], &rows[4]
	some.Budget = figure.Budget{Limit: 40e6}
	fewest := thousands(b.size.watchedByScreen[0]) + " watched prefixes"
	many.Budget = figure.Budget{Limit: 0.5, Against: fewest, Text: "≥ half of that with " + fewest}
	many.Alternatives = []figure.Alternative{{Name: fewest, Sample: few.Ours}}
	if err := b.against(ctx, rows[:2], other{name: "bgpfix's parser"}, w.measure(bgpfixParses())); err != nil {
		return rows, err
	}
	err = b.against(ctx, rows[:2], other{name: "gobgp's parser"}, w.measure(gobgpParses))
	for i := 2; i < len(rows); i++ { // they are the same whatever is watched
		rows[i].Alternatives = append(rows[i].Alternatives, rows[i%2].Alternatives...)
	}
	return rows, err
}

// pick gives some prefixes of the table, always the same.
func pick(t *fulltable.Table, n int) []netip.Prefix {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]netip.Prefix, n)
	for i := range out {
		g := t.Groups[r.IntN(len(t.Groups))]
		out[i] = g.Prefixes[r.IntN(len(g.Prefixes))]
	}
	return out
}

// walk goes over all updates again and again, for some time at least.
type walk struct {
	updates  [][]byte
	prefixes int
	atLeast  time.Duration
}

// measure gives prefixes a second, and allocations per message.
func (w walk) measure(one func(update []byte) error) measurement {
	return func(ctx context.Context) ([]float64, error) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		passes, began := 0, time.Now()
		for ; passes == 0 || time.Since(began) < w.atLeast; passes++ {
			for _, u := range w.updates {
				if err := one(u); err != nil {
					return nil, err
				}
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		messages := float64(passes * len(w.updates))
		// What the measurement itself allocates is rounded away.
		allocations := math.Round(float64(after.Mallocs-before.Mallocs)/messages*100) / 100
		return []float64{float64(passes*w.prefixes) / took.Seconds(), allocations}, nil
	}
}

// screening asks the screen.
func screening(s *screen.Screen) func([]byte) error {
	ctx, result := screen.Context{Local: fulltable.SenderAS}, screen.Result{}
	return func(u []byte) error {
		s.Update(u[wire.HeaderLen:], &ctx, &result)
		return result.Err
	}
}

func gobgpParses(u []byte) error {
	_, err := bgp.ParseBGPMessage(u)
	return err
}

func bgpfixParses() func([]byte) error {
	var cp caps.Caps
	cp.Init()
	cp.Use(caps.CAP_AS4)
	m := msg.NewMsg()
	return func(u []byte) error {
		m.Reset()
		if _, err := m.FromBytes(u); err != nil {
			return err
		}
		return m.Parse(cp)
	}
}
