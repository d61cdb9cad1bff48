package rpki

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
)

func TestSetIsSortedAndUnique(t *testing.T) {
	s := set(t, "2001:db8::/32 AS1 z", "192.0.2.0/24 AS2", "192.0.2.0/24 AS1", "192.0.2.0/24 AS1", "10.0.0.0/8-9 AS1", "10.0.0.0/8 AS9",
		"192.0.2.0/24 AS1 z", "192.0.2.0/24 AS1 a", "10.0.0.0/7 AS1")
	holds(t, s, "10.0.0.0/7-7 AS1", "10.0.0.0/8-8 AS9", "10.0.0.0/8-9 AS1", "192.0.2.0/24-24 AS1", "192.0.2.0/24-24 AS1 a",
		"192.0.2.0/24-24 AS1 z", "192.0.2.0/24-24 AS2", "2001:db8::/32-32 AS1 z")
	if !s.Contains(vrp(t, "192.0.2.0/24 AS1 z")) || s.Contains(vrp(t, "192.0.2.0/24 AS1 y")) || s.Contains(vrp(t, "192.0.2.0/24-25 AS1")) ||
		s.Contains(VRP{}) || (*Set)(nil).Contains(vrp(t, "192.0.2.0/24 AS1")) {
		t.Error("Contains is wrong")
	}
}

func TestImpossibleVRPs(t *testing.T) {
	p := netip.MustParsePrefix
	for _, c := range []struct {
		vrp  VRP
		says string
	}{
		{VRP{}, "no prefix"},
		{VRP{Prefix: p("192.0.2.1/24"), MaxLength: 24}, "192.0.2.0/24 would be right"},
		{VRP{Prefix: p("192.0.2.0/24"), MaxLength: 23}, "shorter"},
		{VRP{Prefix: p("192.0.2.0/24"), MaxLength: 33}, "32 bits"},
		{VRP{Prefix: p("2001:db8::/32"), MaxLength: 129}, "128 bits"},
		{VRP{Prefix: p("::ffff:192.0.2.0/120"), MaxLength: 120}, "maps IPv4"},
	} {
		if err := c.vrp.Check(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.vrp, err)
		}
		if _, err := NewTable([]VRP{c.vrp}, nil, time.Time{}); err == nil {
			t.Errorf("NewTable takes %v", c.vrp)
		}
	}
	for _, a := range []ASPA{{}, {Customer: 1}, {Providers: []route.ASN{1}}} {
		if _, err := NewSet(nil, []ASPA{a}); err == nil {
			t.Errorf("NewSet takes %v", a)
		}
	}
}

