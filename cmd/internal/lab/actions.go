package lab

import (
	"context"
	"errors"
	"net/netip"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// Each action returns when its effect has reached the speakers that show routes to the monitor, not when the monitor has read it.

// HijackExact makes AS64511 announce 192.0.2.0/24. transit-b, whose customer it is, prefers it; transit-a stays with us.
func (n *Network) HijackExact(ctx context.Context) error { return n.Hijack(ctx, AnycastV4) }

// HijackMoreSpecific makes AS64511 announce 192.0.2.128/25. Nobody else announces that, so both transits follow.
func (n *Network) HijackMoreSpecific(ctx context.Context) error { return n.Hijack(ctx, HalfV4) }

// Hijack makes AS64511 announce the prefix, which must be one of ours or one that nobody announces.
func (n *Network) Hijack(ctx context.Context, p netip.Prefix) error {
	return n.hijack(ctx, p, originAttrs(nil, nil))
}

// ForgeOrigin makes AS64511 announce 192.0.2.0/24 as if it had it from us: with our AS as origin behind its own, so that it is RPKI-valid.
// transit-b, whose customer it is, prefers that; transit-a stays with the shorter path. EndHijack ends it.
func (n *Network) ForgeOrigin(ctx context.Context) error {
	return n.hijack(ctx, AnycastV4, forgedAttrs(OurASN))
}

func (n *Network) hijack(ctx context.Context, p netip.Prefix, attrs []bgp.PathAttributeInterface) error {
	if err := n.running(); err != nil {
		return err
	}
	if err := n.speaker(hijackerName).announce(ctx, p, attrs); err != nil {
		return err
	}
	return n.settleChoices(ctx, p, HijackerASN)
}

// Leak makes AS64511 pass on what it hears, between two networks that it is a mere customer of (RFC 7908 section 3.1). transit-b, which could have
// 192.0.2.0/24 from us, prefers it from its customer, who has it from transit-a.
func (n *Network) Leak(ctx context.Context) error { return n.setLeak(ctx, passingOn, HijackerASN) }

// EndLeak makes AS64511 keep to itself what it hears.
func (n *Network) EndLeak(ctx context.Context) error { return n.setLeak(ctx, keepingToItself, 0) }

func (n *Network) setLeak(ctx context.Context, policy string, announcer uint32) error {
	if err := n.running(); err != nil {
		return err
	}
	if err := n.speaker(hijackerName).hear(ctx, policy); err != nil {
		return err
	}
	return n.settleChoices(ctx, AnycastV4, announcer)
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

// settleChoices waits until the transits have chosen, while the prefix is announced or passed on by the hijacker or, with 0, no longer is. A transit
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
			announcer := hijacker
			if ours && (hijacker == 0 || transit == transitAName) {
				announcer = OurASN
			}
			if what, err := n.lackingChoice(ctx, transit, p, announcer); err != nil || what != "" {
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

func (n *Network) running() error {
	if len(n.speakers) < len(plans()) || n.endWith.Err() != nil {
		return errors.New("the network is not running; start it first")
	}
	return nil
}
