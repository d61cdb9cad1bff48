package rpki

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
)

// vrp reads "192.0.2.0/24-25 AS64500 apnic"; maxLength and trust anchor may be left out.
func vrp(tb testing.TB, text string) VRP {
	tb.Helper()
	fields := strings.Fields(text)
	prefix, most, limited := strings.Cut(fields[0], "-")
	v := VRP{Prefix: netip.MustParsePrefix(prefix)}
	v.MaxLength = uint8(v.Prefix.Bits())
	if limited {
		n, err := strconv.ParseUint(most, 10, 8)
		if err != nil {
			tb.Fatal(err)
		}
		v.MaxLength = uint8(n)
	}
	asn, err := route.ParseASN(fields[1])
	if err != nil {
		tb.Fatal(err)
	}
	v.ASN = asn
	if len(fields) > 2 {
		v.TA = fields[2]
	}
	return v
}

func vrps(tb testing.TB, texts ...string) []VRP {
	tb.Helper()
	var out []VRP
	for _, text := range texts {
		out = append(out, vrp(tb, text))
	}
	return out
}

func set(tb testing.TB, texts ...string) *Set {
	tb.Helper()
	s, err := NewSet(vrps(tb, texts...), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func table(tb testing.TB, texts ...string) *Table {
	tb.Helper()
	return Build(time.Time{}, nil, Source{Set: set(tb, texts...)})
}

func texts(list []VRP) []string {
	var out []string
	for _, v := range list {
		out = append(out, strings.TrimSpace(v.String()+" "+v.TA))
	}
	return out
}

// holds compares what a set holds, trust anchors included.
func holds(tb testing.TB, s *Set, want ...string) {
	tb.Helper()
	if got := texts(slices.Collect(s.All())); !slices.Equal(got, want) {
		tb.Errorf("it holds %q, want %q", got, want)
	}
}
