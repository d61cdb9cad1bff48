package keeper

import (
	"cmp"
	"time"

	"anywatch/rpki"
)

// report writes to the log what an operator wants to know of a change. What becomes of connections to caches, their clients tell.
func (k *Keeper) report(old, next rpki.Snapshot, now time.Time) {
	before := map[string]rpki.SourceStatus{}
	for _, s := range old.Sources {
		before[s.Name] = s
	}
	for _, s := range next.Sources {
		k.reportSource(before[s.Name], s, now)
	}
	k.reportDrops(old.Drops, next.Drops)
	if next.TooOld && !old.TooOld {
		k.o.Log.Error("all VRPs in use are too old: nobody is accused on their word alone", "max_age", k.book.config.MaxAge)
	}
	if len(next.Added)+len(next.Removed) > 0 {
		k.o.Log.Info("VRPs changed", "added", len(next.Added), "removed", len(next.Removed), "vrps", next.Table.Len())
	}
}

func (k *Keeper) reportSource(old, s rpki.SourceStatus, now time.Time) {
	log := k.o.Log.With("source", s.Name)
	switch {
	case s.State == rpki.SourceBroken && s.Err != old.Err:
		log.Error("VRPs were not reloaded; the old ones stay in use", "error", s.Err)
	case s.State == rpki.SourceFresh && old.State == rpki.SourceBroken:
		log.Info("the file can be read again", "vrps", s.VRPs, "aspas", s.ASPAs)
	case !s.Cache && s.State == rpki.SourceFresh && s.Err != "" && s.Err != old.Err:
		log.Warn("some entries of a file are left out", "reason", s.Err)
	}
	if s.TooOld && !old.TooOld {
		age := "no data yet"
		if !s.Updated.IsZero() {
			age = now.Sub(s.Updated).Round(time.Second).String()
		}
		log.Warn("the data of a source are too old", "age", age, "max_age", k.book.config.MaxAge)
	}
	if s.InUse && !old.InUse {
		log.Info("a source of VRPs is in use", "vrps", s.VRPs, "aspas", s.ASPAs, "state", s.State.String())
	}
}

func (k *Keeper) reportDrops(old, next []rpki.AnchorDrop) {
	for _, d := range next {
		at := find(old, d)
		log := k.o.Log.With("anchor", cmp.Or(d.Anchor, "(not named)"), "source", d.Source, "was", d.Was, "is", d.Is)
		switch {
		case d.Accepted:
			log.Warn("the fall of a trust anchor has lasted so long that it is taken for the truth", "since", d.Since)
		case at < 0:
			log.Error("a trust anchor lost a large share of its VRPs at once; what vanished stays in use", "since", d.Since)
		}
	}
	for _, d := range old {
		if !d.Accepted && find(next, d) < 0 {
			k.o.Log.Info("the trust anchor is back, or its source is not in use any more", "anchor", cmp.Or(d.Anchor, "(not named)"), "source", d.Source)
		}
	}
}

// find gives the place of the drop of the same trust anchor in the same source.
func find(list []rpki.AnchorDrop, d rpki.AnchorDrop) int {
	for i, o := range list {
		if o.Anchor == d.Anchor && o.Source == d.Source {
			return i
		}
	}
	return -1
}
