//go:build data

package rislive

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"anywatch/collector/screen"
)

func dataLines(t *testing.T, name string) []string {
	t.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		t.Fatal("ANYWATCH_DATA is not set; set it to the folder of the test data")
	}
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(b), "\n")
}

// TestData reads captures whose content is known.
func TestData(t *testing.T) {
	for _, c := range []struct {
		file                         string
		messages, updates, malformed uint64
		prefixes                     [2]uint64
	}{
		{"rislive-morrowc/1-msg", 1, 1, 0, [2]uint64{1, 1}},
		{"rislive-morrowc/10-msg", 10, 10, 0, [2]uint64{10, 100}},
		{"rislive-morrowc/1k-msgs", 1000, 994, 0, [2]uint64{3181, 3265}},
		{"rislive-morrowc/fail-as-set", 1, 1, 0, [2]uint64{1, 1}},
		{"mrt-libbgpstream/ris-live-stream.json", 7, 1, 1, [2]uint64{1, 1}},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			r := newRig(t, testWatch())
			for _, line := range dataLines(t, c.file) {
				r.line(line)
			}
			got := r.in.Tally
			if got.Messages != c.messages || got.Updates != c.updates || got.Malformed != c.malformed || got.Prefixes < c.prefixes[0] || got.Prefixes > c.prefixes[1] {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// TestRawAgrees: the raw octets and the decoded form of a message give the same routes, but for a path with a set that the decoded
// form leaves out.
func TestRawAgrees(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	everything := screen.NewLive(screen.NewWatch(all, nil, screen.Shortest{}))
	differ := 0
	for n, line := range dataLines(t, "rislive-morrowc/1k-msgs") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		raw, decoded := newRig(t, everything), newRig(t, everything)
		raw.line(line)
		decoded.line(withoutRaw(t, line))
		if raw.in.Tally.Malformed+decoded.in.Tally.Malformed > 0 {
			t.Errorf("line %d: %v %v", n+1, raw.malformed, decoded.malformed)
		}
		if slices.Equal(paths(raw.events), paths(decoded.events)) {
			continue
		}
		if differ++; !strings.Contains(strings.Join(raw.events, ""), "{") {
			t.Errorf("line %d\nraw     %q\ndecoded %q", n+1, raw.events, decoded.events)
		}
	}
	if differ != 1 {
		t.Errorf("%d messages differ, want 1", differ)
	}
}

func withoutRaw(t *testing.T, line string) string {
	t.Helper()
	var top, data map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &top); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(top["data"], &data); err != nil {
		t.Fatal(err)
	}
	delete(data, "raw")
	top["data"], _ = json.Marshal(data)
	out, _ := json.Marshal(top)
	return string(out)
}

// attributes are what stands after the path of a route as the tests tell it: next hop and communities.
var attributes = regexp.MustCompile(` via \S+ \S*`)

// paths gives prefixes and AS paths of events, in an order of their own.
func paths(events []string) (out []string) {
	for _, ev := range events {
		_, ev, _ = strings.Cut(attributes.ReplaceAllString(ev, ""), "routes ")
		words := strings.Fields(ev)
		slices.Sort(words)
		out = append(out, slices.Compact(words)...)
	}
	slices.Sort(out)
	return out
}
