//go:build data

package app

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"anywatch/cmd/internal/config"
	"anywatch/collector/archive"
	"anywatch/detector"
)

// experimentLines writes the paths of an experiment as a public feed shows them. The tables have no prefix, no time, and no address of a peer.
func experimentLines(t *testing.T, table string) string {
	t.Helper()
	f, err := os.Open(table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	var b strings.Builder
	for n := 0; ; n++ {
		row, err := r.Read()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		peer := netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
		fmt.Fprintf(&b, `{"type": "ris_message", "data": {"timestamp": 1795370400, "peer": %q, "peer_asn": %q, "id": "x", "host": %q, "type": "UPDATE", "path": [%s], "community": [], "origin": "IGP", "announcements": [{"next_hop": %q, "prefixes": ["184.164.240.0/24"]}]}}`+"\n",
			peer, row[1], row[0], row[2], peer)
	}
}

// TestTwoSite: with two sites that announce the same prefix, the site of every peer is the one that the authors of the experiments found, and the
// shares are theirs.
func TestTwoSite(t *testing.T) {
	files := dataFiles(t, "anycast-two-site/*/cp_*catchment.json")
	if len(files) != 14 {
		t.Fatalf("%d experiments; there are 14", len(files))
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want map[string][]string
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			_, both, _ := strings.Cut(filepath.Base(dir), "_")
			compareSitesOf(t, catchmentOf(t, both, filepath.Join(dir, both+"_bgpstream_paths.csv")), want)
		})
	}
}

// catchmentOf replays an experiment. The marker of the first site is AS61574, that of the second AS61575.
func catchmentOf(t *testing.T, both, table string) detector.Catchment {
	t.Helper()
	a, b, _ := strings.Cut(both, "_")
	conf := filepath.Join(t.TempDir(), "anywatch.yaml")
	text := fmt.Sprintf("asns: [47065]\nprefixes: [{prefix: 184.164.240.0/24}]\nsites:\n  - {name: %s, match: [{as_path: \"61574\"}]}\n  - {name: %s, match: [{as_path: \"61575\"}]}\n", a, b)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(conf)
	if err != nil {
		t.Fatal(err)
	}
	var out []detector.Catchment
	r := Replay{
		Config: c, Inputs: []string{"-"}, Stdin: strings.NewReader(experimentLines(t, table)), Done: func(e *detector.Engine) { out = e.Catchments() },
		Emit: func(ch detector.Change) {
			if ch.Incident.Kind == detector.OriginHijack || ch.Incident.Kind == detector.CatchmentShift {
				t.Errorf("%s", ch.Incident.Summary)
			}
		},
		Report: func(p archive.Problem) { t.Errorf("%v", p) },
	}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 {
		t.Fatalf("%d catchments", len(out))
	}
	return out[0]
}

// compareSitesOf compares per AS, as the authors did: peers of one AS at several collectors may go to both sites.
func compareSitesOf(t *testing.T, c detector.Catchment, want map[string][]string) {
	t.Helper()
	got := make(map[string][]string)
	for _, s := range c.Served {
		as := strconv.FormatUint(uint64(s.Vantage.PeerAS), 10)
		if s.Site == "" {
			t.Errorf("%s (%s) has no site", s.Vantage.Name(), s.Path)
		}
		if !slices.Contains(got[as], s.Site) {
			got[as] = append(got[as], s.Site)
		}
	}
	if len(got) < 250 || len(want) < 250 {
		t.Errorf("%d ASes, the authors have %d", len(got), len(want))
	}
	for as, sites := range want {
		slices.Sort(sites)
		slices.Sort(got[as])
		if !slices.Equal(got[as], slices.Compact(sites)) {
			t.Errorf("AS%s: %v, the authors say %v", as, got[as], sites)
		}
	}
	for _, s := range c.Served {
		// The map leaves out a route server, whose own AS is not on the path.
		if as := s.Vantage.PeerAS; want[strconv.FormatUint(uint64(as), 10)] == nil && s.Path.Contains(as) {
			t.Errorf("%s: %s, the authors do not know it", as, s.Site)
		}
	}
}
