package health

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anywatch/detector"
)

// bench is a prober in a bubble of time, whose probes come out as the test says.
type bench struct {
	*Prober
	registry *prometheus.Registry
	log      strings.Builder

	mu     sync.Mutex
	came   map[string]Outcome // of the next probes, by what is asked
	probed []string           // "site+seconds since the start"
	told   []string
}

func newBench(random float64) *bench {
	b := &bench{registry: prometheus.NewRegistry(), came: make(map[string]Outcome)}
	began := time.Now()
	since := func() string { return fmt.Sprintf("%.1f", time.Since(began).Seconds()) }
	b.Prober = New(Options{
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Now: time.Now, Metrics: NewMetrics(b.registry), Random: func() float64 { return random },
		Tell: func(h detector.Health) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, since()+" "+h.Site+" "+h.State.String())
		},
		Ask: func(_ context.Context, p Probe, _ time.Duration) Outcome {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.probed = append(b.probed, since()+" "+p.(TCP).Address)
			if o, ok := b.came[p.(TCP).Address]; ok {
				return o
			}
			return up()
		},
	})
	return b
}

func (b *bench) take(list *[]string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := strings.Join(*list, "|")
	*list = nil
	return got
}

func (b *bench) set(probe string, o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came[probe] = o
}

// run runs the prober until the test is done with it.
func (b *bench) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// after lets time pass, and everything happen that is due until then.
func after(d time.Duration) {
	time.Sleep(d) // of the bubble: nobody waits
	synctest.Wait()
}

func check(site string, interval time.Duration) Check {
	return Check{Site: site, Probe: TCP{site}, Interval: interval, FailAfter: 3}
}

// The probes of the sites are spread over their interval, and go on in it.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0.5)
		b.Set([]Check{check("ams", 8*time.Second), check("nrt", 8*time.Second), check("iad", 8*time.Second), check("fra", time.Hour)})
		b.run(t)
		after(20 * time.Second)
		want := "0.2 ams|2.2 nrt|4.2 iad|7.8 fra|8.2 ams|10.2 nrt|12.2 iad|16.2 ams|18.2 nrt"
		if got := b.take(&b.probed); got != want {
			t.Errorf("probed at\n%s, want\n%s", got, want)
		}
	})
}

// A probe comes up to a twentieth of the interval earlier or later.
func TestJitter(t *testing.T) {
	for random, want := range map[float64]string{0: "0.0 ams|9.5 ams|19.0 ams|28.5 ams", 0.999: "0.5 ams|11.0 ams|21.5 ams"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(random)
			b.Set([]Check{check("ams", 10*time.Second)})
			b.run(t)
			after(30 * time.Second)
			if got := b.take(&b.probed); got != want {
				t.Errorf("with %v probed at %s, want %s", random, got, want)
			}
		})
	}
}

func TestTellsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0.5)
		b.Set([]Check{check("ams", 10*time.Second)})
		b.run(t)
		after(5 * time.Second)
		b.set("ams", down("refused"))
		after(30 * time.Second)
		if got, want := b.take(&b.told), "0.0 ams unknown|0.2 ams up|30.2 ams down"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		b.counted(t, "ams", 1, 3, 0)
		if got := testutil.ToFloat64(b.options.Metrics.healthy.WithLabelValues("ams")); got != 0 {
			t.Errorf("a site that is down has healthy %v", got)
		}
		b.set("ams", unasked("no route"))
		after(30 * time.Second)
		if got, want := b.take(&b.told), "60.2 ams unknown"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		b.counted(t, "ams", 1, 3, 3)
		b.series(t, "anywatch_site_healthy", 0)
		if log := b.log.String(); !strings.Contains(log, `level=WARN msg="the service of the site can't be probed" site=ams check="tcp ams" reason="no route"`) {
			t.Errorf("the log does not say that it can't be probed:\n%s", log)
		}
	})
}

