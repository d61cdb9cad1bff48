package detector

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rpki"
)

// has tells whether one of the lines is about this.
func has(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

// table has a vantage send its table.
func (w *world) table(asns ...route.ASN) {
	for _, as := range asns {
		for _, k := range []collector.Kind{collector.PeerUp, collector.Synchronised} {
			w.e.Apply(collector.Event{Kind: k, Time: w.now, Vantage: w.vantage(as)}, w.now)
		}
	}
}

// TestAdvice: an incident names the AS that all paths from the offender go through, who could show it and does not, and what to create.
func TestAdvice(t *testing.T) {
	w := newWorld(t, pathRules())
	w.table(701, 702, 703, 704)
	w.says("192.0.2.0/24", "5511 1299 64500")    // who sends a part has it otherwise, and counts
	w.says("198.51.100.0/24", "3333 1299 64500") // who sends a part and not this says nothing
	w.after(5 * time.Minute)
	w.says("192.0.2.0/24", "6939 3356 64666 64500")
	w.says("192.0.2.0/24", "174 3356 3356 64666 64500 64500")
	i := w.last[UnexpectedUpstream].Incident
	for _, part := range []string{
		"all 2 paths from AS64666 go through AS3356", "AS701, AS702, AS703 and 2 others do not show it",
	} {
		if !has(i.Why, part) {
			t.Errorf("why lacks %q: %q", part, i.Why)
		}
	}
	for _, part := range []string{"sk AS3356 to filter", "Create an ASPA for AS64500 that names AS1299, AS2914"} {
		if !has(i.Actions, part) {
			t.Errorf("actions lack %q: %q", part, i.Actions)
		}
	}
	w.says("192.0.2.0/24", "3257 2914 64666 64500")
	i = w.last[UnexpectedUpstream].Incident
	if !has(i.Why, "the 3 paths from AS64666 have no AS in common; it hands the route to AS2914 and AS3356") {
		t.Errorf("why is %q", i.Why)
	}
}

// TestSeveral writes lists of ASes as people do.
func TestSeveral(t *testing.T) {
	asns := []route.ASN{1, 2, 3, 4, 5}
	for n, want := range []string{"AS1", "AS1 and AS2", "AS1, AS2 and AS3", "AS1, AS2, AS3 and 1 other", "AS1, AS2, AS3 and 2 others"} {
		if got := several(asns[:n+1]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAfter: an AS in a set is found there; one that is not on the way is not.
func TestAfter(t *testing.T) {
	p, err := route.ParsePath("6939 {174,3356} 1299 64500")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		as   route.ASN
		want []route.ASN
		ok   bool
	}{{64500, []route.ASN{1299, 174, 6939}, true}, {3356, []route.ASN{6939}, true}, {6939, nil, true}, {701, nil, false}} {
		if got, ok := after(p, x.as); ok != x.ok || !slices.Equal(got, x.want) {
			t.Errorf("after %s: %v, %t", x.as, got, ok)
		}
	}
}

// forgedBy has two vantages show a path through an AS that was first seen next to ours after so long a watch.
func forgedBy(t *testing.T, watched time.Duration, table *rpki.Table, prefix string) *world {
	w := newWorld(t, pathRules())
	if table != nil {
		w.e = New(Options{Rules: pathRules(), VRPs: table, Emit: func(c Change) { w.last[c.Incident.Kind] = c }})
		w.e.Advance(begin)
	}
	w.after(watched)
	w.says(prefix, "6939 64666 64500")
	w.says(prefix, "174 64666 64500")
	return w
}

// TestWeigh: each fact speaks for the side that it should, and the balance says which side it is.
func TestWeigh(t *testing.T) {
	aspa := func(providers ...route.ASN) *rpki.Table {
		table, err := rpki.NewTable(nil, []rpki.ASPA{{Customer: 64500, Providers: providers}}, begin)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	for _, x := range []struct {
		name    string
		watched time.Duration
		table   *rpki.Table
		prefix  string
		summary string
		why     string
	}{
		{"there at the start", 0, nil, "192.0.2.0/24", "favours an upstream that nobody declared", "stood next to AS64500 when the watch began"},
		{"new after an hour", time.Hour, nil, "192.0.2.0/24", "favours a forged origin", "in 1h0m of watching"},
		{"new after two days", 48 * time.Hour, nil, "192.0.2.0/24", "favours a forged origin", "for a forged origin: AS64666 was not seen next to AS64500 before"},
		{"more-specific", 0, nil, "192.0.2.128/25", "favours a forged origin", "192.0.2.128/25 is a more-specific that is not declared"},
		{"named by the ASPA", 48 * time.Hour, aspa(1299, 64666), "192.0.2.0/24", "favours an upstream that nobody declared", "the ASPA of AS64500 names AS64666 as provider"},
		{"not named by the ASPA", 0, aspa(1299), "192.0.2.0/24", "favours a forged origin", "the ASPA of AS64500 does not name AS64666 as provider"},
	} {
		i := forgedBy(t, x.watched, x.table, x.prefix).last[UnexpectedUpstream].Incident
		if !strings.Contains(i.Summary, x.summary) || !has(i.Why, x.why) {
			t.Errorf("%s: %q, %q", x.name, i.Summary, i.Why)
		}
	}
}

// TestWeighRestored: what was new before a restart is so after it.
func TestWeighRestored(t *testing.T) {
	first := forgedBy(t, time.Hour, nil, "192.0.2.0/24")
	first.e.RestoreLinks([]Link{{64500, 1299, begin.Add(-time.Hour), begin}})
	w := newWorld(t, pathRules())
	w.now = first.now.Add(time.Hour)
	w.e = New(Options{Rules: pathRules(), Emit: func(c Change) { w.last[c.Incident.Kind] = c }})
	w.e.Advance(w.now)
	w.e.RestoreLinks(first.e.Links())
	w.says("192.0.2.0/24", "6939 64666 64500")
	w.says("192.0.2.0/24", "174 64666 64500")
	if i := w.last[UnexpectedUpstream].Incident; !strings.Contains(i.Summary, "favours a forged origin: AS64666 was not seen next to AS64500 before") {
		t.Errorf("%q", i.Summary)
	}
}

// TestWide: of several prefixes an incident shows the worst; of those that are as bad the one that it showed before, else the widest; and goes back to
// what is left when that is over.
func TestWide(t *testing.T) {
	w := newWorld(t, pathRules())
	shown := func(prefix string, s Severity) {
		t.Helper()
		w.after(time.Second)
		i := w.last[UnexpectedUpstream].Incident
		if *i.Prefix != netip.MustParsePrefix(prefix) || i.Severity != s || *i.Watched != netip.MustParsePrefix("192.0.2.0/24") {
			t.Errorf("shown is %s, %s; want %s, %s", i.Prefix, i.Severity, prefix, s)
		}
	}
	both := func(prefix string) {
		w.says(prefix, "6939 64666 64500")
		w.says(prefix, "174 64666 64500")
	}
	both("192.0.2.0/24")
	shown("192.0.2.0/24", Warning)
	both("192.0.2.128/26")
	shown("192.0.2.128/26", Critical)
	both("192.0.2.0/25")
	shown("192.0.2.128/26", Critical)
	id := w.last[UnexpectedUpstream].Incident.ID
	for _, as := range []route.ASN{6939, 174} {
		w.withdraws(as, "192.0.2.128/26")
		w.withdraws(as, "192.0.2.0/25")
	}
	shown("192.0.2.0/24", Warning)
	w.withdraws(6939, "192.0.2.0/24")
	w.withdraws(174, "192.0.2.0/24")
	w.e.Advance(w.now.Add(time.Hour))
	if c := w.last[UnexpectedUpstream]; c.Event != Resolved || c.Incident.ID != id {
		t.Errorf("told %s of %s", c.Event, c.Incident.ID)
	}
}