func TestExtremesSurvive(t *testing.T) {
	want := []string{"::/0-0 AS1", "0.0.0.0/0-32 AS4294967295", "255.255.255.255/32-32 AS0", "::1:0:0:0/128-128 AS3", "8000::/1-128 AS2",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128-128 AS5"}
	var in []VRP
	for _, text := range want {
		in = append(in, vrp(t, text))
	}
	s, err := NewSet(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, s, want...)
}

func TestExpiry(t *testing.T) {
	at := func(v string, unix int64) VRP { x := vrp(t, v); x.Expires = time.Unix(unix, 0).UTC(); return x }
	never := vrp(t, "10.0.0.0/8 AS1")
	src := Source{Name: "a"}
	var err error
	src.Set, err = NewSet([]VRP{never, at("10.1.0.0/16 AS1", 1000), at("10.2.0.0/16 AS1", 2000)},
		[]ASPA{{Customer: 1, Providers: []route.ASN{2}, Expires: time.Unix(1500, 0)}, {Customer: 3, Providers: []route.ASN{2}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now                  int64
		vrps, aspas, expired int
		next                 int64
	}{{999, 3, 2, 0, 1000}, {1000, 2, 2, 1, 1500}, {1500, 2, 1, 1, 2000}, {9999, 1, 1, 2, 0}} {
		tab := Build(time.Unix(c.now, 0), nil, src)
		next := int64(0)
		if n := tab.NextExpiry(); !n.IsZero() {
			next = n.Unix()
		}
		if tab.Len() != c.vrps || tab.ASPAs() != c.aspas || tab.Expired() != c.expired || next != c.next {
			t.Errorf("at %d: %d VRPs, %d ASPAs, %d expired, next %d; want %+v", c.now, tab.Len(), tab.ASPAs(), tab.Expired(), next, c)
		}
	}
	if tab := Build(time.Time{}, nil, src); tab.Len() != 3 || tab.Expired() != 0 {
		t.Errorf("without a time: %d VRPs, %d expired", tab.Len(), tab.Expired())
	}
	again, err := NewSet([]VRP{at("10.1.0.0/16 AS1", 1000), at("10.1.0.0/16 AS1", 3000), at("10.2.0.0/16 AS1", 2000), vrp(t, "10.2.0.0/16 AS1")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	for v := range again.All() {
		ends = append(ends, v.Expires.Unix())
	}
	if ends[0] != 3000 || !slices.Collect(again.All())[1].Expires.IsZero() {
		t.Errorf("duplicates end at %v, want 3000 and never", ends)
	}
}

func TestBuildMerges(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := Source{Name: "a", Set: set(t, "10.0.0.0/8 AS1 arin", "10.0.0.0/8 AS1 ripe"), Generated: day}
	b := Source{Name: "b", Set: set(t, "10.0.0.0/8 AS1 arin", "11.0.0.0/8 AS1"), Generated: day.Add(time.Hour)}
	tab := Build(time.Time{}, nil, a, b, Source{Name: "none"})
	holds(t, tab.Set(), "10.0.0.0/8-8 AS1 arin", "10.0.0.0/8-8 AS1 ripe", "11.0.0.0/8-8 AS1")
	if got := tab.Anchors(); len(got) != 3 || got["arin"] != 1 || got["ripe"] != 1 || got[""] != 1 {
		t.Errorf("by trust anchor: %v", got)
	}
	if !tab.Generated().Equal(b.Generated) {
		t.Errorf("generated %s", tab.Generated())
	}
	if s := tab.Sources(); len(s) != 3 || s[0].VRPs != 2 || s[2].VRPs != 0 || s[0].Name != "a" {
		t.Errorf("sources %+v", s)
	}
}

func TestCacheTellsChange(t *testing.T) {
	var c Cache
	if c.Load() != nil {
		t.Error("the zero cache holds a table")
	}
	renewed := vrp(t, "10.0.0.0/8 AS1")
	renewed.Expires = time.Unix(1, 0)
	aspa := func(providers ...route.ASN) *Table {
		s, err := NewSet(vrps(t, "10.0.0.0/8 AS1"), []ASPA{{Customer: 1, Providers: providers}})
		if err != nil {
			t.Fatal(err)
		}
		return Build(time.Time{}, nil, Source{Set: s})
	}
	expires, err := NewTable([]VRP{renewed}, nil, time.Unix(5, 0))
	if err != nil {
		t.Fatal(err)
	}
	for i, c2 := range []struct {
		table *Table
		want  bool
	}{
		{table(t), false}, {nil, false}, {table(t, "10.0.0.0/8 AS1"), true}, {table(t, "10.0.0.0/8 AS1"), false}, {expires, false},
		{table(t, "10.0.0.0/8 AS2"), true}, {table(t, "10.0.0.0/8 AS2", "10.0.0.0/9 AS2"), true}, {table(t, "10.0.0.0/8 AS1"), true},
		{aspa(2, 3), true}, {aspa(3, 2), false}, {aspa(2), true}, {nil, true},
	} {
		if got := c.Store(c2.table); got != c2.want {
			t.Errorf("step %d: changed is %v", i, got)
		}
		if c.Load() != c2.table {
			t.Errorf("step %d: another table is loaded", i)
		}
	}
}

func TestDiff(t *testing.T) {
	old := set(t, "10.0.0.0/8 AS1 b", "11.0.0.0/8 AS1 c", "12.0.0.0/8 AS1")
	new := set(t, "10.0.0.0/8 AS1 b", "11.0.0.0/8 AS1 a", "13.0.0.0/8 AS1")
	added, removed := Diff(old, new)
	if got := texts(added); !slices.Equal(got, []string{"11.0.0.0/8-8 AS1 a", "13.0.0.0/8-8 AS1"}) {
		t.Errorf("added %q", got)
	}
	if got := texts(removed); !slices.Equal(got, []string{"11.0.0.0/8-8 AS1 c", "12.0.0.0/8-8 AS1"}) {
		t.Errorf("removed %q", got)
	}
	if added, removed := Diff(nil, old); len(added) != 3 || removed != nil {
		t.Errorf("from nothing: %v, %v", added, removed)
	}
}

// Apply, Merge and Diff against sets kept as maps.
func TestChangesAgreeWithMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		s, twin := (*Set)(nil), map[VRP]bool{}
		for range 5 {
			var c Change
			next := map[VRP]bool{}
			for v := range twin {
				next[v] = true
			}
			for range r.IntN(20) {
				v := randomVRP(r)
				c.Add = append(c.Add, v)
			}
			for v := range twin {
				if r.IntN(4) == 0 {
					c.Remove = append(c.Remove, v)
					delete(next, v)
				}
			}
			for _, v := range c.Add {
				next[v] = true // an addition outlives a removal in the same change
			}
			before := s
			var err error
			if s, err = s.Apply(c); err != nil {
				t.Fatal(err)
			}
			if s.Len() != len(next) {
				t.Fatalf("%d VRPs, want %d", s.Len(), len(next))
			}
			for v := range s.All() {
				if !next[v] {
					t.Fatalf("%s should not be there", v)
				}
			}
			if !slices.IsSortedFunc(s.rows(), record.compare) {
				t.Fatal("not sorted")
			}
			added, removed := Diff(before, s)
			if s.Len() != before.Len()+len(added)-len(removed) {
				t.Fatal("Diff does not add up")
			}
			if again, err := before.Apply(Change{Add: added, Remove: removed}); err != nil || !again.Equal(s) {
				t.Fatalf("a difference applied gives something else, %v", err)
			}
			if !Merge(before, s).Equal(Merge(s, before)) {
				t.Fatal("the order of merging matters")
			}
			twin = next
		}
	}
}

func TestApplyASPAs(t *testing.T) {
	s, err := NewSet(nil, []ASPA{{Customer: 1, Providers: []route.ASN{2}}, {Customer: 5, Providers: []route.ASN{6}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err = s.Apply(Change{Attest: []ASPA{{Customer: 1, Providers: []route.ASN{9, 8}}}, Retract: []route.ASN{5}})
	if err != nil {
		t.Fatal(err)
	}
	if a := s.ASPAs(); len(a) != 1 || !slices.Equal(a[0].Providers, []route.ASN{8, 9}) {
		t.Errorf("ASPAs %v", a)
	}
	if _, err := s.Apply(Change{Add: []VRP{{}}}); err == nil {
		t.Error("an impossible change is applied")
	}
}