// counted compares what came of the probes of a site.
func (b *bench) counted(t *testing.T, site string, success, failure, unknown float64) {
	t.Helper()
	of := func(result string) float64 {
		return testutil.ToFloat64(b.options.Metrics.probes.WithLabelValues(site, result))
	}
	if got, want := [3]float64{of("success"), of("failure"), of("unknown")}, [3]float64{success, failure, unknown}; got != want {
		t.Errorf("%s: counted success, failure, unknown %v, want %v", site, got, want)
	}
}

func (b *bench) series(t *testing.T, name string, want int) {
	t.Helper()
	if n, err := testutil.GatherAndCount(b.registry, name); n != want || err != nil {
		t.Errorf("%d series of %s, want %d; %v", n, name, want, err)
	}
}

// With another configuration, sites that are as they were go on, changed ones begin anew, and those taken out stop and leave nothing behind.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0.5)
		b.set("nrt", down("refused"))
		b.Set([]Check{check("ams", 10*time.Second), check("nrt", 10*time.Second), check("iad", 10*time.Second)})
		b.run(t)
		after(20 * time.Second) // nrt has failed twice
		b.take(&b.told)
		b.take(&b.probed)
		b.Set([]Check{check("fra", 10*time.Second), check("nrt", 10*time.Second), check("ams", 20*time.Second)})
		after(10 * time.Second)
		told := strings.Split(b.take(&b.told), "|")
		slices.Sort(told) // what happens at the same time has no order
		want := "20.0 ams unknown|20.0 fra unknown|20.0 iad unchecked|20.2 fra up|23.6 nrt down|26.9 ams up"
		if got := strings.Join(told, "|"); got != want {
			t.Errorf("told\n%s, want\n%s", got, want)
		}
		b.counted(t, "nrt", 0, 3, 0)
		b.series(t, "anywatch_site_healthy", 3)
		b.series(t, "anywatch_site_probes_total", 9)
		b.series(t, "anywatch_site_probe_duration_seconds", 3)
	})
}

// A probe that does not end with the prober is left to itself, and nothing is told of it.
func TestEndDuringProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0.5)
		release := make(chan struct{})
		b.options.Ask = func(context.Context, Probe, time.Duration) Outcome { <-release; return up() }
		b.Set([]Check{check("ams", 10*time.Second)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.Run(ctx) }()
		after(time.Second)
		cancel()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("the prober waits for a probe")
		}
		close(release)
		synctest.Wait()
		if got, want := b.take(&b.told), "0.0 ams unknown"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// A probe that takes long delays the next one, and no two of a site are under way at once.
func TestSlowProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(0.5)
		began, limits := time.Now(), make(map[time.Duration]bool)
		var at []float64
		b.options.Ask = func(_ context.Context, _ Probe, timeout time.Duration) Outcome {
			at, limits[timeout] = append(at, time.Since(began).Seconds()), true
			time.Sleep(15 * time.Second)
			return up()
		}
		b.Set([]Check{check("ams", 10*time.Second)})
		ctx, cancel := context.WithCancel(t.Context())
		go b.Run(ctx)
		after(40 * time.Second)
		cancel()
		after(15 * time.Second) // the last probe ends by itself
		if want := []float64{0.25, 15.25, 30.25}; !slices.Equal(at, want) {
			t.Errorf("probed at %v, want %v", at, want)
		}
		if len(limits) != 1 || !limits[5*time.Second] {
			t.Errorf("timeouts %v, want 5s", limits)
		}
		if got := check("ams", 2*time.Second).timeout(); got != 2*time.Second {
			t.Errorf("with an interval of 2s the timeout is %s", got)
		}
	})
}

func TestMetricsLint(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	m.begin("ams")
	m.probed("ams", up(), time.Second)
	m.is("ams", detector.HealthUp)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(reg); n != 5 || err != nil {
		t.Errorf("%d series, want 5; %v", n, err)
	}
	m.forget("ams")
	if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
		t.Errorf("%d series are left; %v", n, err)
	}
}
