//go:build data

package rpki

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
)

func decode(t *testing.T, file string, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// files lists what a pattern below the data matches, and fails when that is nothing.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(data(t, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: no such data, %v", pattern, err)
	}
	return found
}

func TestROVVectors(t *testing.T) {
	judged := 0
	for _, file := range files(t, "rov-vectors/*.json") {
		var doc struct {
			Sets []struct {
				Name string
				VRPs []struct {
					Prefix    netip.Prefix
					MaxLength uint8
					ASN       route.ASN
				}
				Vectors []struct {
					Prefix   netip.Prefix
					Origin   route.ASN
					Expected string
				}
			}
		}
		decode(t, file, &doc)
		for _, s := range doc.Sets {
			var list []VRP
			for _, v := range s.VRPs {
				list = append(list, VRP{Prefix: v.Prefix, MaxLength: v.MaxLength, ASN: v.ASN})
			}
			tab, err := NewTable(list, nil, time.Time{})
			if err != nil {
				t.Fatalf("%s %s: %v", file, s.Name, err)
			}
			for _, v := range s.Vectors {
				judged++
				want := strings.Replace(v.Expected, "notfound", "not-found", 1)
				if got := tab.Validate(v.Prefix, route.Origin{AS: v.Origin}).State.String(); got != want {
					t.Errorf("%s %s: %s %v is %s, want %s", filepath.Base(file), s.Name, v.Prefix, v.Origin, got, want)
				}
			}
		}
	}
	if judged != 53 {
		t.Errorf("%d vectors were judged, want 53", judged)
	}
}

type aspaSet map[string][]route.ASN

