package app

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"anywatch/rpki"
)

// validator is what a scenario tells of the VRPs: what the keeper of them would say.
type validator struct {
	table   *rpki.Table
	sources []rpki.SourceStatus
	fallen  *rpki.Table // what a trust anchor that fell has left
	drops   []rpki.AnchorDrop
}

// validated tells the engine what became of the VRPs, of a cache or of a trust anchor.
func (p *player) validated(line string, at time.Time, words []string) {
	v, was := &p.validator, p.validator.table
	switch {
	case words[0] == "vrps":
		v.table = p.loadVRPs(words[1])
	case words[0] == "cache":
		v.cache(words[1], words[2], strings.Join(words[3:], " "), at)
	case words[2] == "lost":
		v.fallen = p.loadVRPs(words[3])
		v.lose(words[1], at)
	case words[2] == "back":
		v.drops = nil
	case words[2] == "believed":
		v.table = v.fallen
		v.drops[0].Accepted = true
	default:
		p.t.Fatalf("%s: no such event", line)
	}
	s := rpki.Snapshot{Table: v.table, Sources: slices.Clone(v.sources), Drops: slices.Clone(v.drops)}
	s.TooOld = len(v.sources) > 0 && !slices.ContainsFunc(v.sources, func(s rpki.SourceStatus) bool { return !s.TooOld })
	if was.Len() > 0 && v.table.Len() > 0 {
		s.Added, s.Removed = rpki.DiffAuthority(was.Set(), v.table.Set())
	}
	p.engine.SetRPKI(s, at)
	v.drops = slices.DeleteFunc(v.drops, func(d rpki.AnchorDrop) bool { return d.Accepted })
}

func (p *player) loadVRPs(name string) *rpki.Table {
	table, err := rpki.Load([]string{filepath.Join(p.dir, name)}, "", time.Time{})
	if err != nil {
		p.t.Fatal(err)
	}
	return table
}

// cache notes that a cache has fresh data, that they are too old, or that it is not configured any more.
func (v *validator) cache(name, how, reason string, at time.Time) {
	s := rpki.SourceStatus{Name: "cache " + name, State: rpki.SourceFresh, Since: at, Updated: at, InUse: true, Err: reason}
	i := slices.IndexFunc(v.sources, func(o rpki.SourceStatus) bool { return o.Name == s.Name })
	switch {
	case how == "gone":
		v.sources = slices.Delete(v.sources, i, i+1)
		return
	case how == "too-old":
		s.State, s.TooOld, s.Updated = rpki.SourceStale, true, time.Time{}
	}
	if i < 0 {
		v.sources = append(v.sources, s)
		return
	}
	if s.TooOld {
		s.Updated = v.sources[i].Updated
	}
	v.sources[i] = s
}

// lose notes that of a trust anchor only what is in the other table is left, and that nobody believes it yet.
func (v *validator) lose(anchor string, at time.Time) {
	_, lost := rpki.Diff(v.table.Set(), v.fallen.Set())
	held, err := rpki.NewSet(lost, nil)
	if err != nil {
		panic(err) // they came from a set
	}
	v.drops = []rpki.AnchorDrop{{
		Anchor: anchor, Source: "cache 127.0.0.1:3323", Since: at, Lost: lost[:1], Held: held,
		Was: v.table.Anchors()[anchor], Is: v.fallen.Anchors()[anchor],
	}}
}
