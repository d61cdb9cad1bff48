//go:build data

package mrt_test

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dataFile unpacks a file of the test data.
func dataFile(t *testing.T, name string) []byte {
	t.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		t.Fatal("ANYWATCH_DATA is not set; set it to the folder of the test data")
	}
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(b)
	switch {
	case strings.HasPrefix(string(b), "\x1f\x8b"):
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	case strings.HasPrefix(string(b), "BZh"):
		r = bzip2.NewReader(r)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCounts reads captures whose content is known from other readers.
func TestCounts(t *testing.T) {
	type span [2]uint64
	exactly := func(n uint64) span { return span{n, n} }
	for _, c := range []struct {
		file                                   string
		messages, updates, prefixes, malformed span
	}{
		{"mrt-bgpdump-testset/test_data/bview.20020722.2337.gz", exactly(115521), exactly(115521), exactly(115521), exactly(0)},
		{"mrt-bgpdump-testset/test_data/bview.64k_stream_overflow.gz", exactly(2), exactly(23), exactly(23), exactly(0)},
		{"mrt-bgpdump-testset/test_data/bview.ipv4_unicast_add_path.gz", exactly(32), exactly(62), exactly(62), exactly(0)},
		{"mrt-bgpdump-testset/test_data/bview.ipv6_unicast_add_path.gz", exactly(32), exactly(62), exactly(62), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.20020722.2238.gz", exactly(1121), exactly(393), exactly(3244), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.20070211.0141.gz", exactly(23394), exactly(23394), exactly(53657), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.20071015.1505.gz", exactly(4297), exactly(4222), exactly(10496), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.20100722.2015.gz", exactly(2193), exactly(1822), exactly(5614), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.20160811.1600.gz", exactly(17406), exactly(17216), exactly(41212), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.et-header.2015.gz", exactly(89686), exactly(89679), span{577736, 577740}, span{0, 4}},
		{"mrt-bgpdump-testset/test_data/updates.long_withdrawal.gz", exactly(1), exactly(1), exactly(4096), exactly(0)},
		{"mrt-bgpdump-testset/test_data/updates.nlri_mask_trailing_bits.gz", exactly(1), span{0, 1}, span{0, 1}, span{0, 1}},
		{"mrt-bgp-rs/mrt/updates.20190101.0000.gz", exactly(54514), exactly(54107), exactly(162574), exactly(0)},
		{"mrt-libbgpstream/ris.rrc06.updates.1427846400.gz", exactly(795), exactly(761), exactly(1557), exactly(0)},
		{"mrt-libbgpstream/routeviews.route-views.jinx.updates.1427846400.bz2", exactly(1756), exactly(1756), exactly(8611), exactly(0)},
		{"mrt-mrtparse-samples/bird-mrtdump_bgp", exactly(27), exactly(6), exactly(12), exactly(0)},
		{"mrt-mrtparse-samples/bird-mrtdump_rib", exactly(14), exactly(18), exactly(18), exactly(0)},
		{"mrt-mrtparse-samples/bird6-mrtdump_bgp", exactly(27), exactly(6), exactly(12), exactly(0)},
		{"mrt-mrtparse-samples/bird6-mrtdump_rib", exactly(9), exactly(10), exactly(10), exactly(0)},
		{"mrt-mrtparse-samples/bird_bgp", exactly(29), exactly(8), exactly(14), exactly(0)},
		{"mrt-mrtparse-samples/bird6_bgp", exactly(29), exactly(8), exactly(14), exactly(0)},
		{"mrt-mrtparse-samples/openbgpd_bgp", exactly(87), exactly(48), exactly(99), exactly(0)},
		{"mrt-mrtparse-samples/openbgpd_rib_table", exactly(31), exactly(31), exactly(31), exactly(0)},
		{"mrt-mrtparse-samples/openbgpd_rib_table-mp", exactly(31), exactly(31), exactly(31), exactly(0)},
		{"mrt-mrtparse-samples/openbgpd_rib_table-v2", exactly(24), exactly(33), exactly(33), exactly(0)},
		{"mrt-mrtparse-samples/quagga_bgp", exactly(67), exactly(24), exactly(34), exactly(0)},
		{"mrt-mrtparse-samples/quagga_rib", exactly(7), exactly(9), exactly(9), exactly(0)},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			r := newRig(t)
			r.read(dataFile(t, c.file))
			got := r.in.Tally
			check := func(what string, n uint64, want span) {
				if n < want[0] || n > want[1] {
					t.Errorf("%s: %d, want %d to %d", what, n, want[0], want[1])
				}
			}
			check("messages", got.Messages, c.messages)
			check("updates", got.Updates, c.updates)
			check("prefixes", got.Prefixes, c.prefixes)
			check("malformed", got.Malformed, c.malformed)
			if len(r.malformed) != int(got.Malformed) {
				t.Errorf("%d malformed records reported, %d counted: %v", len(r.malformed), got.Malformed, r.malformed)
			}
		})
	}
}
