package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/proc"
)

// archiveSize is how large the MRT file is: peers with a full table each in the table dump, and how often the table comes again as updates.
type archiveSize struct {
	peers, passes int
	bz2Share      int // the file for bzip2 has a table so many times as small: bzip2 takes its time
}

// mrtCase replays archives as they are, and packed.
func mrtCase(ctx context.Context, b *bench) (rows []figure.Row, err error) {
	dir, err := os.MkdirTemp(b.dir, "m")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	m := &mrtRun{bench: b, dir: dir, null: null}
	if m.config, err = m.configuration(""); err != nil {
		return nil, err
	}
	for _, one := range []func(context.Context) ([]figure.Row, error){m.plain, m.gz, m.bz2} {
		got, failed := one(ctx)
		rows, err = append(rows, got...), errors.Join(err, failed)
	}
	return rows, err
}

// mrtRun is the folder with the archives.
type mrtRun struct {
	*bench
	dir    string
	config string // a file that watches one prefix
	null   *os.File
	full   archive
}

// archive is a file and what is in it.
type archive struct {
	file    string
	content fulltable.MRTContent
}

func (a archive) String() string {
	return fmt.Sprintf("%.0f MB, %s routes", float64(a.content.Octets)/1e6, thousands(a.content.Routes))
}

func (b *bench) writeConfig(file, more string) error {
	text := fmt.Sprintf("asns: [64500]\nprefixes: [{prefix: %s}]\n%s", fulltable.Watched(0), more)
	return os.WriteFile(file, []byte(text), 0o600)
}

func (m *mrtRun) configuration(more string) (string, error) {
	file := filepath.Join(m.dir, "anywatch.yaml")
	return file, m.writeConfig(file, more)
}

// write makes an archive, with a table so many times as small as usual.
func (m *mrtRun) write(name string, share int) (a archive, err error) {
	a.file = filepath.Join(m.dir, name)
	m.say("writing %s", name)
	f, err := os.Create(a.file)
	if err != nil {
		return a, err
	}
	table := fulltable.New(m.size.ipv4/share, m.size.ipv6/share)
	a.content, err = table.WriteMRT(f, fulltable.MRTFile{Peers: m.size.archive.peers, Passes: m.size.archive.passes})
	return a, errors.Join(err, f.Close())
}

// replay measures anywatch with an archive, packed or not.
func (m *mrtRun) replay(a archive) measurement {
	return func(ctx context.Context) ([]float64, error) { return m.bench.replay(ctx, m.config, a) }
}

// replay runs anywatch replay and looks whether it read everything.
func (b *bench) replay(ctx context.Context, config string, a archive) ([]float64, error) {
	f, err := proc.Run(ctx, nil, b.anywatch, "replay", "-c", config, "--format", "jsonl", a.file)
	if err != nil {
		return nil, err
	}
	var sum struct {
		Event                         string
		Messages, Prefixes, Malformed int
	}
	lines := bytes.Split(bytes.TrimSpace(f.Output), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil {
		return nil, fmt.Errorf("the last line of the replay: %w", err)
	}
	if sum.Event != "summary" || sum.Messages != a.content.Records || sum.Prefixes != a.content.Routes || sum.Malformed != 0 {
		return nil, fmt.Errorf("the replay has %+v; the file has %d records with %d routes", sum, a.content.Records, a.content.Routes)
	}
	return []float64{f.Took.Seconds(), f.Memory}, nil
}

// program measures another program that reads the file and writes to nowhere.
func (m *mrtRun) program(debian, name string, args ...string) measurement {
	return func(ctx context.Context) ([]float64, error) {
		path, err := proc.Find(name, debian)
		if err != nil {
			return nil, err
		}
		f, err := proc.Run(ctx, m.null, path, args...)
		return []float64{f.Took.Seconds(), f.Memory}, err
	}
}

func (m *mrtRun) rows(what string, a archive, budget figure.Budget) []figure.Row {
	name := fmt.Sprintf("MRT, %s, %s", what, a)
	return []figure.Row{
		{What: name + ": time", Unit: figure.Seconds, Budget: budget},
		{What: name + ": peak memory", Unit: figure.Octets},
	}
}

func (m *mrtRun) plain(ctx context.Context) (rows []figure.Row, err error) {
	if m.full, err = m.write("full.mrt", 1); err != nil {
		return nil, err
	}
	const dump = "bgpdump -m"
	rows = m.rows("uncompressed", m.full, figure.Budget{Limit: 40, Against: dump})
	err = m.compare(ctx, rows, m.replay(m.full),
		comparison{other{name: dump, once: !m.quick}, m.program("bgpdump", "bgpdump", "-m", m.full.file)})
	return rows, err
}

// gz packs the same file.
func (m *mrtRun) gz(ctx context.Context) (rows []figure.Row, err error) {
	packed := archive{m.full.file + ".gz", m.full.content}
	m.say("packing it with gzip")
	if err := pack(packed.file, m.full.file); err != nil {
		return nil, err
	}
	const zcat = "zcat"
	rows = m.rows("gz", packed, figure.Budget{Limit: 1 / 1.3, Against: zcat, Text: "≤ 1.3 × " + zcat})
	return rows, m.compare(ctx, rows, m.replay(packed), comparison{other{name: zcat}, m.program("gzip", zcat, packed.file)})
}

func pack(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	return errors.Join(err, z.Close(), out.Close())
}

// bz2 packs a smaller file, which needs the program bzip2.
func (m *mrtRun) bz2(ctx context.Context) (rows []figure.Row, err error) {
	const name = "bzip2 -dc"
	path, err := proc.Find("bzip2", "bzip2")
	if err != nil {
		return []figure.Row{{What: "MRT, bz2: time", Unit: figure.Seconds, Alternatives: []figure.Alternative{{Name: name, Note: err.Error()}}}}, nil
	}
	a, err := m.write("part.mrt", m.size.archive.bz2Share)
	if err != nil {
		return nil, err
	}
	m.say("packing it with bzip2")
	if _, err := proc.Run(ctx, nil, path, "-k", a.file); err != nil {
		return nil, err
	}
	a.file += ".bz2"
	rows = m.rows("bz2", a, figure.Budget{})
	return rows, m.compare(ctx, rows, m.replay(a), comparison{other{name: name}, m.program("bzip2", "bzip2", strings.Fields(name)[1], a.file)})
}
