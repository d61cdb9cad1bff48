package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/proc"
)

// experiment is one case: it gives rows of the table. The rows before a failure are given with the error.
type experiment struct {
	name string
	run  func(context.Context, *bench) ([]figure.Row, error)
}

func experiments() []experiment {
	return []experiment{
		{"bgp", bgpCase}, {"bmp", bmpCase}, {"rislive", risCase}, {"rislatency", risLatencyCase}, {"bgplatency", bgpLatencyCase},
		{"mrt", mrtCase}, {"screen", screenCase}, {"rpki", rpkiCase},
	}
}

func names() (list []string) {
	for _, e := range experiments() {
		list = append(list, e.name)
	}
	return list
}

// chosen gives the cases with these names, in the order of the table; all when none is named.
func chosen(only []string) (list []experiment, err error) {
	for _, name := range only {
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("-only %s: there are %s", name, strings.Join(names(), ", "))
		}
	}
	for _, e := range experiments() {
		if len(only) == 0 || slices.Contains(only, e.name) {
			list = append(list, e)
		}
	}
	return list, nil
}

// sizes are how much each case takes.
type sizes struct {
	ipv4, ipv6      int // of a full table
	routers         int // with BMP
	decodeRouters   int // for those who decode every message
	messages        int // of RIS Live
	hijacks         int // for a latency
	hijackEvery     time.Duration
	noise           int // messages a second
	archive         archiveSize
	vrps            int
	screenFor       time.Duration
	watched         int // prefixes, but for the screen's
	watchedByScreen []int
}

func fullSizes() sizes {
	return sizes{
		ipv4: 1_000_000, ipv6: 200_000, routers: 100, decodeRouters: 4, messages: 8_000_000, hijacks: 200, hijackEvery: 47 * time.Millisecond,
		noise: 100_000, archive: archiveSize{peers: 4, passes: 4, bz2Share: 5}, vrps: 600_000, screenFor: time.Second, watched: 1000,
		watchedByScreen: []int{10, 10_000, 100_000},
	}
}

func quickSizes() sizes {
	return sizes{
		ipv4: 50_000, ipv6: 10_000, routers: 10, decodeRouters: 2, messages: 200_000, hijacks: 100, hijackEvery: 17 * time.Millisecond,
		noise: 100_000, archive: archiveSize{peers: 2, passes: 1, bz2Share: 2}, vrps: 30_000, screenFor: 50 * time.Millisecond, watched: 1000,
		watchedByScreen: []int{10, 1000, 10_000},
	}
}

// bench is what the cases work with.
type bench struct {
	options
	size     sizes
	self     string // the program that runs, for its parts
	dir      string // temporary, with a short name
	progress io.Writer
	began    time.Time
	noise    figure.Sample // messages a second that were really sent, in the runs of one latency
}

// newBench makes the temporary folder and builds anywatch.
func newBench(ctx context.Context, o options, progress io.Writer) (*bench, error) {
	b := &bench{options: o, size: fullSizes(), progress: progress, began: time.Now()}
	if o.quick {
		b.size = quickSizes()
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	if b.anywatch == "" {
		b.say("building anywatch")
		b.anywatch = filepath.Join(b.dir, "anywatch")
		if _, err := proc.Run(ctx, nil, "go", "build", "-o", b.anywatch, "anywatch/cmd/anywatch"); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// say tells a person who waits how far we are.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%4.0fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// part runs a part of the benchmark as a process of its own.
func (b *bench) part(ctx context.Context, args ...any) (*proc.Process, error) {
	list := []string{"part"}
	for _, a := range args {
		list = append(list, fmt.Sprint(a))
	}
	return proc.Start(ctx, b.self, list...)
}

// measurement is one run: a value for each of some rows.
type measurement func(ctx context.Context) ([]float64, error)

// runLimit bounds one run, so that what hangs is found out; on a busy machine the slowest run takes some minutes.
const runLimit = 20 * time.Minute

// times repeats a measurement and gives the values by row.
func (b *bench) times(ctx context.Context, what string, n int, measure measurement) (out []figure.Sample, err error) {
	for i := range n {
		b.say("%s, run %d of %d", what, i+1, n)
		limited, cancel := context.WithTimeout(ctx, runLimit)
		values, err := measure(limited)
		cancel()
		if err != nil {
			return out, err
		}
		for j, v := range values {
			if j == len(out) {
				out = append(out, nil)
			}
			out[j] = append(out[j], v)
		}
	}
	return out, nil
}

// topic is what rows are about, without which of several figures each is.
func topic(rows []figure.Row) string {
	what, _, _ := strings.Cut(rows[0].What, ": ")
	return what
}

// ours measures anywatch; each value belongs to the row of its place.
func (b *bench) ours(ctx context.Context, rows []figure.Row, measure measurement) error {
	samples, err := b.times(ctx, topic(rows)+": anywatch", b.repeats, measure)
	for i, s := range samples {
		rows[i].Ours = s
	}
	return err
}

// other is somebody to compare with.
type other struct {
	name string
	note string
	once bool // too slow to be repeated
}

// against measures somebody else for the same rows; it may give fewer values. One who is not installed is no failure.
func (b *bench) against(ctx context.Context, rows []figure.Row, o other, measure measurement) error {
	n := b.repeats
	if o.once {
		n = 1
		o.note = strings.TrimPrefix(o.note+", one run", ", ")
	}
	samples, err := b.times(ctx, topic(rows)+": "+o.name, n, measure)
	var missing *proc.Missing
	if errors.As(err, &missing) {
		for i := range rows {
			rows[i].Alternatives = append(rows[i].Alternatives, figure.Alternative{Name: o.name, Note: missing.Error()})
		}
		return nil
	}
	for i, s := range samples {
		rows[i].Alternatives = append(rows[i].Alternatives, figure.Alternative{Name: o.name, Sample: s, Note: o.note})
	}
	return err
}

// comparison is one alternative and how it is measured.
type comparison struct {
	other
	measure measurement
}

// compare measures anywatch and then the others.
func (b *bench) compare(ctx context.Context, rows []figure.Row, ours measurement, others ...comparison) error {
	if err := b.ours(ctx, rows, ours); err != nil {
		return err
	}
	for _, o := range others {
		if err := b.against(ctx, rows, o.other, o.measure); err != nil {
			return err
		}
	}
	return nil
}
