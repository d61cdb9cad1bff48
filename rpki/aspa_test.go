package rpki

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
)

// attested builds a table of ASPAs: customer to providers.
func attested(tb testing.TB, aspas map[route.ASN][]route.ASN) *Table {
	tb.Helper()
	var list []ASPA
	for customer, providers := range aspas {
		list = append(list, ASPA{Customer: customer, Providers: providers})
	}
	t, err := NewTable(nil, list, time.Time{})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// 1 and 2 buy from 3, 3 from 4 (the top), 5 from 4 too; 6 has attested nothing.
var network = map[route.ASN][]route.ASN{1: {3}, 2: {3}, 3: {4}, 4: {0}, 5: {4}}

func TestVerifyPath(t *testing.T) {
	tab := attested(t, network)
	for _, c := range []struct {
		path      string
		direction Direction
		want      ASPAState
		says      string
	}{
		{"3 1", Upstream, ASPAValid, "attested"},
		{"4 3 1", Upstream, ASPAValid, "attested"},
		{"4 4 4 3 3 1 1", Upstream, ASPAValid, "attested"},
		{"2 3 1", Upstream, ASPAInvalid, "AS3 does not name AS2"},
		{"4 6 1", Upstream, ASPAInvalid, "AS1 does not name AS6"},
		{"1 6", Upstream, ASPAUnknown, "AS1 is a provider of AS6"},
		{"6", Upstream, ASPAValid, "attested"},
		{"2 3 1", Downstream, ASPAValid, "attested"},
		{"5 4 3 1", Downstream, ASPAValid, "attested"},
		{"1 3", Downstream, ASPAValid, "attested"}, // two ASes are a peak: no step has to be attested
		{"3 1 3", Downstream, ASPAInvalid, "AS3 does not name AS1"},
		{"4 1 2 4", Downstream, ASPAInvalid, "down and up again"},
		{"2 6 1", Downstream, ASPAInvalid, "AS1 does not name AS6"},
		{"", Upstream, ASPAInvalid, "empty"},
		{"", Downstream, ASPAInvalid, "empty"},
		{"3 {1}", Upstream, ASPAInvalid, "AS_SET"},
		{"3 {1 2} 1", Downstream, ASPAInvalid, "AS_SET"},
		{"(65001 65002) 3 1", Upstream, ASPAValid, "attested"},
		{"(65001)", Upstream, ASPAInvalid, "empty"},
	} {
		path, err := route.ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		v := tab.VerifyPath(path, c.direction)
		if v.State != c.want || !strings.Contains(v.Explain(), c.says) {
			t.Errorf("%q %v: %v, %q; want %v, %q", c.path, c.direction, v.State, v.Explain(), c.want, c.says)
		}
	}
}

func TestNothingAttested(t *testing.T) {
	path := route.Path{{Kind: route.Set, ASNs: []route.ASN{1}}}
	for _, tab := range []*Table{nil, table(t), table(t, "10.0.0.0/8 AS1")} {
		if v := tab.VerifyPath(path, Upstream); v.State != ASPAUnknown || !strings.Contains(v.Explain(), "no ASPA") {
			t.Errorf("%+v", v)
		}
	}
}

func TestAuthorized(t *testing.T) {
	tab := attested(t, map[route.ASN][]route.ASN{1: {3, 2, 3}, 4: {0}, 5: {0, 6}})
	for _, c := range []struct {
		customer, provider route.ASN
		want               HopState
	}{{1, 2, Provider}, {1, 3, Provider}, {1, 4, NotProvider}, {2, 1, NoAttestation}, {4, 0, NotProvider}, {4, 1, NotProvider}, {5, 6, Provider}, {5, 0, NotProvider}} {
		if got := tab.Authorized(c.customer, c.provider); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.customer, c.provider, got, c.want)
		}
	}
}

// naivePath tries every way to cut the path into a way up and a way down, with one step across at most between them: valid if one
// way is attested throughout, invalid if each is contradicted.
func naivePath(tab *Table, hops []route.ASN, direction Direction) ASPAState {
	n := len(hops)
	best := ASPAInvalid
	for up := 1; up <= n; up++ { // ASes 0 to up-1 go up
		for down := up - 1; down <= up && down < n; down++ { // ASes down to n-1 go down
			if direction == Upstream && up < n {
				continue
			}
			worst := Provider
			for i := 0; i+1 < up; i++ {
				worst = weaker(worst, tab.Authorized(hops[i], hops[i+1]))
			}
			for i := down; i+1 < n; i++ {
				worst = weaker(worst, tab.Authorized(hops[i+1], hops[i]))
			}
			switch {
			case worst == Provider:
				return ASPAValid
			case worst == NoAttestation:
				best = ASPAUnknown
			}
		}
	}
	return best
}

func weaker(a, b HopState) HopState {
	switch {
	case a == NotProvider || b == NotProvider:
		return NotProvider
	case a == NoAttestation || b == NoAttestation:
		return NoAttestation
	}
	return Provider
}

func TestVerifyPathAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	seen := map[ASPAState]int{}
	for range 2000 {
		aspas := map[route.ASN][]route.ASN{}
		for range 1 + r.IntN(6) {
			customer := route.ASN(1 + r.IntN(6))
			for range 1 + r.IntN(3) {
				aspas[customer] = append(aspas[customer], route.ASN(r.IntN(7)))
			}
		}
		tab := attested(t, aspas)
		for range 10 {
			var hops []route.ASN
			for range 1 + r.IntN(6) {
				hops = append(hops, route.ASN(1+r.IntN(7)))
			}
			path := route.SequencePath(hops...)
			for _, direction := range []Direction{Upstream, Downstream} {
				plain, _ := collapsed(path)
				want := naivePath(tab, plain, direction)
				seen[want]++
				if got := tab.VerifyPath(path, direction); got.State != want {
					t.Fatalf("%v %v with %v: %v, want %v", path, direction, aspas, got.State, want)
				}
			}
		}
	}
	if seen[ASPAValid] < 1000 || seen[ASPAInvalid] < 1000 || seen[ASPAUnknown] < 1000 {
		t.Errorf("the paths are lopsided: %v", seen)
	}
}

func TestDirections(t *testing.T) {
	for _, d := range []Direction{Upstream, Downstream} {
		if back, err := ParseDirection(d.String()); err != nil || back != d {
			t.Errorf("%v: %v, %v", d, back, err)
		}
	}
	if _, err := ParseDirection("sideways"); err == nil || !strings.Contains(err.Error(), "sideways") {
		t.Errorf("sideways: %v", err)
	}
	if b, err := json.Marshal(ASPAInvalid); err != nil || string(b) != `"invalid"` {
		t.Errorf("%s, %v", b, err)
	}
}
