package rislive

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"anywatch/collector/route"
)

// TestFilters: what is little is filtered by the server, what is much is not.
func TestFilters(t *testing.T) {
	many := make([]netip.Prefix, fewPrefixes+1)
	for i := range many {
		many[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
	}
	if got := changes(nil, filters(&Config{Prefixes: many})); !slices.Equal(got, []string{askAll}) {
		t.Errorf("many prefixes: %q", got)
	}
	if got := changes(nil, filters(&Config{ASNs: make([]route.ASN, fewASNs+1)})); !slices.Equal(got, []string{askAll}) {
		t.Errorf("many ASes: %q", got)
	}
	if few := (Config{Prefixes: many[:500], ASNs: make([]route.ASN, 20)}); few.everything() || len(filters(&few)) != 22 {
		t.Error("500 prefixes and 20 ASes are asked for by name")
	}
	if got := changes(filters(&Config{Prefixes: many[:1]}), filters(&Config{Prefixes: many})); len(got) != 3 || got[0] != askAll {
		t.Errorf("from few to many: %q", got)
	}
	if got := changes(filters(&Config{Prefixes: many[:1]}), filters(&Config{Prefixes: many[:1]})); len(got) != 0 {
		t.Errorf("nothing changed: %q", got)
	}
	for _, text := range changes(filters(&Config{Prefixes: many[:2], ASNs: []route.ASN{1}}), filters(&Config{Prefixes: many})) {
		if !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %s", text)
		}
	}
}
