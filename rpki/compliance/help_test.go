package compliance

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"anywatch/collector/route"
	"anywatch/rpki"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func asns(list ...route.ASN) []route.ASN { return list }

// vrp reads "192.0.2.0/24-24 AS64500".
func vrp(t *testing.T, text string) rpki.VRP {
	t.Helper()
	where, who, _ := strings.Cut(text, " ")
	prefix, length, _ := strings.Cut(where, "-")
	asn, err := route.ParseASN(who)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(length)
	if err != nil {
		t.Fatal(err)
	}
	return rpki.VRP{Prefix: pfx(prefix), MaxLength: uint8(n), ASN: asn}
}

func table(t *testing.T, texts ...string) *rpki.Table {
	t.Helper()
	var vrps []rpki.VRP
	for _, s := range texts {
		vrps = append(vrps, vrp(t, s))
	}
	return tableOf(t, vrps, nil)
}

func tableOf(t *testing.T, vrps []rpki.VRP, aspas []rpki.ASPA) *rpki.Table {
	t.Helper()
	set, err := rpki.NewTable(vrps, aspas, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func always(prefix string, origins ...route.ASN) Watched {
	return Watched{Prefix: pfx(prefix), Use: Always, Origins: origins}
}

func seen(prefix string, origin route.ASN, site string, upstreams ...route.ASN) Announcement {
	return Announcement{Prefix: pfx(prefix), Origin: origin, Site: site, Upstreams: upstreams}
}

// lines writes a report as a person would note it down: row by row, then the changes.
func lines(r Report) []string {
	var out []string
	for _, row := range r.Rows {
		who := "-"
		if row.Origin != nil {
			who = row.Origin.String()
		}
		var flags []string
		if row.Announced {
			flags = append(flags, "seen")
		}
		if row.Configured {
			flags = append(flags, "configured")
		}
		words := slices.Concat([]string{row.Prefix.String(), who, row.Site}, flags, []string{row.State.String()})
		for _, f := range row.Findings {
			words = append(words, string(f))
		}
		out = append(out, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	for _, c := range r.Changes {
		out = append(out, "! "+c.String())
	}
	return out
}

func compare(t *testing.T, got []string, want string) {
	t.Helper()
	var expected []string
	for _, l := range strings.Split(want, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			expected = append(expected, l)
		}
	}
	if !slices.Equal(got, expected) {
		t.Errorf("got:\n%s\nexpected:\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
	}
}
