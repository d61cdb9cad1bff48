package lab

import (
	"fmt"
	"net/netip"
)

// Seen is one event of an incident that the monitor reported.
type Seen struct {
	Event    string // opened, updated or resolved
	Kind     string
	Prefix   netip.Prefix
	Origin   uint32
	Site     string
	Severity string
}

// incidentKey is what makes two events belong to the same expectation.
type incidentKey struct {
	kind   string
	prefix netip.Prefix
	origin uint32
	site   string
}

func (k incidentKey) String() string {
	return Expected{Kind: k.kind, Prefix: k.prefix, Origin: k.origin, Site: k.site}.String()
}

// tally counts the openings and resolutions of one incident.
type tally struct {
	opened, resolved int
	severities       []string // of the openings, in their order
}

// tallies counts by incident, in the order in which they came first.
type tallies struct {
	order []incidentKey
	by    map[incidentKey]tally
}

func (t *tallies) add(k incidentKey, opened, resolved bool, severity string) {
	if t.by == nil {
		t.by = map[incidentKey]tally{}
	}
	if _, known := t.by[k]; !known {
		t.order = append(t.order, k)
	}
	x := t.by[k]
	if opened {
		x.opened++
		x.severities = append(x.severities, severity)
	}
	if resolved {
		x.resolved++
	}
	t.by[k] = x
}

func expectedOf(steps []Step) (t tallies) {
	for _, s := range steps {
		for _, e := range s.Expected {
			t.add(incidentKey{e.Kind, e.Prefix, e.Origin, e.Site}, e.Opens, e.Resolves, e.Severity)
		}
	}
	return t
}

func seenOf(seen []Seen) (t tallies) {
	for _, s := range seen {
		t.add(incidentKey{s.Kind, s.Prefix, s.Origin, s.Site}, s.Event == "opened", s.Event == "resolved", s.Severity)
	}
	return t
}

// Judge compares what the monitor reported with what the steps expect, and gives a sentence for each difference: an incident that did not
// open or resolve, that did so too often or with another severity, or that nobody expected. Updates of expected incidents are welcome in any
// number: how many views show a hijack at the same moment is a matter of luck.
func Judge(steps []Step, seen []Seen) []string {
	expected, got := expectedOf(steps), seenOf(seen)
	var differences []string
	for _, k := range expected.order {
		differences = append(differences, compare(k, expected.by[k], got.by[k])...)
	}
	for _, k := range got.order {
		if _, known := expected.by[k]; !known {
			differences = append(differences, fmt.Sprintf("%s was not expected", k))
		}
	}
	return differences
}

// Pending tells whether something that the steps expect has not been reported yet.
func Pending(steps []Step, seen []Seen) bool {
	expected, got := expectedOf(steps), seenOf(seen)
	for _, k := range expected.order {
		if got.by[k].opened < expected.by[k].opened || got.by[k].resolved < expected.by[k].resolved {
			return true
		}
	}
	return false
}

func compare(k incidentKey, want, got tally) []string {
	var out []string
	if got.opened != want.opened {
		out = append(out, fmt.Sprintf("%s should have opened %s and opened %s", k, times(want.opened), times(got.opened)))
	}
	for i := range min(want.opened, got.opened) {
		if w, g := want.severities[i], got.severities[i]; w != "" && g != w {
			out = append(out, fmt.Sprintf("%s should have been %s and was %s", k, w, g))
		}
	}
	if got.resolved != want.resolved {
		out = append(out, fmt.Sprintf("%s should have resolved %s and resolved %s", k, times(want.resolved), times(got.resolved)))
	}
	return out
}

func times(n int) string {
	switch n {
	case 0:
		return "not at all"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
