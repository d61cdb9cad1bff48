package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	api "github.com/osrg/gobgp/v3/api"
)

// sessions knows which neighbours of a speaker are established. It learns it from the speaker's events: to ask GoBGP for its neighbours
// while it streams BMP is a data race inside GoBGP.
type sessions struct {
	mu          sync.Mutex
	established map[netip.Addr]bool // by neighbour, every configured one
}

// expect adds a configured neighbour, which is not established yet.
func (s *sessions) expect(neighbor netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.established[neighbor] = false
}

// forget removes neighbours that are no longer configured.
func (s *sessions) forget(neighbors []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range neighbors {
		delete(s.established, a)
	}
}

func (s *sessions) isEstablished(neighbor netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.established[neighbor]
}

// neighbors lists those that are configured, in order of address.
func (s *sessions) neighbors() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.established), netip.Addr.Compare)
}

// silent lists the neighbours without an established session, in order of address.
func (s *sessions) silent() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netip.Addr
	for _, a := range slices.SortedFunc(maps.Keys(s.established), netip.Addr.Compare) {
		if !s.established[a] {
			out = append(out, a)
		}
	}
	return out
}

// follow takes the speaker's events in until ctx ends. It must begin before the first neighbour is added.
func (s *sessions) follow(ctx context.Context, of *speaker) error {
	request := &api.WatchEventRequest{Peer: &api.WatchEventRequest_Peer{}}
	err := of.bgp.WatchEvent(ctx, request, func(r *api.WatchEventResponse) {
		state := r.GetPeer().GetPeer().GetState()
		a, err := netip.ParseAddr(state.GetNeighborAddress())
		if err != nil {
			return // the event that says that there are no more neighbours to begin with
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.established[a] = state.SessionState == api.PeerState_ESTABLISHED
	})
	if err != nil {
		return fmt.Errorf("speaker %s: sessions: %w", of.name, err)
	}
	return nil
}
