//go:build data

package mrt_test

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anywatch/collector"
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
	for _, c := range []struct {
		file                                   string
		messages, updates, prefixes, malformed uint64
	}{
		{"mrt-bgpdump-testset/test_data/bview.20020722.2337.gz", 115521, 115521, 115521, 0},
		{"mrt-bgpdump-testset/test_data/bview.64k_stream_overflow.gz", 2, 23, 23, 0},
		{"mrt-bgpdump-testset/test_data/bview.ipv4_unicast_add_path.gz", 32, 62, 62, 0},
		{"mrt-bgpdump-testset/test_data/bview.ipv6_unicast_add_path.gz", 32, 62, 62, 0},
		{"mrt-bgpdump-testset/test_data/updates.20020722.2238.gz", 1121, 393, 3244, 0},
		{"mrt-bgpdump-testset/test_data/updates.20070211.0141.gz", 23394, 23394, 53657, 0},
		{"mrt-bgpdump-testset/test_data/updates.20071015.1505.gz", 4297, 4222, 10496, 0},
		{"mrt-bgpdump-testset/test_data/updates.20100722.2015.gz", 2193, 1822, 5614, 0},
		{"mrt-bgpdump-testset/test_data/updates.20160811.1600.gz", 17406, 17216, 41212, 0},
		{"mrt-bgpdump-testset/test_data/updates.et-header.2015.gz", 89686, 89679, 577740, 0},
		{"mrt-bgpdump-testset/test_data/updates.long_withdrawal.gz", 1, 1, 4096, 0},
		{"mrt-bgpdump-testset/test_data/updates.nlri_mask_trailing_bits.gz", 1, 0, 0, 1}, // one octet too many in its NLRI,
		{"mrt-bgp-rs/mrt/updates.20190101.0000.gz", 54514, 54107, 162574, 0},
		{"mrt-libbgpstream/ris.rrc06.updates.1427846400.gz", 795, 761, 1557, 0},
		{"mrt-libbgpstream/routeviews.route-views.jinx.updates.1427846400.bz2", 1756, 1756, 8611, 0},
		{"mrt-mrtparse-samples/bird-mrtdump_bgp", 27, 6, 12, 0},
		{"mrt-mrtparse-samples/bird-mrtdump_rib", 14, 18, 18, 0},
		{"mrt-mrtparse-samples/bird6-mrtdump_bgp", 27, 6, 12, 0},
		{"mrt-mrtparse-samples/bird6-mrtdump_rib", 9, 10, 10, 0},
		{"mrt-mrtparse-samples/bird_bgp", 29, 8, 14, 0},
		{"mrt-mrtparse-samples/bird6_bgp", 29, 8, 14, 0},
		{"mrt-mrtparse-samples/openbgpd_bgp", 87, 48, 99, 0},
		{"mrt-mrtparse-samples/openbgpd_rib_table", 31, 31, 31, 0},
		{"mrt-mrtparse-samples/openbgpd_rib_table-mp", 31, 31, 31, 0},
		{"mrt-mrtparse-samples/openbgpd_rib_table-v2", 24, 33, 33, 0},
		{"mrt-mrtparse-samples/quagga_bgp", 67, 24, 34, 0},
		{"mrt-mrtparse-samples/quagga_rib", 7, 9, 9, 0},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			r := newRig(t)
			r.read(dataFile(t, c.file))
			got := r.in.Tally
			check := func(what string, n, want uint64) {
				if n != want {
					t.Errorf("%s: %d, want %d", what, n, want)
				}
			}
			check("messages", got.Messages, c.messages)
			check("updates", got.Updates, c.updates)
			check("prefixes", got.Prefixes, c.prefixes)
			check("malformed", got.Malformed, c.malformed)
			if len(r.malformed) != int(got.Malformed) {
				t.Errorf("%d malformed records reported, %d counted: %v", len(r.malformed), got.Malformed, r.malformed)
			}
			if r.skipped > 0 {
				t.Errorf("%d octets are no record", r.skipped)
			}
		})
	}
}

