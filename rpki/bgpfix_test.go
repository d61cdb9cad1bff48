package rpki

import (
	"math/rand/v2"
	"testing"

	bgpfix "github.com/bgpfix/bgpfix/rpki"

	"anywatch/collector/route"
)

// On paths without prepending, sets or AS0, bgpfix's verification and ours agree.
func TestVerifyPathAgreesWithBgpfix(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	states := map[int]ASPAState{bgpfix.ASPA_VALID: ASPAValid, bgpfix.ASPA_UNKNOWN: ASPAUnknown, bgpfix.ASPA_INVALID: ASPAInvalid}
	seen := map[ASPAState]int{}
	for range 3000 {
		ours, theirs := map[route.ASN][]route.ASN{}, bgpfix.ASPA{}
		for customer := uint32(1); customer <= 6; customer++ {
			if r.IntN(3) == 0 {
				continue
			}
			for provider := uint32(1); provider <= 6; provider++ {
				if provider != customer && r.IntN(2) == 0 {
					ours[route.ASN(customer)] = append(ours[route.ASN(customer)], route.ASN(provider))
					theirs[customer] = append(theirs[customer], provider)
				}
			}
		}
		if len(ours) == 0 {
			continue
		}
		tab := attested(t, ours)
		var asns []route.ASN
		var flat []uint32
		for _, a := range r.Perm(6)[:1+r.IntN(6)] {
			asns, flat = append(asns, route.ASN(a+1)), append(flat, uint32(a+1))
		}
		for _, direction := range []Direction{Upstream, Downstream} {
			got, _, _ := bgpfix.VerifyPath(theirs, flat, direction == Downstream)
			want := tab.VerifyPath(route.SequencePath(asns...), direction).State
			if seen[want]++; states[got] != want {
				t.Fatalf("%v %v by %v: bgpfix says %v, we %v", asns, direction, ours, states[got], want)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("only %v came up", seen)
	}
}

// Where bgpfix is wrong: it takes paths as they are, while the draft counts prepending once, has an empty path invalid, and no provider in AS0.
func TestBgpfixIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		path  []uint32
		aspas bgpfix.ASPA
		want  ASPAState
		wrong int
	}{
		"an empty path":   {nil, bgpfix.ASPA{1: {2}}, ASPAInvalid, bgpfix.ASPA_VALID},
		"prepending":      {[]uint32{2, 1, 1}, bgpfix.ASPA{1: {2}}, ASPAValid, bgpfix.ASPA_INVALID},
		"AS0 as provider": {[]uint32{0, 1}, bgpfix.ASPA{1: {0}}, ASPAInvalid, bgpfix.ASPA_VALID},
	} {
		ours := map[route.ASN][]route.ASN{}
		for customer, providers := range c.aspas {
			for _, p := range providers {
				ours[route.ASN(customer)] = append(ours[route.ASN(customer)], route.ASN(p))
			}
		}
		var asns []route.ASN
		for _, a := range c.path {
			asns = append(asns, route.ASN(a))
		}
		if got := attested(t, ours).VerifyPath(route.SequencePath(asns...), Upstream).State; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got, _, _ := bgpfix.VerifyPath(c.aspas, c.path, false); got != c.wrong {
			t.Errorf("%s: bgpfix says %d; if it is right now, say so here", name, got)
		}
	}
}
