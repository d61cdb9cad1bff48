package propose

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"anywatch/collector/route"
)

var update = flag.Bool("update", false, "write what came out as what is expected, to be read before it is committed")

// TestProposals writes a proposal from every file of testdata. A file says what was seen, and what is proposed:
//
//	-- vantages --   NAME internal|external AS [router=R] [peer=A] [id=A] [named] [loc-rib] [sent] [all-paths] [table]
//	-- routes --     VANTAGE PREFIX AS…  [hop=A] [originator=A] [community=C]… [large=C]… [pref] [gone=HH:MM]
//	-- seen --       asns AS… | told TEXT | from NAME | newest HH:MM | records N | malformed N | transit PREFIX AS
//	-- anywatch.yaml --   or -- error --
func TestProposals(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := parse(t, archive)
			section, got := "anywatch.yaml", ""
			if got, err = Write(in); err != nil {
				section, got = "error", err.Error()+"\n"
			}
			compare(t, file, archive, section, got)
			shuffled(t, in, section, got)
		})
	}
}

func compare(t *testing.T, file string, archive *txtar.Archive, section, got string) {
	t.Helper()
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == section })
	if i >= 0 && string(archive.Files[i].Data) == got {
		return
	}
	if !*update {
		t.Errorf("got %s\n%s", section, got)
		return
	}
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "anywatch.yaml" || f.Name == "error" })
	archive.Files = append(archive.Files, txtar.File{Name: section, Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shuffled wants the same proposal whatever the order in which things were seen.
func shuffled(t *testing.T, in Seen, section, want string) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(in.Routes), func(i, j int) { in.Routes[i], in.Routes[j] = in.Routes[j], in.Routes[i] })
		random.Shuffle(len(in.Vantages), func(i, j int) { in.Vantages[i], in.Vantages[j] = in.Vantages[j], in.Vantages[i] })
		got, err := Write(in)
		if section == "error" && err != nil {
			got = err.Error() + "\n"
		}
		if got != want {
			t.Fatalf("in another order it is\n%s", got)
		}
	}
}

func parse(t *testing.T, archive *txtar.Archive) Seen {
	t.Helper()
	in := Seen{Transit: make(map[netip.Prefix]route.ASN)}
	byName := make(map[string]*Vantage)
	for _, f := range archive.Files {
		for text := range strings.Lines(string(f.Data)) {
			words := strings.Fields(text)
			if len(words) == 0 || words[0] == "#" {
				continue
			}
			switch f.Name {
			case "vantages":
				for _, v := range parseVantages(t, words) {
					byName[v.Name] = v
					in.Vantages = append(in.Vantages, v)
				}
			case "routes":
				in.Routes = append(in.Routes, parseRoutes(t, words, byName)...)
			case "seen":
				parseSeen(t, words, strings.TrimSpace(text), &in)
			}
		}
	}
	return in
}