// TestDialects: what each router wrote of itself and of its peers, as its configuration has it. BIRD without the subtypes of RFC 8050 writes path
// identifiers all the same: they are found out.
func TestDialects(t *testing.T) {
	const (
		v4, v6  = "172.17.0.0/24 172.17.1.0/24 172.17.2.0/24", "fd01:1:1::/64 fd01:1:2::/64 fd01:1::/64"
		open4   = "192.168.0.0/16 192.168.0.10/32 192.168.0.12/32 192.168.0.13/32 192.168.0.14/32 192.168.0.15/32 192.168.1.0/24 192.168.3.0/24 192.168.4.0/24 192.168.5.0/24 192.168.6.0/24"
		open6   = "2001:db8:0:1::/64 2001:db8:0:3::/64 2001:db8:0:4::/64 2001:db8:0:5::/64 2001:db8:0:6::/64 2001:db8::/64 2001:db8::10/128 2001:db8::12/128 2001:db8::14/128 2001:db8::15/128"
		openBSD = "192.168.1.10: " + open4 + " " + open6 + "\n2001:db8:0:1::10: " + open6
	)
	for _, c := range []struct {
		file, want string
		events     map[collector.Kind]int
	}{
		{"bird_bgp", "192.168.0.10: " + v4 + " 192.168.16.0/24", map[collector.Kind]int{collector.Routes: 6, collector.EndOfRIB: 2, collector.PeerUp: 2, collector.PeerDown: 1}},
		{"bird6_bgp", "fd02::10: " + v6 + " fd02:17::/64", map[collector.Kind]int{collector.Routes: 6, collector.EndOfRIB: 2, collector.PeerUp: 2, collector.PeerDown: 1}},
		{"bird-mrtdump_bgp", "192.168.0.10: " + v4, map[collector.Kind]int{collector.Routes: 4, collector.EndOfRIB: 2, collector.PeerUp: 2, collector.PeerDown: 1}},
		{"bird6-mrtdump_bgp", "fd02::10: " + v6, map[collector.Kind]int{collector.Routes: 4, collector.EndOfRIB: 2, collector.PeerUp: 2, collector.PeerDown: 1}},
		{"bird-mrtdump_rib", "0.0.0.0: 0.0.0.0/0 169.254.169.254/32 192.168.0.0/24\n192.168.0.10: " + v4,
			map[collector.Kind]int{collector.Routes: 18, collector.TableBegins: 4, collector.EndOfRIB: 4, collector.Synchronised: 4}},
		{"bird6-mrtdump_rib", "::: ::/0 fd02::/64\nfd02::10: " + v6,
			map[collector.Kind]int{collector.Routes: 10, collector.TableBegins: 3, collector.EndOfRIB: 3, collector.Synchronised: 3}},
		{"openbgpd_bgp", openBSD, map[collector.Kind]int{collector.Routes: 42, collector.PeerUp: 4, collector.PeerDown: 2}},
		{"openbgpd_rib_table", openBSD, map[collector.Kind]int{collector.Routes: 31, collector.TableBegins: 3, collector.EndOfRIB: 3, collector.Synchronised: 2}},
		{"openbgpd_rib_table-mp", openBSD, map[collector.Kind]int{collector.Routes: 31, collector.TableBegins: 3, collector.EndOfRIB: 3, collector.Synchronised: 2}},
		{"openbgpd_rib_table-v2", openBSD, map[collector.Kind]int{collector.Routes: 31, collector.TableBegins: 6, collector.EndOfRIB: 6, collector.Synchronised: 2}},
		{"quagga_bgp", "192.168.0.10: " + v4 + " " + v6 + "\nfd02::10: " + v6, map[collector.Kind]int{collector.Routes: 6, collector.EndOfRIB: 12, collector.PeerUp: 4, collector.PeerDown: 2}},
		{"quagga_rib", "192.168.0.10: " + v4 + " " + v6 + "\nfd02::10: " + v6, map[collector.Kind]int{collector.Routes: 9, collector.TableBegins: 4, collector.EndOfRIB: 4, collector.Synchronised: 2}},
	} {
		t.Run(c.file, func(t *testing.T) {
			p := newPrinter()
			p.all(dataFile(t, "mrt-mrtparse-samples/"+c.file))
			if err := p.stream.Finish(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := p.shown(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			delete(p.kinds, collector.Heard)
			if !maps.Equal(p.kinds, c.events) {
				t.Errorf("events %v, want %v", p.kinds, c.events)
			}
		})
	}
}