func (s aspaSet) table(t *testing.T) *Table {
	t.Helper()
	all := map[route.ASN][]route.ASN{}
	for customer, providers := range s {
		n, err := strconv.ParseUint(customer, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		all[route.ASN(n)] = providers
	}
	return attested(t, all)
}

func TestASPAVectors(t *testing.T) {
	paths, hops := 0, 0
	word := regexp.MustCompile(`^(unknow|valid|invalid)`)
	for _, file := range files(t, "aspa-vectors/*.json") {
		var doc struct {
			ASPAs   aspaSet            `json:"aspas"`
			Sets    map[string]aspaSet `json:"sets"`
			Vectors []struct {
				Set       string
				Path      []route.ASN
				Direction string
				Expected  string
			} `json:"path_vectors"`
			Hops []struct {
				Customer, Provider route.ASN
				Expected           string
			} `json:"hop_vectors"`
		}
		decode(t, file, &doc)
		for _, v := range doc.Vectors {
			aspas := doc.ASPAs
			if v.Set != "" {
				aspas = doc.Sets[v.Set]
			}
			direction, err := ParseDirection(v.Direction)
			if err != nil {
				t.Fatal(err)
			}
			paths++
			want := strings.Replace(word.FindString(strings.ToLower(v.Expected)), "unknow", "unknown", 1)
			if got := aspas.table(t).VerifyPath(route.SequencePath(v.Path...), direction).State.String(); got != want {
				t.Errorf("%s: %v %s is %s, want %s", filepath.Base(file), v.Path, v.Direction, got, want)
			}
		}
		for _, h := range doc.Hops {
			hops++
			want := map[string]HopState{"provider": Provider, "not_provider": NotProvider, "unknown": NoAttestation}[h.Expected]
			if got := doc.ASPAs.table(t).Authorized(h.Customer, h.Provider); got != want {
				t.Errorf("%s: %v to %v is %v, want %s", filepath.Base(file), h.Customer, h.Provider, got, h.Expected)
			}
		}
	}
	if paths != 108 || hops != 49 {
		t.Errorf("%d paths and %d hops were judged, want 108 and 49", paths, hops)
	}
}

// What Routinator writes: the digits of a name say whether route origins, router keys and ASPAs are on.
func TestRoutinatorFormats(t *testing.T) {
	for _, file := range files(t, "rpki-formats/routinator/output/*") {
		digits, kind, _ := strings.Cut(filepath.Base(file), ".")
		switch kind {
		case "slurm", "slurm2":
			x, err := ReadSLURM(file)
			if err != nil {
				t.Error(err)
				continue
			}
			s := x.Apply(nil)
			if s.Len() != int(digits[0]-'0') || kind == "slurm2" && len(s.ASPAs()) != int(digits[2]-'0') {
				t.Errorf("%s adds %d VRPs and %d ASPAs", file, s.Len(), len(s.ASPAs()))
			}
			if _, err := ReadFile(file); err == nil || !strings.Contains(err.Error(), "SLURM") {
				t.Errorf("%s as VRPs: %v", file, err)
			}
		case "json", "jsonext", "csv", "csvcompat", "csvext":
			s, err := ReadFile(file)
			if err != nil || s.Skipped.Count > 0 {
				t.Errorf("%v, skipped %v", err, s.Skipped)
				continue
			}
			aspas := 0
			if strings.HasPrefix(kind, "json") {
				aspas = int(digits[2] - '0')
			}
			if s.Set.Len() != int(digits[0]-'0') || len(s.Set.ASPAs()) != aspas {
				t.Errorf("%s: %d VRPs, %d ASPAs", file, s.Set.Len(), len(s.Set.ASPAs()))
			}
		default: // not formats for a reader of VRPs: they must be refused, by name
			if _, err := ReadFile(file); err == nil || !strings.HasPrefix(err.Error(), file) {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for name, want := range map[string]struct{ vrps, aspas, skipped int }{
		"rpki-formats/apnic-rtr-demo/rpki.json":                 {7, 3, 0},
		"rpki-formats/frr-bgp_rpki_topo1/r1/vrps.csv":           {4, 0, 0},
		"rpki-formats/gortr/cmd/gortr/test.rpki.json":           {2, 0, 0},
		"rpki-formats/rtrtr/empty.json":                         {0, 0, 0},
		"rpki-formats/rtrtr/vrps.json":                          {2, 0, 0},
		"rpki-formats/rtrtr/vrps-metadata.json":                 {2, 0, 0},
		"rpki-formats/rtrtr/vrps.rpki-client.json":              {2, 0, 0},
		"rpki-formats/stayrtr/cmd/stayrtr/smalltest.rpki.json":  {2, 0, 0},
		"rpki-formats/stayrtr/cmd/stayrtr/test.rpki.json":       {19, 2, 0},
		"rpki-formats/tabi-roa-snapshot/roa.csv":                {15884, 0, 85},
		"rpki-full/format-samples/roa_test.routinator_jsonext":  {2, 0, 0},
		"rpki-full/format-samples/roa_test.rpkiclient2021_json": {70, 0, 0},
		"rpki-full/format-samples/roa_test.rpkiclient2023_json": {379, 2, 0},
	} {
		s, err := ReadFile(data(t, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := s.Set.Len(); got != want.vrps || len(s.Set.ASPAs()) != want.aspas || s.Skipped.Count != want.skipped {
			t.Errorf("%s: %d VRPs, %d ASPAs, %d skipped %v", name, got, len(s.Set.ASPAs()), s.Skipped.Count, s.Skipped.First)
		}
	}
	for _, pattern := range []string{"*/demo.slurm", "*/slurm1.json", "*/exceptions.json", "*/slurm/full*.json", "stayrtr/prefixfile/slurm.json",
		"gortr/cmd/gortr/test.slurm.json", "stayrtr/cmd/stayrtr/test.slurm.json"} {
		for _, file := range files(t, "rpki-formats/"+pattern) {
			if x, err := ReadSLURM(file); err != nil {
				t.Error(err)
			} else if x.added.Len() == 0 || len(x.filters) == 0 {
				t.Errorf("%s: %d filters, %d additions", file, len(x.filters), x.added.Len())
			}
		}
	}
}

// A router of FRR has judged routes against the VRPs.
func TestFRRJudgement(t *testing.T) {
	tab, err := Load([]string{data(t, "rpki-formats/frr-bgp_rpki_topo1/r1/vrps.csv")}, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for name, want := range map[string]State{"valid": Valid, "invalid": Invalid, "notfound": NotFound} {
		var doc struct {
			Routes map[netip.Prefix][]struct{ Path string }
		}
		decode(t, data(t, "rpki-formats/frr-bgp_rpki_topo1/r2/bgp_table_rpki_"+name+".json"), &doc)
		for prefix, routes := range doc.Routes {
			path, err := route.ParsePath(routes[0].Path)
			if err != nil {
				t.Fatal(err)
			}
			judged++
			if got := tab.State(prefix, path.Origin(0)); got != want {
				t.Errorf("%s %s is %v, want %v", prefix, routes[0].Path, got, want)
			}
		}
	}
	if judged != 3 {
		t.Errorf("%d routes were judged, want 3", judged)
	}
}

func TestFullSet(t *testing.T) {
	old, err := Load([]string{data(t, fullSet)}, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if old.Len() != 723521 || old.ASPAs() != 100 || old.Sources()[0].Skipped.Count != 0 {
		t.Errorf("%d VRPs, %d ASPAs, skipped %v", old.Len(), old.ASPAs(), old.Sources()[0].Skipped)
	}
	if want := time.Date(2025, 7, 20, 9, 31, 33, 0, time.UTC); !old.Generated().Equal(want) {
		t.Errorf("generated %s", old.Generated())
	}
	for _, c := range []struct {
		prefix string
		asn    route.ASN
		want   State
	}{{"1.1.1.0/24", 13335, Valid}, {"1.1.1.1/32", 267613, Invalid}, {"192.175.48.0/24", 112, NotFound}} {
		if got := old.State(netip.MustParsePrefix(c.prefix), route.Origin{AS: c.asn}); got != c.want {
			t.Errorf("%s %v is %v, want %v", c.prefix, c.asn, got, c.want)
		}
	}
	anchors := 0
	for _, n := range old.Anchors() {
		anchors += n
	}
	if len(old.Anchors()) != 5 || anchors != old.Len() {
		t.Errorf("by trust anchor: %v", old.Anchors())
	}
	again, err := Load([]string{data(t, strings.Replace(fullSet, "093135", "100145", 1))}, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	added, removed := Diff(old.Set(), again.Set())
	if len(added) != 9 || len(removed) != 6 {
		t.Errorf("a reload adds %d and removes %d VRPs, want 9 and 6", len(added), len(removed))
	}
	if all, err := old.Set().Apply(Change{Add: added, Remove: removed}); err != nil || !slices.Equal(texts(slices.Collect(all.All())), texts(slices.Collect(again.All()))) {
		t.Errorf("the difference applied gives something else, %v", err)
	}
	if now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); Build(now, nil, Source{Set: old.Set()}).Len() != 0 {
		t.Error("half a year later not all has expired")
	}
}
