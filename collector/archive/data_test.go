//go:build data

package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"anywatch/collector"
	"anywatch/collector/archive"
)

func dataFiles(t *testing.T, pattern string) (inputs []archive.Input) {
	t.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		t.Fatal("ANYWATCH_DATA is not set; set it to the folder of the test data")
	}
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, path := range paths {
		some, err := archive.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, some...)
	}
	return inputs
}

// TestData reads captures of all formats whose content is known.
func TestData(t *testing.T) {
	for _, c := range []struct {
		files string
		merge bool
		want  collector.Tally // messages, updates, prefixes and malformed are compared
	}{
		{"youtube-2008/*.bz2", false, collector.Tally{Messages: 309736, Updates: 309736, Prefixes: 758679}},
		{"youtube-2008/*.bz2", true, collector.Tally{Messages: 309736, Updates: 309736, Prefixes: 758679}},
		{"mrt-bgpdump-testset/test_data/bview.20020722.2337.gz", false, collector.Tally{Messages: 115521, Updates: 115521, Prefixes: 115521}},
		{"mrt-bgpdump-testset/test_data/bview.*add_path.gz", false, collector.Tally{Messages: 64, Updates: 124, Prefixes: 124}},
		{"mrt-bgpdump-testset/test_data/updates.et-header.2015.gz", false, collector.Tally{Messages: 89686, Updates: 89679, Prefixes: 577740}},
		{"mrt-libbgpstream/ris-live-stream.json", false, collector.Tally{Messages: 7, Updates: 1, Prefixes: 1, Malformed: 1}},
		{"rislive-morrowc/1k-msgs", false, collector.Tally{Messages: 1000, Updates: 994, Prefixes: 3181}},
		{"bmp-netgauze/bmp/evpn/evpn.01.bmp", false, collector.Tally{Messages: 140, Updates: 137, Prefixes: 139}},
	} {
		t.Run(c.files, func(t *testing.T) {
			r := newRig(t)
			r.opt.Merge = c.merge
			stats, err := r.read(dataFiles(t, c.files)...)
			if err != nil {
				t.Fatal(err)
			}
			got := collector.Tally{Messages: stats.Messages, Updates: stats.Updates, Prefixes: stats.Prefixes, Malformed: stats.Malformed}
			if got != c.want {
				t.Errorf("counted %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestDataCut: half of a packed file gives what can be unpacked, and one malformed record.
func TestDataCut(t *testing.T) {
	for _, file := range []string{"mrt-bgpdump-testset/test_data/updates.20071015.1505.gz", "youtube-2008/updates.20080224.1839.bz2"} {
		content, err := os.ReadFile(dataFiles(t, file)[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		inputs, err := archive.Open("-", bytes.NewReader(content[:len(content)/2]))
		if err != nil {
			t.Fatal(err)
		}
		stats, err := newRig(t).read(inputs...)
		if err != nil || stats.Messages < 1000 || stats.Malformed != 1 {
			t.Errorf("%s: counted %+v, %v", file, stats.Tally, err)
		}
	}
}
