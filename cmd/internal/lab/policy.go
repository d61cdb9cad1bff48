package lab

import (
	"context"
	"fmt"
	"net/netip"

	api "github.com/osrg/gobgp/v3/api"
)

// globalTable is GoBGP's name of the table whose policies hold for all neighbours.
const globalTable = "global"

// customerPreference is the local preference that transit-b gives to the routes of its customer. Others have GoBGP's default of 100.
const customerPreference = 200

// prependTimes is how often a site repeats its AS when it is to be avoided. The community that asks for it carries the number.
const prependTimes = 3

func accept() *api.Actions { return &api.Actions{RouteAction: api.RouteAction_ACCEPT} }
func reject() *api.Actions { return &api.Actions{RouteAction: api.RouteAction_REJECT} }

// edgePolicy makes a speaker announce its own prefixes and nothing else: what it hears from its transits stays outside, as at an edge with
// a default route, so that it is never passed on; and what the other sites announce does not go out here once the own route is withdrawn.
// Routes that ask for it by an extended community are prepended towards the transits.
func (s *speaker) edgePolicy(ctx context.Context, transits []string) error {
	err := s.apply(ctx, api.PolicyDirection_IMPORT, &api.Statement{
		Name: "nothing-from-transits", Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_EXTERNAL}, Actions: reject(),
	})
	if err != nil {
		return err
	}
	asked := &api.DefinedSet{DefinedType: api.DefinedType_EXT_COMMUNITY, Name: "prepend", List: []string{fmt.Sprintf("rt:%d:%d", s.asn, prependTimes)}}
	if err := s.bgp.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: asked}); err != nil {
		return fmt.Errorf("speaker %s: community set: %w", s.name, err)
	}
	neighbors := &api.DefinedSet{DefinedType: api.DefinedType_NEIGHBOR, Name: "transits", List: transits}
	if err := s.bgp.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: neighbors}); err != nil {
		return fmt.Errorf("speaker %s: neighbour set: %w", s.name, err)
	}
	longer := accept()
	longer.AsPrepend = &api.AsPrependAction{Asn: s.asn, Repeat: prependTimes}
	return s.apply(ctx, api.PolicyDirection_EXPORT, &api.Statement{
		Name: "nothing-of-other-sites", Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_INTERNAL}, Actions: reject(),
	}, &api.Statement{
		Name: "prepend-where-asked", Actions: longer,
		Conditions: &api.Conditions{NeighborSet: &api.MatchSet{Name: "transits"}, ExtCommunitySet: &api.MatchSet{Name: "prepend"}},
	})
}

// The policies by which the hijacker takes in what it hears from its transits. Whatever it holds it passes on.
const (
	keepingToItself = "keeping-to-itself"
	passingOn       = "passing-on"
)

// customerPolicy makes a speaker ignore what it hears from its transits, as edgePolicy does, and prepares the mistake of a customer that passes it
// on, in IPv4.
func (s *speaker) customerPolicy(ctx context.Context) error {
	heard := func(families ...*api.Family) *api.Conditions {
		return &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_EXTERNAL, AfiSafiIn: families}
	}
	for _, p := range []*api.Policy{
		{Name: keepingToItself, Statements: []*api.Statement{{Name: "nothing", Conditions: heard(), Actions: reject()}}},
		{Name: passingOn, Statements: []*api.Statement{{Name: "no-ipv6", Conditions: heard(families()[1]), Actions: reject()}}},
	} {
		if err := s.bgp.AddPolicy(ctx, &api.AddPolicyRequest{Policy: p}); err != nil {
			return fmt.Errorf("speaker %s: policy %s: %w", s.name, p.Name, err)
		}
	}
	return s.hear(ctx, keepingToItself)
}

