package detector

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"text/template"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
	"anywatch/rules/filter"
)

func compiled(t testing.TB, name, when, summary string) *rules.Rule {
	t.Helper()
	f, err := filter.Compile(when)
	if err != nil {
		t.Fatal(err)
	}
	r := &rules.Rule{Name: name, When: f, Severity: "critical"}
	if summary != "" {
		r.Summary = template.Must(template.New("summary").Parse(summary))
	}
	return r
}

func ruleSet(own ...*rules.Rule) *rules.Set {
	return rules.New(rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults(), Rules: own, Prefixes: []rules.Prefix{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Name: "dns-a", Origins: []route.ASN{64500}},
	}})
}

func announced(prefix string, a *route.Attrs) collector.Event {
	return collector.Event{Kind: collector.Routes, Time: begin, Updates: []route.Update{{Announced: []route.NLRI{{Prefix: netip.MustParsePrefix(prefix)}}, Attrs: a}}}
}

// What an incident of a rule says: the words of the template, and why.
func TestRuleIncident(t *testing.T) {
	var said []Change
	r := compiled(t, "far", `aspath == 174 && community == "64500:1"`,
		"{{.Rule}} {{.Severity}} {{.Prefix}} {{.Watched}} {{.Name}} {{.Origin}} {{.Neighbor}} [{{.Path}}] {{.Vantage}} {{.Scope}} {{.Site}} {{.NextHop}} {{.MED}} {{.LocalPref}} {{.Communities}} {{.RPKI}}")
	e := New(Options{Rules: ruleSet(r), Emit: func(c Change) { said = append(said, c) }})
	path, err := route.ParsePath("174 {1,2} 64500")
	if err != nil {
		t.Fatal(err)
	}
	ev := announced("192.0.2.0/25", &route.Attrs{
		Path: path, NextHop: netip.MustParseAddr("10.0.0.1"), MED: 5, HasMED: true, LocalPref: 0, HasLocalPref: true,
		Communities: []route.Community{64500<<16 | 1}, Large: []route.LargeCommunity{{Global: 64500, Local1: 1, Local2: 2}},
	})
	ev.Vantage = collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}, Local: 64500})
	e.Apply(ev, begin)
	i := slices.IndexFunc(said, func(c Change) bool { return c.Incident.Kind == "rule:far" })
	if i < 0 {
		t.Fatalf("no incident of the rule in %v", said)
	}
	got := said[i].Incident
	want := "far critical 192.0.2.0/25 192.0.2.0/24 dns-a AS64500 AS1 [174 {1,2} 64500] bgp:rr1 internal 10.0.0.1 5 0 64500:1 64500:1:2 not-checked. RPKI not checked. Seen by 1 of 1 vantages."
	if got.Summary != want {
		t.Errorf("the summary is\n%s, want\n%s", got.Summary, want)
	}
	if fact := `the rule far matches: aspath == 174 && community == "64500:1"`; !slices.Contains(got.Why, fact) {
		t.Errorf("the reasons %q lack %q", got.Why, fact)
	}
	if got.Severity != Critical || *got.Prefix != netip.MustParsePrefix("192.0.2.0/25") || *got.Watched != netip.MustParsePrefix("192.0.2.0/24") || got.Offender != nil {
		t.Errorf("%+v", got)
	}
}

// moody is a condition that fails on every route with a MED.
type moody struct{ filter.Filter }

func (*moody) String() string { return "moody" }

func (*moody) Match(*filter.Subject) (bool, error) { return true, errors.New("out of sorts") }

// A rule that can't be asked matches nothing and is counted; one whose words fail has plain ones. The others go on.
func TestRuleThatFails(t *testing.T) {
	var kinds, summaries []string
	mute := compiled(t, "mute", "ipv4", "{{index .Path 5}}")
	broken, fine := &rules.Rule{Name: "broken", When: new(moody), Severity: "info"}, compiled(t, "fine", "ipv4", "")
	set := ruleSet(broken, mute, fine)
	e := New(Options{Rules: set, Emit: func(c Change) {
		kinds, summaries = append(kinds, string(c.Incident.Kind)), append(summaries, c.Incident.Summary)
	}})
	ev := announced("192.0.2.0/24", &route.Attrs{})
	ev.Vantage = collector.NewRegistry().Register(collector.Vantage{Key: collector.Key{Source: "bgp", Router: "rr1"}, Local: 64500})
	e.Apply(ev, begin)
	if want := []string{"rule:mute", "rule:fine"}; !slices.Equal(kinds, want) {
		t.Errorf("incidents %q, want %q", kinds, want)
	}
	if want := "192.0.2.0/24, announced by AS64500, matches the rule mute."; len(summaries) == 0 || !strings.HasPrefix(summaries[0], want) {
		t.Errorf("summaries %q, want %q first", summaries, want)
	}
	for _, c := range []struct {
		rule *rules.Rule
		n    int64
		want string
	}{{broken, 1, "rule broken: out of sorts"}, {mute, 1, "rule mute: template: summary"}, {fine, 0, ""}} {
		n, err := c.rule.Failures()
		if n != c.n || (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %d failures, %v; want %d, %s", c.rule.Name, n, err, c.n, c.want)
		}
	}
}

func TestDetectorsForAsksEveryRule(t *testing.T) {
	set := ruleSet(compiled(t, "a", "aspath == 174", ""), compiled(t, "b", "aspath == 175", ""))
	v := &collector.Vantage{Scope: collector.External, Local: 174}
	answers := func(prefix string) map[Kind]string {
		c := NewCase(set, nil, v, netip.MustParsePrefix(prefix), &route.Attrs{Path: route.SequencePath(174, 64500)})
		out := make(map[Kind]string)
		for _, d := range DetectorsFor(set) {
			_, out[d.Kind] = d.Judge(c)
		}
		return out
	}
	got := answers("192.0.2.0/24")
	if len(got) != len(Detectors())+2 || got["rule:a"] != "" || got["rule:b"] != "the route does not fit: aspath == 175" {
		t.Errorf("%q", got)
	}
	if got := answers("198.51.100.0/24"); got["rule:a"] != "the prefix is not watched" {
		t.Errorf("%q", got)
	}
}

// BenchmarkRules: what judging a watched route costs with no rule of the operator, one, and twenty that do not match.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{0, 1, 20} {
		var own []*rules.Rule
		for i := range n {
			when := []string{"aspath == %d", `community == "64500:%d"`, "as_upstream == %d", "aspath_hops > 1%d", "prefix == 198.51.100.%d/32"}[i%5]
			own = append(own, compiled(b, fmt.Sprintf("r%d", i), fmt.Sprintf(when, 100+i), ""))
		}
		set := ruleSet(own...)
		v := &collector.Vantage{Scope: collector.External, Local: 3356}
		a := &route.Attrs{Path: route.SequencePath(3356, 1299, 64500), Communities: []route.Community{1, 2, 3}}
		p := netip.MustParsePrefix("192.0.2.0/24")
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f := NewCase(set, nil, v, p, a).Judge(); len(f) > 0 {
					b.Fatal(f)
				}
			}
		})
	}
}
