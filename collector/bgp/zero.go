package bgp

import (
	"context"
	"errors"
	"slices"

	"anywatch/collector"
	"anywatch/collector/route"
)

var (
	errZero           = errors.New("AS 0 stands in the AS_PATH (RFC 7607)")
	errZeroAggregator = errors.New("AS 0 stands in the AGGREGATOR (RFC 7607); the attribute is left out")
)

// zeroGuard stands between a session's intake and the queue. RFC 7607 section 2: "An UPDATE message that contains the AS number of zero in
// the AS_PATH or AGGREGATOR attribute MUST be considered as malformed and be handled by the procedures specified in [RFC7606]". Those are
// treat-as-withdraw for AS_PATH (section 7.2) and attribute-discard for AGGREGATOR (section 7.7). What archives and BMP show is read as it stands.
type zeroGuard struct {
	session *session
	out     collector.Sink
}

// Emit hands the event on, without what RFC 7607 forbids.
func (g *zeroGuard) Emit(ctx context.Context, ev collector.Event) error {
	if ev.Kind == collector.Routes && slices.ContainsFunc(ev.Updates, zeroIn) {
		updates := make([]route.Update, len(ev.Updates))
		for i, u := range ev.Updates {
			updates[i] = g.without(u)
		}
		ev.Updates = updates
	}
	return g.out.Emit(ctx, ev)
}

func zeroIn(u route.Update) bool {
	return u.Attrs != nil && (u.Attrs.Path.Contains(route.ASZero) || zeroAggregator(u.Attrs))
}

func zeroAggregator(a *route.Attrs) bool {
	return a.Aggregator.Address.IsValid() && a.Aggregator.AS == route.ASZero
}

func (g *zeroGuard) without(u route.Update) route.Update {
	switch {
	case !zeroIn(u):
		return u
	case u.Attrs.Path.Contains(route.ASZero):
		g.session.zero = errZero
		return route.Update{Withdrawn: append(slices.Clone(u.Withdrawn), u.Announced...)}
	}
	attrs := *u.Attrs
	attrs.Aggregator = route.Aggregator{}
	g.session.in.Tally.Discarded++
	g.session.discarded = &collector.Malformed{Vantage: g.session.vantage, Class: route.AttributeDiscard, Err: errZeroAggregator}
	u.Attrs = &attrs
	return u
}
