//go:build data

package app

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anywatch/cmd/internal/config"
	"anywatch/collector/archive"
	"anywatch/collector/route"
	"anywatch/rules/propose"
)

func dataFiles(t *testing.T, pattern string) []string {
	t.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		t.Fatal("ANYWATCH_DATA names no folder of test data")
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, root, err)
	}
	slices.Sort(files)
	return files
}

// proposed writes a proposal and reads it as a configuration.
func proposed(t *testing.T, g Generate) (string, *config.Config) {
	t.Helper()
	g.Report = func(archive.Problem) {}
	seen, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := propose.Write(seen)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("proposal.yaml", []byte(text), t.TempDir())
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return text, c
}

// The hours in which AS17557 took YouTube's address space: what is proposed is what the owner would have written, and the thief is in a comment.
func TestGenerateFromHijack(t *testing.T) {
	text, c := proposed(t, Generate{ASNs: []route.ASN{36561}, Inputs: dataFiles(t, "youtube-2008/updates.*.bz2")})
	var prefixes []string
	for _, p := range c.Prefixes {
		prefixes = append(prefixes, fmt.Sprint(p.Prefix, p.Origins.ASNs, p.MoreSpecifics.List))
	}
	want := []string{
		"64.15.112.0/20 [AS36561] []", "208.65.152.0/22 [AS36561] []", "208.65.153.0/24 [AS36561] [208.65.153.0/25 208.65.153.128/25]", "208.117.224.0/19 [AS36561] []",
	}
	if !slices.Equal(prefixes, want) {
		t.Errorf("%q", prefixes)
	}
	if !strings.Contains(text, "# Seen also with origin AS17557 by 42 of 42 vantages, none in the end: left out") || !slices.Contains(c.Defaults.Upstreams, 3549) {
		t.Errorf("%s", text)
	}
}

// Two sites, each with a marker AS next to the origin: the sites that are suggested in comments divide the paths by the marker.
func TestGenerateSuggestsSites(t *testing.T) {
	divided := 0
	for _, file := range dataFiles(t, "anycast-two-site/*_*_*/*_*_bgpstream_paths.csv") {
		paths := readPaths(t, file)
		text, _ := proposed(t, Generate{ASNs: []route.ASN{47065}, Inputs: []string{"-"}, Stdin: bytes.NewReader(asRISLive(paths))})
		_, suggested, found := strings.Cut(text, "this tells them apart:\n")
		if !found {
			continue
		}
		suggested, _, _ = strings.Cut(suggested, "\n\n")
		c, err := config.Parse("proposal.yaml", []byte(text+strings.ReplaceAll("\n"+suggested, "\n# ", "\n")+"\n"), t.TempDir())
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		divided++
		for _, path := range paths {
			var fits []string
			for _, s := range c.Sites {
				if s.Match[0].ASPath.MatchString(strings.Join(path, " ")) {
					fits = append(fits, strings.TrimPrefix(s.Name, "via-"))
				}
			}
			if marker := path[len(path)-2]; marker != "47065" && !slices.Equal(fits, []string{marker}) {
				t.Errorf("%s: %v fits %v", file, path, fits)
			}
		}
	}
	if divided != 7 { // in the others one site is hardly seen, or not at all
		t.Errorf("%d experiments show two sites", divided)
	}
}

// readPaths reads the column of paths.
func readPaths(t *testing.T, file string) (paths [][]string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 100 {
		t.Fatalf("%s: %d rows, %v", file, len(rows), err)
	}
	for _, row := range rows {
		paths = append(paths, strings.Split(row[2], ","))
	}
	return paths
}

// asRISLive writes what RIS Live would have said, each path by a peer of its own.
func asRISLive(paths [][]string) []byte {
	var b bytes.Buffer
	for i, p := range paths {
		address := fmt.Sprintf("10.100.%d.%d", i/250, i%250+1)
		fmt.Fprintf(&b, `{"type":"ris_message","data":{"timestamp":1538352000,"peer":%q,"peer_asn":%q,"id":"%d","host":"rrc00","type":"UPDATE","path":[%s],`+
			`"origin":"IGP","announcements":[{"next_hop":%q,"prefixes":["184.164.254.0/24"]}]}}`+"\n", address, p[0], i, strings.Join(p, ","), address)
	}
	return b.Bytes()
}
