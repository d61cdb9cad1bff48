package exabgp

import (
	"context"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// agree puts what the two ends agreed upon in force. It may come with each message.
func (d *Decoder) agree(p *peer, n *negotiated) {
	plain, label := families(n.Families)
	paths, labelPaths := families(n.AddPath.Receive)
	p.families = plain | label
	p.reader.Trial = false
	p.reader.Encoding = route.Encoding{TwoByteAS: !n.ASN4, AddPath: paths, AddPathLabelled: labelPaths}
	if all := plain != 0 && paths&plain == plain; all != p.vantage.AllPaths {
		v := *p.vantage
		v.AllPaths = all
		p.vantage = d.reg.Register(v)
	}
}

// state takes a session that came or went. ExaBGP says "down" for each attempt that failed, too.
func (d *Decoder) state(ctx context.Context, p *peer, n *neighbor, t time.Time) error {
	switch n.State {
	case "up":
		p.shown, p.lost, p.twice = true, "", false
		return d.in.Out.Emit(ctx, collector.Event{Kind: collector.PeerUp, Time: t, Vantage: p.vantage, Family: p.families})
	case "down":
		d.forget(p)
		if !p.shown {
			return nil
		}
		p.shown, p.lost = false, ""
		reason := "ExaBGP lost its session"
		if n.Reason != "" {
			reason += ": " + n.Reason
		}
		return d.in.Out.Emit(ctx, collector.Event{Kind: collector.FeedLost, Time: t, Vantage: p.vantage, Reason: reason})
	case "connected":
		return nil
	}
	return malformed("peer state %q is none of up, connected, down", clip(n.State))
}

// forget drops what was agreed upon in a session that has ended.
func (d *Decoder) forget(p *peer) {
	p.families, p.twice = 0, false
	p.reader = collector.Reader{Trial: true}
	p.reader.Local = p.vantage.Local
}

// Lost says that nothing more is heard of ExaBGP: what its peers would show is unknown. What they show when it is heard again comes after a Gap.
func (d *Decoder) Lost(ctx context.Context, at time.Time, reason string) error {
	return d.lose(ctx, at, reason, "what came while nobody listened to ExaBGP was missed")
}

func (d *Decoder) lose(ctx context.Context, at time.Time, reason, missed string) error {
	for _, p := range d.order {
		d.forget(p)
		if !p.shown {
			continue
		}
		p.shown, p.lost = false, missed
		if err := d.in.Out.Emit(ctx, collector.Event{Kind: collector.FeedLost, Time: at, Vantage: p.vantage, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// found tells of the hole before the first message of a peer that was lost without a word from ExaBGP.
func (d *Decoder) found(ctx context.Context, p *peer, t time.Time) error {
	p.shown = true
	if p.lost == "" {
		return nil
	}
	reason := p.lost
	p.lost = ""
	return d.in.Out.Emit(ctx, collector.Event{Kind: collector.Gap, Time: t, Vantage: p.vantage, Reason: reason})
}

func (d *Decoder) refresh(ctx context.Context, p *peer, r *refresh, t time.Time) error {
	if r == nil {
		return malformed("a route refresh without its family")
	}
	f, _ := familyOf(r.AFI + " " + r.SAFI)
	kind := collector.TableBegins
	switch {
	case f == 0 || r.Subtype != "begin" && r.Subtype != "end":
		return nil
	case r.Subtype == "end":
		kind = collector.EndOfRIB
	}
	if err := d.found(ctx, p, t); err != nil {
		return err
	}
	return d.in.Out.Emit(ctx, collector.Event{Kind: kind, Time: t, Vantage: p.vantage, Family: f})
}
