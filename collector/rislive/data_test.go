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
	"time"

	"anywatch/collector"
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

// lines gives those of a file that are not empty.
func lines(t *testing.T, name string) (out []string) {
	for _, line := range dataLines(t, name) {
		if strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return out
}

// large are the large communities, which stand last in an event as the tests tell it. Only the raw octets have them.
var large = regexp.MustCompile(`(?m)(?:,|( ))\d+:\d+:\d+(?:,\d+:\d+:\d+)*$`)

// TestRawAgrees: the raw octets and the decoded form of a message give the same event, with all its attributes, but for large communities and
// for three exceptions.
func TestRawAgrees(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	everything := screen.NewLive(screen.NewWatch(all, nil, screen.Shortest{}))
	for _, c := range []struct {
		file  string
		tally collector.Tally // of the raw octets
		large int             // messages with large communities
		two   []int           // lines from sessions with AS numbers of 2 octets, which nothing but their raw octets tells
		set   []int           // lines with an AS_SET that the decoded form leaves out
	}{
		{file: "1-msg", tally: collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{file: "10-msg", tally: collector.Tally{Messages: 10, Updates: 10, Prefixes: 10, Matched: 10}},
		{file: "20-msg", tally: collector.Tally{Messages: 20, Updates: 20, Prefixes: 39, Matched: 20}, large: 3},
		{file: "1k-msgs", tally: collector.Tally{Messages: 1000, Updates: 994, Prefixes: 3181, Matched: 994, Redecoded: 2}, large: 9, two: []int{34, 60}, set: []int{258}},
		{file: "fail-as-set", tally: collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
	} {
		var sum collector.Tally
		var two, set []int
		extra := 0
		for n, line := range lines(t, "rislive-morrowc/"+c.file) {
			raw, decoded := newRig(t, everything), newRig(t, everything)
			raw.line(line)
			decoded.line(withoutRaw(t, line))
			sum.Add(raw.in.Tally)
			if raw.in.Tally.Redecoded > 0 {
				two = append(two, n+1)
			}
			if raw.in.Tally.Redecoded = 0; raw.in.Tally != decoded.in.Tally {
				t.Errorf("%s line %d: %+v, decoded %+v", c.file, n+1, raw.in.Tally, decoded.in.Tally)
			}
			text, plain := strings.Join(raw.events, "\n"), strings.Join(decoded.events, "\n")
			if large.MatchString(text) {
				text, extra = large.ReplaceAllString(text, "$1"), extra+1
			}
			switch {
			case text == plain:
			case strings.Replace(text, " {27738}", "", 1) == plain:
				set = append(set, n+1)
			default:
				t.Errorf("%s line %d\nraw     %q\ndecoded %q", c.file, n+1, text, plain)
			}
		}
		if sum != c.tally || extra != c.large || !slices.Equal(two, c.two) || !slices.Equal(set, c.set) {
			t.Errorf("%s: counted %+v, %d with large communities, 2 octets in %v, sets in %v", c.file, sum, extra, two, set)
		}
	}
}

// TestSevenLines: an update, a peer that goes down, an error of the server, OPEN, NOTIFICATION and KEEPALIVE, and a line that is none.
func TestSevenLines(t *testing.T) {
	all := screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("45.161.192.0/22")}, nil, screen.Shortest{}))
	verdicts := []struct {
		event, talk, malformed string
		sent                   string
		tally                  collector.Tally
	}{
		{event: "47.89 rislive:rrc00/72.22.223.9 routes +45.161.192.0/23 [11708 32097 1299 52320 263009 263009 263009 263009 263009 52993 268481 268481] via 72.22.223.9 ",
			sent: "2019-03-26T19:19:47.89Z", tally: collector.Tally{Messages: 1, Updates: 1, Prefixes: 1, Matched: 1}},
		{event: "21.88 rislive:rrc01/195.66.224.59 peer-down (RIS: down)", sent: "2019-03-26T18:31:21.88Z", tally: collector.Tally{Messages: 1}},
		{talk: `ris_error: {"message":"this is a test error message"}`, tally: collector.Tally{Messages: 1}},
		{sent: "2019-03-26T18:29:55.84Z", tally: collector.Tally{Messages: 1}},
		{sent: "2019-03-26T18:30:16.83Z", tally: collector.Tally{Messages: 1}},
		{sent: "2019-03-26T18:30:34.06Z", tally: collector.Tally{Messages: 1}},
		{malformed: "malformed RIS Live message: unexpected end of JSON input", tally: collector.Tally{Messages: 1, Malformed: 1}},
	}
	r := newRig(t, all)
	list := lines(t, "mrt-libbgpstream/ris-live-stream.json")
	if len(list) != len(verdicts) {
		t.Fatalf("%d lines, want %d", len(list), len(verdicts))
	}
	for i, want := range verdicts {
		r.events, r.malformed, r.in.Tally = nil, nil, collector.Tally{}
		r.line(list[i])
		bad, sent := "", ""
		for _, err := range r.malformed {
			bad += err.Error()
		}
		if at := r.decoder.Sent(); !at.IsZero() {
			sent = at.Format(time.RFC3339Nano)
		}
		if got := strings.Join(r.events, "\n"); got != want.event || r.decoder.Talk() != want.talk || bad != want.malformed || sent != want.sent || r.in.Tally != want.tally {
			t.Errorf("line %d: event %q, talk %q, malformed %q, sent %s, counted %+v", i+1, got, r.decoder.Talk(), bad, sent, r.in.Tally)
		}
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
