package rpki

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
)

func TestValidate(t *testing.T) {
	tab := table(t,
		"192.0.2.0/24 AS64500", "192.0.0.0/16-20 AS64501", "192.0.0.0/16-24 AS64502 b", "192.0.0.0/16-24 AS64502 a",
		"198.51.100.0/24 AS0", "0.0.0.0/0 AS64509", "::/0-128 AS64510", "2001:db8::/32-48 AS64500", "203.0.113.7/32 AS64500")
	set := func(asns ...route.ASN) route.Origin { return route.Origin{Set: asns} }
	as := func(asn route.ASN) route.Origin { return route.Origin{AS: asn} }
	for _, c := range []struct {
		prefix string
		origin route.Origin
		state  State
		reason string
		vrps   string
	}{
		{"192.0.2.0/24", as(64500), Valid, "", "192.0.2.0/24-24 AS64500"},
		{"192.0.2.0/24", as(64502), Valid, "", "192.0.0.0/16-24 AS64502"},
		{"192.0.2.0/24", as(64501), Invalid, ReasonLength, "0.0.0.0/0-0 AS64509, 192.0.0.0/16-20 AS64501, 192.0.0.0/16-24 AS64502, 192.0.2.0/24-24 AS64500"},
		{"192.0.2.0/25", as(64500), Invalid, ReasonLength, "0.0.0.0/0-0 AS64509, 192.0.0.0/16-20 AS64501, 192.0.0.0/16-24 AS64502, 192.0.2.0/24-24 AS64500"},
		{"192.0.0.0/15", as(64502), Invalid, ReasonOrigin, "0.0.0.0/0-0 AS64509"},
		{"192.0.16.0/20", as(64501), Valid, "", "192.0.0.0/16-20 AS64501"},
		{"198.51.100.0/24", as(0), Invalid, ReasonOrigin, "0.0.0.0/0-0 AS64509, 198.51.100.0/24-24 AS0"},
		{"198.51.100.0/24", as(64500), Invalid, ReasonOrigin, "0.0.0.0/0-0 AS64509, 198.51.100.0/24-24 AS0"},
		{"0.0.0.0/0", as(64509), Valid, "", "0.0.0.0/0-0 AS64509"},
		{"203.0.113.7/32", as(64500), Valid, "", "203.0.113.7/32-32 AS64500"},
		{"192.0.2.0/24", set(64500), Invalid, ReasonASSet, "0.0.0.0/0-0 AS64509, 192.0.0.0/16-20 AS64501, 192.0.0.0/16-24 AS64502, 192.0.2.0/24-24 AS64500"},
		{"2001:db8:1::/48", as(64500), Valid, "", "2001:db8::/32-48 AS64500"},
		{"2001:db8:1::/49", as(64500), Invalid, ReasonLength, "::/0-128 AS64510, 2001:db8::/32-48 AS64500"},
		{"::1/128", as(64510), Valid, "", "::/0-128 AS64510"},
	} {
		prefix := netip.MustParsePrefix(c.prefix)
		v := tab.Validate(prefix, c.origin)
		var got []string
		for _, x := range v.VRPs {
			got = append(got, x.String())
		}
		if v.State != c.state || v.Reason != c.reason || strings.Join(got, ", ") != c.vrps {
			t.Errorf("%s %v: %v %q %q, want %v %q %q", c.prefix, c.origin, v.State, v.Reason, got, c.state, c.reason, c.vrps)
		}
		if text := v.Explain(prefix, c.origin); !strings.HasSuffix(text, ".") || !strings.Contains(text, c.prefix) {
			t.Errorf("%s %v: explained as %q", c.prefix, c.origin, text)
		}
	}
}

func TestNotFoundAndNotChecked(t *testing.T) {
	prefix, origin := netip.MustParsePrefix("192.0.2.0/24"), route.Origin{AS: 64500}
	if s := table(t, "192.0.2.0/25 AS64500").State(prefix, origin); s != NotFound {
		t.Errorf("a longer VRP: %v", s)
	}
	if s := table(t, "192.0.2.0/24 AS64501").State(netip.MustParsePrefix("::ffff:192.0.2.0/120"), origin); s != NotFound {
		t.Errorf("a mapped prefix: %v", s)
	}
	if v := table(t, "192.0.3.0/24 AS64500").Validate(prefix, route.Origin{Set: []route.ASN{1}}); v.State != NotFound || v.Reason != "" {
		t.Errorf("an AS_SET that nothing covers: %+v", v)
	}
	for name, tab := range map[string]*Table{"nil": nil, "empty": table(t), "built of nothing": Build(time.Time{}, nil)} {
		if v := tab.Validate(prefix, origin); v.State != NotChecked || v.VRPs != nil {
			t.Errorf("%s table: %+v", name, v)
		}
		if tab.Covering(prefix) != nil || tab.Len() != 0 || !tab.Generated().IsZero() || tab.ASPAs() != 0 || len(tab.Anchors()) != 0 {
			t.Errorf("%s table holds something", name)
		}
	}
	if s := table(t, "192.0.2.0/24 AS64500").State(netip.Prefix{}, origin); s != NotChecked {
		t.Errorf("no prefix: %v", s)
	}
}

// naive is RFC 6811 section 2 word by word.
func naive(vrps []VRP, prefix netip.Prefix, origin route.Origin) State {
	if len(vrps) == 0 {
		return NotChecked
	}
	state := NotFound
	for _, v := range vrps {
		if v.Prefix.Bits() > prefix.Bits() || !v.Prefix.Contains(prefix.Addr()) {
			continue
		}
		if len(origin.Set) == 0 && origin.AS != 0 && v.ASN == origin.AS && prefix.Bits() <= int(v.MaxLength) {
			return Valid
		}
		state = Invalid
	}
	return state
}

