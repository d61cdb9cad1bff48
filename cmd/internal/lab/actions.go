package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Each action returns when its effect has reached the speakers that show routes to the monitor, not when the monitor has read it.

// HijackExact makes AS64511 announce 192.0.2.0/24. transit-b, whose customer it is, prefers it; transit-a stays with us.
func (n *Network) HijackExact(ctx context.Context) error { return n.Hijack(ctx, AnycastV4) }

// HijackMoreSpecific makes AS64511 announce 192.0.2.128/25. Nobody else announces that, so both transits follow.
func (n *Network) HijackMoreSpecific(ctx context.Context) error { return n.Hijack(ctx, HalfV4) }

// Hijack makes AS64511 announce the prefix, which must be one of ours or one that nobody announces.
func (n *Network) Hijack(ctx context.Context, p netip.Prefix) error {
	if err := n.running(); err != nil {
		return err
	}
	if err := n.speaker(hijackerName).announce(ctx, p, originAttrs(nil, nil)); err != nil {
		return err
	}
	return n.settleChoices(ctx, p, HijackerASN)
}

// EndHijack makes AS64511 withdraw the prefix.
func (n *Network) EndHijack(ctx context.Context, p netip.Prefix) error {
	if err := n.running(); err != nil {
		return err
	}
	if err := n.speaker(hijackerName).withdraw(ctx, p); err != nil {
		return err
	}
	return n.settleChoices(ctx, p, 0)
}

// settleChoices waits until the transits have chosen, while the prefix is announced by the hijacker or, with 0, no longer is. A transit
// that also hears the prefix from us prefers ours, unless it is the hijacker's provider.
func (n *Network) settleChoices(ctx context.Context, p netip.Prefix, hijacker uint32) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return settle(ctx, func(ctx context.Context) (string, error) {
		ours, err := n.announcedByUs(ctx, p)
		if err != nil {
			return "", err
		}
		for _, transit := range []string{transitAName, transitBName} {
			origin := hijacker
			if ours && (hijacker == 0 || transit == transitAName) {
				origin = OurASN
			}
			if what, err := n.lackingChoice(ctx, transit, p, origin); err != nil || what != "" {
				return what, err
			}
		}
		return "", nil
	})
}

func (n *Network) announcedByUs(ctx context.Context, p netip.Prefix) (bool, error) {
	held, err := n.speaker(reflectorName).routes(ctx, p)
	return len(held) > 0, err
}

// WithdrawSite makes a site withdraw both anycast prefixes.
func (n *Network) WithdrawSite(ctx context.Context, name string) error {
	if _, err := n.site(name); err != nil {
		return err
	}
	for _, p := range []netip.Prefix{AnycastV4, AnycastV6} {
		if err := n.speaker(name).withdraw(ctx, p); err != nil {
			return err
		}
	}
	return n.settleSite(ctx, name, false)
}

// AnnounceSite makes a site announce both anycast prefixes again.
func (n *Network) AnnounceSite(ctx context.Context, name string) error {
	s, err := n.site(name)
	if err != nil {
		return err
	}
	if err := n.announceSite(ctx, s); err != nil {
		return err
	}
	return n.settleSite(ctx, name, true)
}

// settleSite waits until the reflector and the site's transits hold its routes, or no longer do, and the monitor is shown what follows.
func (n *Network) settleSite(ctx context.Context, name string, there bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	site := n.speaker(name)
	return settle(ctx, func(ctx context.Context) (string, error) {
		for _, p := range []netip.Prefix{AnycastV4, AnycastV6} {
			for _, uplink := range site.uplinks {
				held, err := n.speaker(uplink).routes(ctx, p)
				if err != nil {
					return "", err
				}
				if comesFrom(held, site) != there {
					return fmt.Sprintf("%s has not noticed the change of %s at %s", uplink, p, name), nil
				}
			}
			for transit, glass := range n.glasses {
				if what, err := n.lackingImage(ctx, transit, glass, p); err != nil || what != "" {
					return what, err
				}
			}
		}
		return "", nil
	})
}

// lackingImage tells whether the looking glass has yet to follow its transit.
func (n *Network) lackingImage(ctx context.Context, transit string, glass *speaker, p netip.Prefix) (string, error) {
	chosen, err := n.speaker(transit).routes(ctx, p)
	if err != nil {
		return "", err
	}
	shown, err := glass.routes(ctx, p)
	if err != nil {
		return "", err
	}
	if len(chosen) == 0 && len(shown) == 0 || len(chosen) > 0 && len(shown) > 0 && chosen[0].same(shown[0]) {
		return "", nil
	}
	return fmt.Sprintf("%s does not show the monitor what it does with %s", transit, p), nil
}

func (n *Network) site(name string) (Site, error) {
	if err := n.running(); err != nil {
		return Site{}, err
	}
	var names []string
	for _, s := range sites() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Site{}, fmt.Errorf("there is no site %q; the sites are %s", name, strings.Join(names, ", "))
}

func (n *Network) running() error {
	if len(n.speakers) < len(plans()) || n.endWith.Err() != nil {
		return errors.New("the network is not running; start it first")
	}
	return nil
}
