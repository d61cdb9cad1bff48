package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
)

// rpkiCase loads a full set of VRPs, asks about routes, and sees what it costs a replay to begin.
func rpkiCase(ctx context.Context, b *bench) (rows []figure.Row, err error) {
	dir, err := os.MkdirTemp(b.dir, "r")
	if err != nil {
		return nil, err
	}
	file, table := filepath.Join(dir, "vrps.json"), fulltable.New(b.size.ipv4, b.size.ipv6)
	if err := b.writeVRPs(table, file); err != nil {
		return nil, err
	}
	name := "RPKI, " + thousands(b.size.vrps) + " VRPs: "
	// In the order in which askRPKI gives the values.
	rows = []figure.Row{
		{What: name + "load from JSON", Unit: figure.Seconds, Budget: figure.Budget{Limit: 1}},
		{What: name + "memory kept", Unit: figure.Octets, Budget: figure.Budget{Limit: 80e6}},
		{What: name + "look-up, 1,000 watched routes", Unit: figure.Seconds, Budget: figure.Budget{Limit: 300e-9}},
		{What: name + "look-up, in the order of a dump", Unit: figure.Seconds, Budget: figure.Budget{Limit: 300e-9}},
	}
	samples, err := b.times(ctx, name+"load and look-ups", b.repeats, func(ctx context.Context) ([]float64, error) { return b.askRPKI(ctx, file) })
	if err != nil {
		return rows, err
	}
	for i := range rows {
		rows[i].Ours = samples[i]
	}
	for i, s := range samples[len(rows):] { // bgpfix loads no file
		rows[i+1].Alternatives = []figure.Alternative{{Name: "bgpfix", Sample: s}}
	}
	start := []figure.Row{{What: name + "replay of an archive of nearly nothing", Unit: figure.Seconds}}
	err = b.startReplay(ctx, dir, file, start)
	return append(rows, start...), err
}

func (b *bench) writeVRPs(table *fulltable.Table, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	n, err := table.WriteVRPs(f, b.size.vrps)
	if err == nil && n != b.size.vrps {
		err = fmt.Errorf("a table of %d prefixes gives %d VRPs", table.Prefixes, n)
	}
	return errors.Join(err, f.Close())
}

// askRPKI runs the part that measures: seconds to load, memory, seconds for a look-up of a watched route and in the order of a dump; the last
// three of bgpfix.
func (b *bench) askRPKI(ctx context.Context, file string) ([]float64, error) {
	p, err := b.part(ctx, "rpki", file)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	values := make(map[string][]float64)
	for _, word := range []string{"load", "anywatch", "bgpfix"} {
		words, _, err := p.Expect(ctx, word)
		if err != nil {
			return nil, err
		}
		for _, w := range words {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				return nil, err
			}
			values[word] = append(values[word], v)
		}
	}
	load, ours, theirs := values["load"], values["anywatch"], values["bgpfix"]
	if len(load) != 3 || len(ours) != 2 || len(theirs) != 3 {
		return nil, fmt.Errorf("the part says %v", values)
	}
	if int(load[1]) != b.size.vrps {
		return nil, fmt.Errorf("%.0f VRPs were loaded; the file has %d", load[1], b.size.vrps)
	}
	return []float64{load[0], load[2], ours[0], ours[1], theirs[2], theirs[0], theirs[1]}, nil
}

// startReplay replays an archive of a few routes, with the VRPs and without.
func (b *bench) startReplay(ctx context.Context, dir, vrps string, rows []figure.Row) error {
	a, err := (&mrtRun{bench: b, dir: dir}).write("tiny.mrt", b.size.ipv6)
	if err != nil {
		return err
	}
	with, without := filepath.Join(dir, "with.yaml"), filepath.Join(dir, "without.yaml")
	err = errors.Join(b.writeConfig(with, fmt.Sprintf("rpki: {files: [%q]}\n", vrps)), b.writeConfig(without, ""))
	if err != nil {
		return err
	}
	replay := func(config string) measurement {
		return func(ctx context.Context) ([]float64, error) {
			v, err := b.replay(ctx, config, a)
			if err != nil {
				return nil, err
			}
			return v[:1], nil
		}
	}
	return b.compare(ctx, rows, replay(with), comparison{other{name: "without VRPs"}, replay(without)})
}
