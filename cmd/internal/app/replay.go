package app

import (
	"context"
	"io"
	"log/slog"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/screen"
	"anywatch/detector"
)

// Replay is one run of recorded input through the engine.
type Replay struct {
	Config *config.Config
	Inputs []string // files, folders, or "-" for Stdin
	Stdin  io.Reader
	archive.Options
	// Tail moves the clock on after the last record, so that what is pending can come due.
	Tail time.Duration
	// Done is handed the engine as it stands at the end; nil for nobody.
	Done func(*detector.Engine)
	// Emit takes every change of an incident; Report and Progress what archive.Deps say.
	Emit     func(detector.Change)
	Report   func(archive.Problem)
	Progress func(read, total int64)
}

// Summary is what a replay ends with.
type Summary struct {
	archive.Stats
	// Incidents counts incidents by kind, each once however often it was reopened.
	Incidents map[detector.Kind]int
	// Failed are the rules of the configuration that failed on routes.
	Failed []RuleFailure
}

// Run reads the inputs. The clock of detection moves by the times in them.
func (r Replay) Run(ctx context.Context) (Summary, error) {
	sum := Summary{Incidents: make(map[detector.Kind]int)}
	inputs, err := r.open()
	if err != nil {
		return sum, err
	}
	vrps, err := LoadVRPs(r.Config, time.Time{})
	if err != nil {
		return sum, err
	}
	set := Rules(r.Config)
	engine := detector.New(detector.Options{Rules: set, VRPs: vrps, Emit: r.counting(&sum)})
	deps := archive.Deps{
		Registry: collector.NewRegistry(), Live: screen.NewLive(Watch(set)), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		ASNs: r.Config.ASNs, Report: r.Report, Progress: r.Progress, Tick: engine.Advance,
		Out: collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			engine.Apply(ev, ev.Time)
			return nil
		}),
	}
	if r.Config.Sources.BMP != nil {
		deps.VRFs = r.Config.Sources.BMP.VRFs
	}
	sum.Stats, err = archive.Read(ctx, inputs, deps, r.Options)
	if err == nil && r.Tail > 0 {
		engine.Advance(engine.Clock().Add(r.Tail))
	}
	sum.Failed = ruleFailures(set)
	if err == nil && r.Done != nil {
		r.Done(engine)
	}
	return sum, err
}

func (r Replay) open() (inputs []archive.Input, err error) {
	for _, name := range r.Inputs {
		some, err := archive.Open(name, r.Stdin)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, some...)
	}
	return inputs, nil
}

// counting counts incidents as they are emitted.
func (r Replay) counting(sum *Summary) func(detector.Change) {
	seen := make(map[string]bool)
	return func(c detector.Change) {
		if !seen[c.Incident.ID] {
			seen[c.Incident.ID] = true
			sum.Incidents[c.Incident.Kind]++
		}
		r.Emit(c)
	}
}