// hear puts one of the customer's policies in force, also for what was heard before.
func (s *speaker) hear(ctx context.Context, policy string) error {
	assign := &api.PolicyAssignment{
		Name: globalTable, Direction: api.PolicyDirection_IMPORT, Policies: []*api.Policy{{Name: policy}}, DefaultAction: api.RouteAction_ACCEPT,
	}
	if err := s.bgp.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: assign}); err != nil {
		return fmt.Errorf("speaker %s: policy %s: %w", s.name, policy, err)
	}
	again := &api.ResetPeerRequest{Address: "all", Soft: true, Direction: api.ResetPeerRequest_IN}
	if err := s.bgp.ResetPeer(ctx, again); err != nil {
		return fmt.Errorf("speaker %s: apply policy %s to what was heard: %w", s.name, policy, err)
	}
	return nil
}

// drainedPreference is the local preference that transits give to routes with GRACEFUL_SHUTDOWN. RFC 8326 section 4.2 recommends 0, which
// GoBGP's policy takes for "leave it as it is".
const drainedPreference = 1

// transitPolicy gives routes the transit's own next hop on the way out, in place of a loopback address, avoids routes that are about to be
// withdrawn, and prefers the customer's routes, if there is a customer.
func (s *speaker) transitPolicy(ctx context.Context, customer netip.Addr) error {
	if err := s.preferences(ctx, customer); err != nil {
		return err
	}
	var own []*api.Statement
	for _, p := range []netip.Prefix{AnycastV4, AnycastV6} {
		set := accept()
		set.Nexthop = &api.NexthopAction{Address: s.nextHop(p).String()}
		own = append(own, &api.Statement{
			Name: fmt.Sprintf("own-next-hop-%d", p.Addr().BitLen()), Conditions: &api.Conditions{AfiSafiIn: []*api.Family{familyOf(p)}}, Actions: set,
		})
	}
	return s.apply(ctx, api.PolicyDirection_EXPORT, own...)
}

// preferences says which routes a transit would rather use.
func (s *speaker) preferences(ctx context.Context, customer netip.Addr) error {
	drained := &api.DefinedSet{DefinedType: api.DefinedType_COMMUNITY, Name: "drained", List: []string{"65535:0"}}
	if err := s.bgp.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: drained}); err != nil {
		return fmt.Errorf("speaker %s: community set: %w", s.name, err)
	}
	avoid := accept()
	avoid.LocalPref = &api.LocalPrefAction{Value: drainedPreference}
	statements := []*api.Statement{{
		Name: "avoid-drained", Conditions: &api.Conditions{CommunitySet: &api.MatchSet{Type: api.MatchSet_ANY, Name: "drained"}}, Actions: avoid,
	}}
	if customer.IsValid() {
		set := &api.DefinedSet{DefinedType: api.DefinedType_NEIGHBOR, Name: "customers", List: []string{netip.PrefixFrom(customer, 32).String()}}
		if err := s.bgp.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
			return fmt.Errorf("speaker %s: neighbour set: %w", s.name, err)
		}
		prefer := accept()
		prefer.LocalPref = &api.LocalPrefAction{Value: customerPreference}
		statements = append(statements, &api.Statement{
			Name: "prefer-customers", Conditions: &api.Conditions{NeighborSet: &api.MatchSet{Name: "customers"}}, Actions: prefer,
		})
	}
	return s.apply(ctx, api.PolicyDirection_IMPORT, statements...)
}

// apply puts a policy of these statements in force for all neighbours. What no statement matches is accepted.
func (s *speaker) apply(ctx context.Context, d api.PolicyDirection, statements ...*api.Statement) error {
	policy := &api.Policy{Name: s.name + "-" + d.String(), Statements: statements}
	if err := s.bgp.AddPolicy(ctx, &api.AddPolicyRequest{Policy: policy}); err != nil {
		return fmt.Errorf("speaker %s: policy %s: %w", s.name, policy.Name, err)
	}
	assign := &api.PolicyAssignment{Name: globalTable, Direction: d, Policies: []*api.Policy{policy}, DefaultAction: api.RouteAction_ACCEPT}
	if err := s.bgp.AddPolicyAssignment(ctx, &api.AddPolicyAssignmentRequest{Assignment: assign}); err != nil {
		return fmt.Errorf("speaker %s: policy %s: %w", s.name, policy.Name, err)
	}
	return nil
}
