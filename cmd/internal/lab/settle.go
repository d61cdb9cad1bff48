package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	// lookAgain is how often a condition is looked at. A look costs the speakers a few microseconds.
	lookAgain = 10 * time.Millisecond
	// patience is how long a change may take to reach every speaker. It takes milliseconds; this is for a machine that is very busy.
	patience = 15 * time.Second
)

// settle waits until lacking says nothing any more. When the context ends first, the error tells what was still lacking.
func settle(ctx context.Context, lacking func(context.Context) (string, error)) error {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		// The look itself is not cut short: it asks a speaker in this process, and its answer is the error's text.
		what, err := lacking(context.WithoutCancel(ctx))
		if err != nil || what == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Ready waits until the network stands as it does in quiet times: all sessions are established, those with the monitor included, the BMP
// stream flows, the reflector holds the routes of all sites, and each transit shows the monitor our routes and nobody else's. It waits as
// long as the context lasts, and the error tells what is lacking.
func (n *Network) Ready(ctx context.Context) error {
	if err := n.running(); err != nil {
		return err
	}
	return settle(ctx, n.lacking)
}

func (n *Network) lacking(ctx context.Context) (string, error) {
	for _, look := range []func(context.Context) (string, error){n.lackingSession, n.lackingBMP, n.lackingSite, n.lackingView} {
		if what, err := look(ctx); err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

func (n *Network) lackingSession(context.Context) (string, error) {
	for _, s := range n.all() {
		silent := s.silent()
		switch {
		case slices.Contains(silent, n.options.BGP.Addr()):
			return fmt.Sprintf("%s (%s) has no BGP session with the monitor at %s", s.name, s.address, n.options.BGP), nil
		case len(silent) > 0:
			return fmt.Sprintf("%s (%s) has no BGP session with %v", s.name, s.address, silent[0]), nil
		}
	}
	return "", nil
}

func (n *Network) lackingBMP(context.Context) (string, error) {
	if n.relay.connected() {
		return "", nil
	}
	return fmt.Sprintf("%s has no BMP stream to the monitor at %s", reflectorName, n.options.BMP), nil
}

// lackingSite tells which site's routes the reflector does not hold, or holds as those of a site that is about to withdraw.
func (n *Network) lackingSite(ctx context.Context) (string, error) {
	for _, p := range []netip.Prefix{AnycastV4, AnycastV6} {
		held, err := n.speaker(reflectorName).routes(ctx, p)
		if err != nil {
			return "", err
		}
		for _, s := range sites() {
			if at := stateOf(held, n.speaker(s.Name)); at != announcing {
				return fmt.Sprintf("%s has no route to %s from %s that is to be used", reflectorName, p, s.Name), nil
			}
		}
	}
	return "", nil
}

// lackingView tells which transit does not show the monitor our routes, or shows a stranger's.
func (n *Network) lackingView(ctx context.Context) (string, error) {
	for _, transit := range []string{transitAName, transitBName} {
		for _, p := range []netip.Prefix{AnycastV4, AnycastV6} {
			if what, err := n.lackingChoice(ctx, transit, p, OurASN); err != nil || what != "" {
				return what, err
			}
		}
		if what, err := n.lackingChoice(ctx, transit, HalfV4, 0); err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

// lackingChoice tells whether the transit has yet to choose, and to show the monitor, a route to the prefix that this AS is the announcer of;
// with 0, whether it still shows any.
func (n *Network) lackingChoice(ctx context.Context, transit string, p netip.Prefix, announcer uint32) (string, error) {
	chosen, err := n.speaker(transit).routes(ctx, p)
	if err != nil {
		return "", err
	}
	shown, err := n.glasses[transit].routes(ctx, p)
	if err != nil {
		return "", err
	}
	switch {
	case announcer == 0 && len(chosen)+len(shown) > 0:
		return fmt.Sprintf("%s still has a route to %s", transit, p), nil
	case announcer != 0 && (len(chosen) == 0 || chosen[0].announcer() != announcer):
		return fmt.Sprintf("%s does not prefer the route of AS%d to %s", transit, announcer, p), nil
	case announcer != 0 && (len(shown) == 0 || !shown[0].same(chosen[0])):
		return fmt.Sprintf("%s does not show its route to %s to the monitor", transit, p), nil
	}
	return "", nil
}
