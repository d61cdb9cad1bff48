package config

import (
	"fmt"
	"strings"
	"testing"
)

// shown writes a tree with the place of every scalar.
func shown(n *node) string {
	var parts []string
	switch n.kind {
	case scalar:
		return fmt.Sprintf("%s@%d:%d", n.text, n.at.line, n.at.column)
	case list:
		for _, item := range n.items {
			parts = append(parts, shown(item))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case table:
		for _, p := range n.pairs {
			parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", p.name, p.at.line, p.at.column, shown(p.value)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	default:
		return n.kind.String()
	}
}

func TestTree(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		// What other readers take for numbers, times and truth keeps its spelling.
		{"a: 64500:101\nb: 2001:db8:53::/48\nc: 1.10\nd: 010\ne: no", "{a@1:1=64500:101@1:4 b@2:1=2001:db8:53::/48@2:4 c@3:1=1.10@3:4 d@4:1=010@4:4 e@5:1=no@5:4}"},
		// Colons in plain words, in every place that a list of addresses may stand.
		{"{a: [127.0.0.1:179, ::1, 2001:db8::/32]}", "{a@1:2=[127.0.0.1:179@1:6 ::1@1:21 2001:db8::/32@1:26]}"},
		{"{a: [rule:a b:c, {d: e:f}, g: h]}", "{a@1:2=[rule:a b:c@1:6 {d@1:19=e:f@1:22} {g@1:28=h@1:31}]}"},
		{"a: [2001:db8::, x]\nb: {c: 10.0.0.1:53}", "{a@1:1=[2001:db8::@1:5 x@1:17] b@2:1={c@2:5=10.0.0.1:53@2:8}}"},
		// Quotes, escapes, blocks.
		{"a: 'it''s'\nb: \"\\x41\\u00e9\"\nc: |\n  x\n  y\n", "{a@1:1=it's@1:4 b@2:1=Aé@2:4 c@3:1=x\ny\n@3:4}"},
		{"? a\n: b\n\"c d\": e", "{a@1:3=b@2:3 c d@3:1=e@3:8}"},
		{"- é: [ü, x]\n-\n- - y", "[{é@1:3=[ü@1:7 x@1:10]} empty [y@3:5]]"},
		// Merge keys: the own value first, then the first of those brought in.
		{"a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3", "{a@1:1={x@1:8=1@1:11 y@1:14=1@1:17} b@2:1={y@2:8=2@2:11 z@2:14=2@2:17} c@3:1={x@5:3=3@5:6 y@1:14=1@1:17 z@2:14=2@2:17}}"},
		// An alias stands where it is written, what is inside where it is.
		{"a: &a 1\nb: *a\nc: &c [2]\nd: *c", "{a@1:1=1@1:7 b@2:1=1@2:4 c@3:1=[2@3:8] d@4:1=[2@3:8]}"},
	} {
		root, faults := syntax("f.yaml", []byte(c.yaml))
		if len(faults) > 0 {
			t.Errorf("%q: %v", c.yaml, faults)
			continue
		}
		if got := shown(root); got != c.want {
			t.Errorf("%q reads as\n%s, expected\n%s", c.yaml, got, c.want)
		}
	}
}

// Merging into one another again and again doesn't multiply the work.
func TestMergesOfMergesStaySmall(t *testing.T) {
	var b strings.Builder
	b.WriteString("l0: &l0 {a: 1}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "l%d: &l%d {<<: [*l%d, *l%d], k%d: 1}\n", i, i, i-1, i-1, i)
	}
	root, faults := syntax("f.yaml", []byte(b.String()))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if last := root.pairs[59].value; len(last.pairs) != 60 {
		t.Errorf("%d keys, expected 60", len(last.pairs))
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"within", "witin", 1}, {"sites", "sties", 1}, {"colour", "rules", 5}, {"ab", "ba", 1}, {"abc", "abc", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q are %d slips, expected %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("from %q to %q are %d slips, expected %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"prefix", "name", "sites", "announced"}
	for wrong, want := range map[string]string{"prefixes": "prefix", "site": "sites", "anounced": "announced", "x": "", "colour": "", "nmae": "name"} {
		if got := nearest(wrong, words); got != want {
			t.Errorf("%q: got %q, expected %q", wrong, got, want)
		}
	}
}

// A key that is known because a list says so must be read too: each refuses what can be none of its values.
func TestKnownKeysAreRead(t *testing.T) {
	for _, key := range []string{"asns", "defaults", "prefixes", "sites", "sources", "rpki", "detect", "rules", "maintenance", "alerts", "store", "web", "log"} {
		refuses(t, key+": {zzz: 1}", 1)
	}
	for _, key := range []string{"prefix", "name", "sites", "twin", "announced", "min_sites", "scope", "origins", "upstreams", "origin_upstreams", "more_specifics"} {
		refuses(t, "prefixes:\n  - prefix: 192.0.2.0/24\n  - "+key+": {zzz: 1}", 3)
	}
}

func refuses(t *testing.T, text string, line int) {
	t.Helper()
	_, err := Parse("f.yaml", []byte(text), ".")
	faults, _ := err.(Faults)
	for _, f := range faults {
		if f.Line == line && !strings.Contains(f.Problem, "missing") && !strings.Contains(f.Problem, "unknown") || f.Line == line && strings.HasSuffix(f.Key, "zzz") {
			return
		}
	}
	t.Errorf("%q is not refused: %v", text, err)
}