// randomPrefix stays in a small corner of the address space, so that prefixes cover one another.
func randomPrefix(r *rand.Rand) netip.Prefix {
	if r.IntN(2) == 0 {
		a := [4]byte{192, 0, byte(r.IntN(2)), byte(r.IntN(256))}
		p, _ := netip.AddrFrom4(a).Prefix(r.IntN(33))
		return p
	}
	a := [16]byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, byte(r.IntN(2)), byte(r.IntN(2)), 15: byte(r.IntN(4))}
	p, _ := netip.AddrFrom16(a).Prefix(r.IntN(129))
	return p
}

func randomVRP(r *rand.Rand) VRP {
	v := VRP{Prefix: randomPrefix(r), ASN: route.ASN(r.IntN(5)), TA: []string{"", "a", "b"}[r.IntN(3)]}
	v.MaxLength = uint8(v.Prefix.Bits() + r.IntN(v.Prefix.Addr().BitLen()-v.Prefix.Bits()+1))
	return v
}

func TestValidateAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[State]int{}
	for range 300 {
		var list []VRP
		for range r.IntN(40) {
			list = append(list, randomVRP(r))
		}
		tab, err := NewTable(list, nil, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			prefix, origin := randomPrefix(r), route.Origin{AS: route.ASN(r.IntN(5))}
			if r.IntN(10) == 0 {
				origin = route.Origin{Set: []route.ASN{1, 2}}
			}
			want := naive(list, prefix, origin)
			got := tab.Validate(prefix, origin)
			seen[want]++
			if got.State != want {
				t.Fatalf("%s %v against %v: %v, want %v", prefix, origin, list, got.State, want)
			}
			checkVerdict(t, list, prefix, origin, got)
		}
	}
	if seen[Valid] < 500 || seen[Invalid] < 500 || seen[NotFound] < 500 {
		t.Errorf("the questions are lopsided: %v", seen)
	}
}

// checkVerdict compares the VRPs of a verdict with those that decide, found one by one.
func checkVerdict(t *testing.T, list []VRP, prefix netip.Prefix, origin route.Origin, got Verdict) {
	t.Helper()
	want := map[string]bool{}
	for _, v := range list {
		switch {
		case naive([]VRP{v}, prefix, origin) == NotFound, got.State == Valid && naive([]VRP{v}, prefix, origin) != Valid:
		case got.State == Valid || got.State == Invalid:
			want[v.String()] = true
		}
	}
	for i, v := range got.VRPs {
		if !want[v.String()] {
			t.Fatalf("%s %v: %s does not decide, or twice", prefix, origin, v)
		}
		delete(want, v.String())
		if i > 0 && got.VRPs[i-1].Prefix.Bits() > v.Prefix.Bits() {
			t.Fatalf("%s: %v are not sorted", prefix, got.VRPs)
		}
	}
	if len(want) > 0 {
		t.Fatalf("%s %v: %v decide too", prefix, origin, want)
	}
}

func TestStateDoesNotAllocate(t *testing.T) {
	tab := table(t, "192.0.2.0/24 AS64500", "192.0.0.0/16 AS64501", "2001:db8::/32 AS64500")
	origin := route.Origin{AS: 64500}
	for _, text := range []string{"192.0.2.0/24", "192.0.2.0/25", "2001:db8::/48", "10.0.0.0/8"} {
		prefix := netip.MustParsePrefix(text)
		if n := testing.AllocsPerRun(100, func() { tab.State(prefix, origin) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func TestStateAsText(t *testing.T) {
	for s, want := range map[State]string{0: "not-checked", NotFound: "not-found", Valid: "valid", Invalid: "invalid"} {
		b, err := json.Marshal(s)
		var back State
		if err != nil || string(b) != fmt.Sprintf("%q", want) || json.Unmarshal(b, &back) != nil || back != s {
			t.Errorf("%v: %s, %v, %v", s, b, back, err)
		}
	}
	var s State
	if err := json.Unmarshal([]byte(`"perhaps"`), &s); err == nil || !strings.Contains(err.Error(), "perhaps") {
		t.Errorf("perhaps: %v", err)
	}
	if State(9).String() == "" || HopState(9).String() == "" || ASPAState(9).String() == "" {
		t.Error("a number out of range has no name")
	}
}

func TestVRPString(t *testing.T) {
	if s := vrp(t, "192.0.2.0/24 AS64500").String(); s != "192.0.2.0/24-24 AS64500" {
		t.Error(s)
	}
	if s := vrp(t, "2001:db8::/32-48 AS4200000000").String(); s != "2001:db8::/32-48 AS4200000000" {
		t.Error(s)
	}
}

// A VRP that two sources assert is shown once, and lasts as long as the longer of them.
func TestVerdictMergesSources(t *testing.T) {
	soon, late := time.Unix(2000, 0).UTC(), time.Unix(3000, 0).UTC()
	a, b := vrp(t, "192.0.2.0/24 AS64500 a"), vrp(t, "192.0.2.0/24 AS64500 b")
	a.Expires, b.Expires = late, soon
	tab, err := NewTable([]VRP{a, b}, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	v := tab.Validate(a.Prefix, route.Origin{AS: 64500})
	if len(v.VRPs) != 1 || !v.VRPs[0].Expires.Equal(late) {
		t.Errorf("%+v", v.VRPs)
	}
	if all := tab.Covering(a.Prefix); len(all) != 2 || !slices.Equal(texts(all), []string{"192.0.2.0/24-24 AS64500 a", "192.0.2.0/24-24 AS64500 b"}) {
		t.Errorf("Covering gives %v", all)
	}
}
