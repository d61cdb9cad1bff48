//go:build interop

package conformance

import (
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/internal/peers"
)

// TestHoldTimer: a peer that is stopped, its connection open, is given up after the hold time, which is the smaller of both proposals (RFC
// 4271 section 4.2): its 3 s here, not our 90 s. It comes back when it goes on.
func TestHoldTimer(t *testing.T) {
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := newAddress()
		s := start(t, over4, watched, neighbor(at, 64501))
		spec := s.spec(at, 64501)
		spec.Hold, spec.Routes = 3, both()
		p := peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		p.Freeze()
		if lost := s.nth(collector.FeedLost, 1); lost.Reason != "the hold timer expired: nothing came from the peer for 3s" {
			t.Errorf("lost because %q", lost.Reason)
		}
		s.shows("192.0.2.0/24 [64501] stale", "2001:db8:53::/48 [64501] stale")
		if s.source.Sessions()[0].Established || s.counters.Sessions.Load() != 0 {
			t.Errorf("sessions %+v", s.source.Sessions())
		}
		p.Thaw()
		p.Retry()
		s.nth(collector.PeerUp, 2)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		s.unharmed()
	})
}

// TestGracefulRestart: a peer that dies has asked to keep its routes for a while (RFC 4724); they are stale until it shows them again, and those
// that it does not show again are gone with its End-of-RIB.
func TestGracefulRestart(t *testing.T) {
	keep := map[peers.Make]time.Duration{
		peers.BIRD: time.Minute, peers.FRRouting: time.Minute, peers.GoBGP: time.Minute, peers.ExaBGP: time.Minute,
		peers.OpenBGPD: 0, // it offers the capability for End-of-RIB, and keeps nothing
	}
	each(t, everyMake, func(t *testing.T, m peers.Make) {
		at := newAddress()
		s := start(t, over4, watched, neighbor(at, 64501))
		spec := s.spec(at, 64501)
		spec.Restart, spec.Routes = 60, both()
		p := peers.Run(t, m, spec)
		s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
		p.Kill()
		if lost := s.nth(collector.FeedLost, 1); lost.Keep != keep[m] {
			t.Errorf("lost, its routes kept for %v (%s)", lost.Keep, lost.Reason)
		}
		s.shows("192.0.2.0/24 [64501] stale", "2001:db8:53::/48 [64501] stale")
		p.Spec.Routes = []peers.Route{{Prefix: more}, {Prefix: six}}
		p.Again()
		s.nth(collector.PeerUp, 2)
		s.shows("192.0.2.0/25 [64501]", "2001:db8:53::/48 [64501]")
		s.unharmed()
	})
}

// TestShutdown: a peer whose operator takes the session down says so, in words where it can (RFC 9003), and asks for nothing to be kept.
//
// ExaBGP closes the connection without a NOTIFICATION; there is nothing to read.
func TestShutdown(t *testing.T) {
	const said = `: "planned maintenance"`
	cases := map[peers.Make]struct {
		command []string
		words   string
	}{
		peers.BIRD:      {[]string{"disable", "station", `"planned maintenance"`}, said},
		peers.FRRouting: {[]string{"configure terminal", "router bgp 64501", "neighbor 127.0.0.1 shutdown message planned maintenance"}, said},
		peers.GoBGP:     {[]string{"neighbor", "127.0.0.1", "disable", "planned maintenance"}, ""}, // it does not pass the words on
		peers.OpenBGPD:  {[]string{"neighbor", "127.0.0.1", "down", "planned maintenance"}, said},
	}
	t.Parallel()
	for m, c := range cases {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			at := newAddress()
			s := start(t, over4, watched, neighbor(at, 64501))
			spec := s.spec(at, 64501)
			spec.Restart, spec.Routes = 60, both()
			p := peers.Run(t, m, spec)
			s.shows("192.0.2.0/24 [64501]", "2001:db8:53::/48 [64501]")
			p.Do(c.command...)
			if lost := s.nth(collector.FeedLost, 1); !strings.HasSuffix(lost.Reason, "Cease/Administrative Shutdown (6/2)"+c.words) || lost.Keep != 0 {
				t.Errorf("lost, its routes kept for %v: %s", lost.Keep, lost.Reason)
			}
		})
	}
}
