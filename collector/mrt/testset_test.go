//go:build data

package mrt_test

import (
	"path"
	"strings"
	"testing"
)

// exception is how some lines of a file differ from the expected text, and why they do.
type exception struct {
	lines int
	as    func(want string) string // what is printed instead of an expected line
	why   string
}

// expectedText are the captures, how many lines are expected of each, and all differences.
var expectedText = []struct {
	name       string
	lines      int
	exceptions []exception
}{
	{"bview.20020722.2337.gz", 115521, nil},
	{"bview.64k_stream_overflow.gz", 23, []exception{{1, replace("|::ffff:193.0.0.56|", "|193.0.0.56|"),
		"a next hop of IPv4 mapped into IPv6 is told as the IPv4 address that it is, so that it fits a site's matchers"}}},
	{"bview.ipv4_unicast_add_path.gz", 62, []exception{{2, replace("|INCOMPLETE|", "|IGP|"), noOrigin}}},
	{"bview.ipv6_unicast_add_path.gz", 62, []exception{{2, replace("|INCOMPLETE|", "|IGP|"), noOrigin}}},
	{"updates.20020722.2238.gz", 3337, nil},
	{"updates.20070211.0141.gz", 53657, []exception{{151, func(want string) string { return want + " (multicast)" },
		"multicast routes (SAFI 2) are counted and not watched, where bgpdump does not tell them from unicast ones"}}},
	{"updates.20071015.1505.gz", 10496, nil},
	{"updates.20100722.2015.gz", 5654, nil},
	{"updates.20160811.1600.gz", 41234, nil},
	{"updates.et-header.2015.gz", 577744, nil},
	{"updates.long_withdrawal.gz", 4096, nil},
	{"updates.nlri_mask_trailing_bits.gz", 1, []exception{{1, func(string) string { return "BGP4MP|1289168632 malformed" },
		"the NLRI has one octet too many, so that its routes can't be told; bgpdump prints the first, with its host bits"}}},
}

const noOrigin = "entries of the collector's own routes, without any attribute: what bgpdump writes for an absent ORIGIN is made up"

func replace(old, by string) func(string) string {
	return func(want string) string { return strings.Replace(want, old, by, 1) }
}

// TestExpectedText compares all lines of all captures with the text that comes with them, in order.
func TestExpectedText(t *testing.T) {
	compared := 0
	for _, c := range expectedText {
		t.Run(c.name, func(t *testing.T) {
			got := newPrinter().all(dataFile(t, path.Join("mrt-bgpdump-testset/test_data", c.name)))
			text := string(dataFile(t, path.Join("mrt-bgpdump-testset/test_expect", c.name+".bgp.gz")))
			want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if len(want) != c.lines || len(got) != c.lines {
				t.Errorf("%d lines expected and %d printed, want %d", len(want), len(got), c.lines)
			}
			met := make([]int, len(c.exceptions))
			wrong := 0
			for i := range min(len(want), len(got)) {
				compared++
				if want[i] == got[i] || excepted(c.exceptions, met, want[i], got[i]) {
					continue
				}
				if wrong++; wrong <= 10 {
					t.Errorf("line %d:\ngot  %s\nwant %s", i+1, got[i], want[i])
				}
			}
			for i, e := range c.exceptions {
				if met[i] != e.lines {
					t.Errorf("%d lines differ, want %d: %s", met[i], e.lines, e.why)
				}
			}
			if wrong > 0 {
				t.Errorf("%d lines differ that should not", wrong)
			}
		})
	}
	if compared != 811887 {
		t.Errorf("%d lines were compared, want 811887", compared)
	}
}

// excepted looks for the exception that a line falls under, and counts it.
func excepted(list []exception, met []int, want, got string) bool {
	for i, e := range list {
		if e.as(want) == got {
			met[i]++
			return true
		}
	}
	return false
}
