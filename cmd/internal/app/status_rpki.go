package app

import (
	"anywatch/cmd/internal/report"
	"anywatch/rpki"
)

func (d *Daemon) rpkiStatus() RPKIStatus {
	c, s := d.configuration().RPKI, d.keeper.Snapshot()
	out := RPKIStatus{
		Configured: len(c.Caches)+len(c.Files) > 0, VRPs: s.Table.Len(), Generated: report.Time(s.Table.Generated()), TooOld: s.TooOld,
		Sources: make([]VRPSource, 0, len(s.Sources)), Drops: make([]AnchorDrop, 0, len(s.Drops)),
	}
	for _, x := range s.Sources {
		out.Sources = append(out.Sources, toVRPSource(x, s.Differences))
	}
	for _, x := range s.Drops {
		if !x.Accepted {
			out.Drops = append(out.Drops, AnchorDrop{Anchor: x.Anchor, Source: x.Source, Was: x.Was, Is: x.Is, Since: x.Since.UTC(), Lost: vrpTexts(x.Lost)})
		}
	}
	return out
}

func toVRPSource(x rpki.SourceStatus, differences []rpki.Difference) VRPSource {
	out := VRPSource{
		Name: x.Name, State: x.State.String(), Since: x.Since.UTC(), Updated: report.Time(x.Updated), Expires: report.Time(x.Expires),
		VRPs: x.VRPs, ASPAs: x.ASPAs, InUse: x.InUse, TooOld: x.TooOld, Reason: orNull(x.Err),
	}
	if x.Cache && !x.Updated.IsZero() {
		out.Version, out.Serial = &x.Version, &x.Serial
	}
	for _, d := range differences {
		if d.Other == x.Name {
			out.Differs = &VRPDifference{From: d.Used, Missing: d.Missing, Extra: d.Extra, Examples: vrpTexts(d.Examples), Since: d.Since.UTC()}
		}
	}
	return out
}

func vrpTexts(list []rpki.VRP) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}
