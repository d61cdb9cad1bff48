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

func accept() *api.Actions { return &api.Actions{RouteAction: api.RouteAction_ACCEPT} }
func reject() *api.Actions { return &api.Actions{RouteAction: api.RouteAction_REJECT} }

// edgePolicy makes a speaker announce its own prefixes and nothing else: what it hears from its transits stays outside, as at an edge with
// a default route, so that it is never passed on; and what the other sites announce does not go out here once the own route is withdrawn.
func (s *speaker) edgePolicy(ctx context.Context) error {
	err := s.apply(ctx, api.PolicyDirection_IMPORT, &api.Statement{
		Name: "nothing-from-transits", Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_EXTERNAL}, Actions: reject(),
	})
	if err != nil {
		return err
	}
	return s.apply(ctx, api.PolicyDirection_EXPORT, &api.Statement{
		Name: "nothing-of-other-sites", Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_INTERNAL}, Actions: reject(),
	})
}

// transitPolicy gives routes the transit's own next hop on the way out, in place of a loopback address, and prefers the customer's routes,
// if there is a customer.
func (s *speaker) transitPolicy(ctx context.Context, customer netip.Addr) error {
	if customer.IsValid() {
		set := &api.DefinedSet{DefinedType: api.DefinedType_NEIGHBOR, Name: "customers", List: []string{netip.PrefixFrom(customer, 32).String()}}
		if err := s.bgp.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
			return fmt.Errorf("speaker %s: neighbour set: %w", s.name, err)
		}
		prefer := accept()
		prefer.LocalPref = &api.LocalPrefAction{Value: customerPreference}
		err := s.apply(ctx, api.PolicyDirection_IMPORT, &api.Statement{
			Name: "prefer-customers", Conditions: &api.Conditions{NeighborSet: &api.MatchSet{Name: "customers"}}, Actions: prefer,
		})
		if err != nil {
			return err
		}
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
