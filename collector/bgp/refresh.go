package bgp

import (
	"errors"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Message subtypes of ROUTE-REFRESH (RFC 7313 section 3.2).
const (
	refreshRequest = 0
	refreshBegins  = 1 // BoRR
	refreshEnds    = 2 // EoRR
)

// refreshPatience is how long a peer may take to show its table again before the log says that its end is missing.
const refreshPatience = 10 * time.Minute

var errNoRefresh = errors.New("the peer does not offer route refresh (RFC 2918); reset the session to see its table again")

// askAgain asks the peer for its table again (RFC 2918 section 3): AFI, a reserved octet, SAFI.
func (s *session) askAgain() error {
	if !s.peer.RouteRefresh {
		return errNoRefresh
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if s.carried&f == 0 {
			continue
		}
		if err := s.conn.send(message(typeRouteRefresh, 0, byte(f), 0, 1)); err != nil {
			return err
		}
	}
	return nil
}

// refresh handles a ROUTE-REFRESH. Who asks us for routes is not answered: we announce nothing, so there is nothing to announce again. A peer
// that marks the begin and the end of what it shows again lets us know which routes are gone (RFC 7313 section 4).
func (s *session) refresh(at time.Time, body []byte) *fault {
	if !s.peer.EnhancedRefresh { // "applicable only when a BGP speaker has received the Enhanced Route Refresh Capability"
		if len(body) < 4 || body[2] != refreshRequest {
			s.src.oddRefreshes.Add(1)
		}
		return nil
	}
	// RFC 7313 section 5: "If the length […] of the received ROUTE-REFRESH message with Message Subtype 1 and 2 is not 4, then the BGP speaker
	// MUST send a NOTIFICATION message […] The Data field of the NOTIFICATION message MUST contain the complete ROUTE-REFRESH message."
	if len(body) < 4 || len(body) > 4 && (body[2] == refreshBegins || body[2] == refreshEnds) {
		return &fault{codeRefresh, refreshBadLength, message(typeRouteRefresh, body...)}
	}
	f := s.family(body)
	switch {
	case body[2] == refreshRequest:
	case body[2] == refreshBegins && f != 0:
		s.again(f, at, collector.TableBegins)
	case body[2] == refreshEnds && f != 0 && !s.refreshing[f].IsZero():
		s.again(f, time.Time{}, collector.EndOfRIB)
	default:
		// "When the BGP speaker receives a ROUTE-REFRESH message with a "Message Subtype" field other than 0, 1, or 2, it MUST ignore the received
		// ROUTE-REFRESH message." The same goes for families that the session does not carry, and for an end without a begin.
		s.src.oddRefreshes.Add(1)
	}
	return nil
}

// family reads AFI and SAFI of a ROUTE-REFRESH; zero stands for a family that the session does not carry.
func (s *session) family(body []byte) route.Family {
	if body[0] != 0 || body[1] != 1 && body[1] != 2 || body[3] != 1 {
		return 0
	}
	return route.Family(body[1]) & s.carried
}

// again notes since when a family is shown again, and tells that this begins or ends.
func (s *session) again(f route.Family, since time.Time, kind collector.Kind) {
	s.refreshing[f] = since
	if kind == collector.TableBegins {
		s.routes.begin(f)
	} else {
		s.routes.end(f)
	}
	if s.routes != nil {
		s.judge(s.conn.at)
	}
	// It fails only when the session is to end, which is noticed with the next message.
	_ = s.in.Out.Emit(s.ctx, collector.Event{Kind: kind, Time: s.conn.at, Vantage: s.vantage, Family: f})
}

// lateRefresh says once when a table that is shown again does not come to its end. Nothing is concluded from what it did not show so far.
func (s *session) lateRefresh(at time.Time) {
	for f, since := range s.refreshing {
		if since.IsZero() || at.Sub(since) < refreshPatience {
			continue
		}
		s.refreshing[f] = time.Time{}
		s.routes.keep(route.Family(f))
		s.src.deps.Log.Warn("the peer began to show its table again and does not end it (RFC 7313); routes that it did not show again are kept",
			"neighbor", s.name(), "ipv6", route.Family(f) == route.IPv6, "since", since.UTC().Format(time.RFC3339))
	}
}
