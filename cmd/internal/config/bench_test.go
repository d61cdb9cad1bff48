package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads a configuration of 100,000 prefixes, each with its twin and its sites.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("asns: [64500]\nsites: [{name: ams}, {name: nrt}, {name: iad}]\nprefixes:\n")
	for i := range 50_000 {
		v4, v6 := fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), fmt.Sprintf("2001:db8:%x::/48", i)
		fmt.Fprintf(&text, "  - prefix: %s\n    name: net-%d\n    sites: [ams, nrt]\n    twin: %s\n", v4, i, v6)
		fmt.Fprintf(&text, "  - {prefix: %q, sites: [ams, nrt], twin: %s}\n", v6, v4)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("bench.yaml", data, "."); err != nil {
			b.Fatal(err)
		}
	}
}
