package app

import (
	"fmt"
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/detector"
	"anywatch/rpki"
	"anywatch/rpki/keeper"
	"anywatch/rpki/rtr"
)

// vrpSources gives the configuration of VRPs to the keeper of them.
func vrpSources(c *config.Config) keeper.Config {
	file := func(f config.File) keeper.File { return keeper.File{Name: f.Name, Path: f.Path} }
	out := keeper.Config{SLURM: file(c.RPKI.SLURM), MaxAge: c.RPKI.MaxAge, MaxDrop: c.RPKI.MaxDrop.Fraction()}
	for _, r := range c.RPKI.Caches {
		out.Caches = append(out.Caches, keeper.Cache{
			Address: r.Address, Version: r.Version, TLS: r.Transport == "tls", ServerName: r.ServerName,
			CA: r.CA.Path, Cert: r.Cert.Path, Key: r.Key.Path,
		})
	}
	for _, f := range c.RPKI.Files {
		out.Files = append(out.Files, file(f))
	}
	return out
}

// clock is the daemon's time for those that also have to wait.
type clock struct {
	rtr.Clock
	now func() time.Time
}

// Now is what time it is.
func (c clock) Now() time.Time { return c.now() }

// newKeeper makes the keeper of VRPs and reads their files.
func (d *Daemon) newKeeper(c *config.Config) error {
	d.keeper = keeper.New(keeper.Options{Log: d.log, Clock: clock{rtr.SystemClock(), d.now}, OnChange: d.vrpsChanged})
	plan, err := d.keeper.Prepare(vrpSources(c))
	if err != nil {
		return err
	}
	d.keeper.Apply(plan)
	return keeper.Register(d.registry, d.keeper)
}

// vrpsChanged tells the engine what is known of the VRPs. Before there is an engine, it will be told when it is made.
func (d *Daemon) vrpsChanged(s rpki.Snapshot) {
	if d.owner != nil {
		d.owner.ask(func(e *detector.Engine) { e.SetRPKI(s, d.now()) })
	}
}

// describeVRPs tells in words what origins are checked by.
func (d *Daemon) describeVRPs() string {
	t := d.keeper.Table()
	if t.Len() == 0 {
		return "no VRPs: origins are not checked"
	}
	return fmt.Sprintf("%d VRPs from %d sources", t.Len(), len(t.Sources()))
}