// clock reads HH:MM of the day of all tests.
func clock(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", "2026-03-01 "+text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func asn(t *testing.T, text string) route.ASN {
	t.Helper()
	a, err := route.ParseASN(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// parseVantages reads one, or with a name like out[1-40] so many.
func parseVantages(t *testing.T, words []string) (list []*Vantage) {
	t.Helper()
	for _, name := range expand(t, words[0]) {
		v := &Vantage{Name: name, External: words[1] == "external", Local: asn(t, words[2])}
		for _, w := range words[3:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "router":
				v.Router = strings.ReplaceAll(value, "_", " ")
				if u, err := strconv.Unquote(`"` + v.Router + `"`); err == nil {
					v.Router = u
				}
			case "peer":
				v.Peer = netip.MustParseAddr(value)
			case "id":
				v.RouterID = netip.MustParseAddr(value)
			case "named":
				v.Named = true
			case "loc-rib":
				v.LocRIB = true
			case "sent":
				v.Sent = true
			case "all-paths":
				v.AllPaths = true
			case "table":
				v.Table = true
			default:
				t.Fatalf("a vantage has no %s", key)
			}
		}
		list = append(list, v)
	}
	return list
}

// expand makes out1 … out40 of out[1-40].
func expand(t *testing.T, name string) []string {
	t.Helper()
	base, rest, many := strings.Cut(name, "[")
	if !many {
		return []string{name}
	}
	var first, last int
	if _, err := fmt.Sscanf(rest, "%d-%d]", &first, &last); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []string
	for i := first; i <= last; i++ {
		out = append(out, fmt.Sprintf("%s%d", base, i))
	}
	return out
}

func parseRoutes(t *testing.T, words []string, byName map[string]*Vantage) (list []Route) {
	t.Helper()
	p, err := route.ParsePrefix(words[1])
	if err != nil {
		t.Fatal(err)
	}
	a := &route.Attrs{}
	var gone time.Time
	var path []string
	for _, w := range words[2:] {
		key, value, attribute := strings.Cut(w, "=")
		switch {
		case w == "pref":
			a.HasLocalPref, a.LocalPref = true, 100
		case !attribute:
			path = append(path, w)
		case key == "gone":
			gone = clock(t, value)
		default:
			parseAttribute(t, a, key, value)
		}
	}
	if a.Path, err = route.ParsePath(strings.Join(path, " ")); err != nil {
		t.Fatal(err)
	}
	for _, name := range expand(t, words[0]) {
		if byName[name] == nil {
			t.Fatalf("there is no vantage %s", name)
		}
		list = append(list, Route{Vantage: byName[name], Prefix: p, Attrs: a, Gone: gone})
	}
	return list
}

func parseAttribute(t *testing.T, a *route.Attrs, key, value string) {
	t.Helper()
	var err error
	switch key {
	case "hop":
		a.NextHop, err = netip.ParseAddr(value)
	case "originator":
		a.OriginatorID, err = netip.ParseAddr(value)
	case "community":
		var c route.Community
		c, err = route.ParseCommunity(value)
		a.Communities = append(a.Communities, c)
	case "large":
		var c route.LargeCommunity
		c, err = route.ParseLargeCommunity(value)
		a.Large = append(a.Large, c)
	default:
		t.Fatalf("a route has no %s", key)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func parseSeen(t *testing.T, words []string, text string, in *Seen) {
	t.Helper()
	count := func() uint64 {
		n, err := strconv.ParseUint(words[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch words[0] {
	case "asns":
		for _, w := range words[1:] {
			in.ASNs = append(in.ASNs, asn(t, w))
		}
	case "told":
		in.Told = strings.TrimPrefix(text, "told ")
	case "from":
		in.From = append(in.From, words[1])
	case "newest":
		in.Newest = clock(t, words[1])
	case "records":
		in.Records = count()
	case "malformed":
		in.Malformed = count()
	case "transit":
		in.Transit[netip.MustParsePrefix(words[1])] = asn(t, words[2])
	default:
		t.Fatalf("nothing is called %s", words[0])
	}
}

func TestFew(t *testing.T) {
	for _, c := range []struct {
		n, of int
		want  bool
	}{{1, 1, false}, {1, 2, false}, {1, 9, false}, {1, 10, true}, {2, 10, false}, {2, 100, false}, {2, 101, true}, {16, 400, false}, {7, 400, true}} {
		if got := few(c.n, c.of); got != c.want {
			t.Errorf("%d of %d: few is %v", c.n, c.of, got)
		}
	}
}

// Whatever a router calls itself, one line stays one line, and a text stays a text.
func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"ams-edge1": "ams-edge1", "64500:10": `"64500:10"`, "64500:1:101": `"64500:1:101"`, "10.0.1.1": "10.0.1.1", "2001:db8::1": `"2001:db8::1"`, "2001:db8::/32": "2001:db8::/32",
		"::1": `"::1"`, "no": `"no"`, "12": `"12"`, "a: b": `"a: b"`, "x # y": `"x # y"`, "a\nb": `"a\nb"`, `q"q`: `"q\"q"`, "[": `"["`, "": `""`, "1e3": `"1e3"`,
	} {
		if got := safe(text); got != want {
			t.Errorf("%q is written %s, and not %s", text, got, want)
		}
	}
	if got := oneLine("a\nb\x1b[31m"); got != "a?b?[31m" {
		t.Errorf("a comment holds %q", got)
	}
}

// The address families have prefixes of their own that are only used inside.
func TestAside(t *testing.T) {
	for text, want := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "10.0.0.0/8": true, "10.1.2.3/32": true, "172.32.0.0/16": false, "100.64.1.0/24": true, "192.0.2.0/24": false,
		"fd00::/48": true, "fe80::/64": true, "2001:db8::/32": false, "8.0.0.0/7": false, "240.0.0.0/8": true,
	} {
		if got := isAside(netip.MustParsePrefix(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// What names a site is written as a matcher has it: no address of one link only, no IPv4 in IPv6, nothing that means the same everywhere.
func TestMarks(t *testing.T) {
	v := &Vantage{Router: "edge\x00", Peer: netip.MustParseAddr("fe80::1%eth0")}
	a := &route.Attrs{NextHop: netip.MustParseAddr("::ffff:10.0.1.1"), OriginatorID: netip.MustParseAddr("10.0.1.2"),
		Communities: []route.Community{64500<<16 | 101, route.GracefulShutdown}, Large: []route.LargeCommunity{{Global: 64500, Local1: 1, Local2: 101}}}
	var got []string
	for m := range marksOf(Route{Vantage: v, Attrs: a}) {
		got = append(got, m.String())
	}
	slices.Sort(got)
	want := []string{`community: "64500:101"`, `large_community: "64500:1:101"`, "next_hop: 10.0.1.1", "originator_id: 10.0.1.2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// Commented lines are in force again without "# " at their column.
func TestCommented(t *testing.T) {
	inner, p := &page{}, &page{}
	inner.doubt("      - 1", "one")
	p.add("  - a: 1", "")
	p.under("    ", "b:", inner)
	if got, want := p.String(), "  - a: 1\n    # b:\n    #   - 1  # one\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := p.commented(2).String(), "  # - a: 1\n  #   # b:\n  #   #   - 1  # one\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRanked(t *testing.T) {
	got := ranked(map[string]int{"b": 1, "a": 1, "c": 7})
	if want := []counted[string]{{"c", 7}, {"a", 1}, {"b", 1}}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if n := sizes(map[string]tally{"x": {nil: true}}); !maps.Equal(n, map[string]int{"x": 1}) {
		t.Errorf("%v", n)
	}
}
