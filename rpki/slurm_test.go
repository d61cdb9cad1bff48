package rpki

import (
	"strings"
	"testing"

	"anywatch/collector/route"
)

func slurm(tb testing.TB, filters, assertions string) *SLURM {
	tb.Helper()
	x, err := ParseSLURM([]byte(`{"slurmVersion": 2, "validationOutputFilters": {` + filters + `}, "locallyAddedAssertions": {` + assertions + `}}`))
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func TestSLURM(t *testing.T) {
	all := []string{"10.0.0.0/8 AS1 a", "10.1.0.0/16-24 AS1 a", "10.1.0.0/16 AS2 a", "11.0.0.0/8 AS2 a", "2001:db8::/32 AS1 a"}
	for name, c := range map[string]struct {
		filters, assertions string
		want                string
	}{
		"nothing":     {"", "", "10.0.0.0/8-8 AS1 a, 10.1.0.0/16-16 AS2 a, 10.1.0.0/16-24 AS1 a, 11.0.0.0/8-8 AS2 a, 2001:db8::/32-32 AS1 a"},
		"by prefix":   {`"prefixFilters": [{"prefix": "10.1.0.0/16", "comment": "x"}]`, "", "10.0.0.0/8-8 AS1 a, 11.0.0.0/8-8 AS2 a, 2001:db8::/32-32 AS1 a"},
		"covered":     {`"prefixFilters": [{"prefix": "10.0.0.0/7"}]`, "", "2001:db8::/32-32 AS1 a"},
		"by asn":      {`"prefixFilters": [{"asn": 1}]`, "", "10.1.0.0/16-16 AS2 a, 11.0.0.0/8-8 AS2 a"},
		"by both":     {`"prefixFilters": [{"asn": "AS1", "prefix": "10.0.0.0/8"}]`, "", "10.1.0.0/16-16 AS2 a, 11.0.0.0/8-8 AS2 a, 2001:db8::/32-32 AS1 a"},
		"AS0":         {`"prefixFilters": [{"asn": 0}]`, "", "10.0.0.0/8-8 AS1 a, 10.1.0.0/16-16 AS2 a, 10.1.0.0/16-24 AS1 a, 11.0.0.0/8-8 AS2 a, 2001:db8::/32-32 AS1 a"},
		"any IPv4":    {`"prefixFilters": [{"prefix": "0.0.0.0/0"}]`, "", "2001:db8::/32-32 AS1 a"},
		"any IPv6":    {`"prefixFilters": [{"prefix": "::/0"}]`, "", "10.0.0.0/8-8 AS1 a, 10.1.0.0/16-16 AS2 a, 10.1.0.0/16-24 AS1 a, 11.0.0.0/8-8 AS2 a"},
		"bgpsec":      {`"bgpsecFilters": [{"SKI": "x"}]`, `"bgpsecAssertions": [{"asn": 1, "SKI": "x", "routerPublicKey": "y"}]`, "10.0.0.0/8-8 AS1 a, 10.1.0.0/16-16 AS2 a, 10.1.0.0/16-24 AS1 a, 11.0.0.0/8-8 AS2 a, 2001:db8::/32-32 AS1 a"},
		"replacement": {`"prefixFilters": [{"prefix": "0.0.0.0/0"}, {"prefix": "::/0"}]`, `"prefixAssertions": [{"asn": 1, "prefix": "10.0.0.0/8", "maxPrefixLength": 9}, {"asn": "AS2", "prefix": "2001:DB8::/32"}]`, "10.0.0.0/8-9 AS1 slurm, 2001:db8::/32-32 AS2 slurm"},
	} {
		before := set(t, all...)
		after := slurm(t, c.filters, c.assertions).Apply(before)
		var got []string
		for v := range after.All() {
			got = append(got, v.String()+" "+v.TA)
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %s", name, s)
		}
		if before.Len() != len(all) {
			t.Errorf("%s: the set of before has changed", name)
		}
	}
	if s := set(t, all...); (*SLURM)(nil).Apply(s) != s {
		t.Error("no exceptions change something")
	}
}

func TestSLURMForASPAs(t *testing.T) {
	s, err := NewSet(nil, []ASPA{{Customer: 1, Providers: []route.ASN{2}}, {Customer: 3, Providers: []route.ASN{4}}, {Customer: 5, Providers: []route.ASN{6}}})
	if err != nil {
		t.Fatal(err)
	}
	s = slurm(t, `"aspaFilters": [{"customerAsid": 3}, {"customerAsn": 1}]`, `"aspaAssertions": [{"customerAsn": 1, "providerAsns": [8, 7], "comment": "x"}]`).Apply(s)
	if a := s.ASPAs(); len(a) != 2 || a[0].Customer != 1 || a[0].Providers[0] != 7 || a[1].Customer != 5 {
		t.Errorf("%v", a)
	}
}

func TestSLURMFaults(t *testing.T) {
	body := func(version, filters, assertions string) string {
		return `{"slurmVersion": ` + version + `, "validationOutputFilters": {` + filters + `}, "locallyAddedAssertions": {` + assertions + `}}`
	}
	for text, says := range map[string]string{
		``:                      "cut off",
		`{"slurmVersion": 1`:    "cut off",
		`{}`:                    "slurmVersion is missing",
		`[]`:                    "array",
		body("3", "", ""):       "slurmVersion is 3",
		body(`"1"`, "", ""):     "slurmVersion",
		body("1", "", "") + "x": "follows",
		"{\"slurmVersion\": 1,\n\"prefixFilter\": []}":                                                   "line 2",
		body("1", `"prefixFilters": [{}]`, ""):                                                           "prefixFilters[0]: it names neither",
		body("1", `"prefixFilters": [{"asn": 1}, {"prefix": "10.0.0.1/8"}]`, ""):                         "prefixFilters[1]",
		body("1", `"prefixFilters": [{"prefix": "10.0.0.0/8", "maxLength": 9}]`, ""):                     "maxLength",
		body("1", `"prefixFilters": [{"asn": 4294967296}]`, ""):                                          "4294967296",
		body("1", `"prefixFilters": [{"asn": 1.5}]`, ""):                                                 "",
		body("1", "", `"prefixAssertions": [{"asn": 1}]`):                                                "prefixAssertions[0]: it needs both",
		body("1", "", `"prefixAssertions": [{"prefix": "10.0.0.0/8"}]`):                                  "needs both",
		body("1", "", `"prefixAssertions": [{"asn": 1, "prefix": "10.0.0.0/33"}]`):                       "10.0.0.0/33",
		body("1", "", `"prefixAssertions": [{"asn": 1, "prefix": "10.0.0.0/8", "maxPrefixLength": 7}]`):  "shorter",
		body("1", "", `"prefixAssertions": [{"asn": 1, "prefix": "10.0.0.0/8", "maxPrefixLength": 33}]`): "32 bits",
		body("1", `"aspaFilters": [{"customerAsn": 1}]`, ""):                                             "slurmVersion 2",
		body("2", `"aspaFilters": [{}]`, ""):                                                             "names no customerAsn",
		body("2", "", `"aspaAssertions": [{"customerAsn": 1}]`):                                          "names no provider",
		body("2", "", `"aspaAssertions": [{"providerAsns": [1]}]`):                                       "names no customerAsn",
	} {
		if _, err := ParseSLURM([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ReadSLURM("absent.slurm"); err == nil || !strings.Contains(err.Error(), "absent.slurm") {
		t.Errorf("absent: %v", err)
	}
	if _, err := ReadSLURM(write(t, "bad.slurm", []byte("{}"))); err == nil || !strings.Contains(err.Error(), "bad.slurm: ") {
		t.Errorf("bad: %v", err)
	}
}

func FuzzSLURM(f *testing.F) {
	f.Add([]byte(`{"slurmVersion": 2, "validationOutputFilters": {"prefixFilters": [{"prefix": "10.0.0.0/8"}], "aspaFilters": [{"customerAsn": 1}]},
		"locallyAddedAssertions": {"prefixAssertions": [{"asn": 1, "prefix": "10.0.0.0/8", "maxPrefixLength": 9}], "aspaAssertions": [{"customerAsn": 1, "providerAsns": [2]}]}}`))
	f.Add([]byte(`{"slurmVersion": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := ParseSLURM(text)
		if err != nil {
			return
		}
		for v := range x.Apply(set(t, "10.0.0.0/8 AS1", "2001:db8::/32 AS2")).All() {
			if v.Check() != nil {
				t.Fatal(v.Check())
			}
		}
	})
}
