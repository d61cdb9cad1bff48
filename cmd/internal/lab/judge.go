package lab

import (
	"fmt"
	"net/netip"
)

// Seen is one event of an incident that the monitor reported.
type Seen struct {
	Event  string // opened, updated or resolved
	Kind   string
	Prefix netip.Prefix
	Origin uint32
}

// incidentKey is what makes two events belong to the same expectation.
type incidentKey struct {
	kind   string
	prefix netip.Prefix
	origin uint32
}

// tally counts the openings and resolutions of one incident.
type tally struct{ opened, resolved int }

// Judge compares what the monitor reported with what the steps expect, and gives a sentence for each difference: an incident that did not
// open or resolve, that did so too often, or that nobody expected. Updates of expected incidents are welcome in any number.
func Judge(steps []Step, seen []Seen) []string {
	expected, order := map[incidentKey]tally{}, []incidentKey(nil)
	note := func(k incidentKey) {
		if _, known := expected[k]; !known {
			order = append(order, k)
		}
	}
	for _, s := range steps {
		for _, e := range s.Expected {
			k := incidentKey{e.Kind, e.Prefix, e.Origin}
			note(k)
			t := expected[k]
			t.opened += count(e.Opens)
			t.resolved += count(e.Resolves)
			expected[k] = t
		}
	}
	got := map[incidentKey]tally{}
	for _, s := range seen {
		k := incidentKey{s.Kind, s.Prefix, s.Origin}
		note(k)
		if _, known := expected[k]; !known {
			expected[k] = tally{}
		}
		t := got[k]
		t.opened += count(s.Event == "opened")
		t.resolved += count(s.Event == "resolved")
		got[k] = t
	}
	var differences []string
	for _, k := range order {
		differences = append(differences, compare(k, expected[k], got[k])...)
	}
	return differences
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func compare(k incidentKey, want, got tally) []string {
	name := Expected{Kind: k.kind, Prefix: k.prefix, Origin: k.origin}.String()
	if want == (tally{}) {
		return []string{fmt.Sprintf("%s was not expected", name)}
	}
	var out []string
	if got.opened != want.opened {
		out = append(out, fmt.Sprintf("%s should have opened %s and opened %s", name, times(want.opened), times(got.opened)))
	}
	if got.resolved != want.resolved {
		out = append(out, fmt.Sprintf("%s should have resolved %s and resolved %s", name, times(want.resolved), times(got.resolved)))
	}
	return out
}

func times(n int) string {
	switch n {
	case 0:
		return "not at all"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
