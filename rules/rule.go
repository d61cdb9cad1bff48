package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"

	"anywatch/collector/route"
	"anywatch/rules/filter"
)

// Condition is what a rule asks of a route; *filter.Filter is one. It may be asked by many at once, each with a subject of its own.
type Condition interface {
	Match(*filter.Subject) (bool, error)
	// String gives the condition as the operator wrote it.
	String() string
}

// Rule is one of the operator's own: every watched route that fits makes an incident.
type Rule struct {
	Name string
	When Condition
	// Severity is info, warning or critical.
	Severity string
	// Summary is what the incident says, executed with a Matched; nil leaves it to the rule's name.
	Summary *template.Template

	failures atomic.Int64
	failure  atomic.Pointer[error]
}

// Failures counts how often the rule could not be asked about a route or put into words, and gives the first reason. Such a route does not match.
func (r *Rule) Failures() (n int64, first error) {
	if p := r.failure.Load(); p != nil {
		first = *p
	}
	return r.failures.Load(), first
}

func (r *Rule) failed(err error) {
	r.failure.CompareAndSwap(nil, &err)
	r.failures.Add(1)
}

// Matched is what the template of a summary may speak of: the route that the rule matched, and who shows it. Absent facts are empty.
type Matched struct {
	// Rule is the name of the rule, Severity what it gives.
	Rule, Severity string
	// Prefix is what is announced, Watched the watched prefix that it equals or lies in, and Name the label of that.
	Prefix, Watched netip.Prefix
	Name            string
	// Origin is the AS that announces it, Neighbor the AS next to it on the path, as AS64500.
	Origin, Neighbor string
	// Path is the AS path, neighbor first; it prints as 3356 64500, and ranges over its ASes and sets.
	Path Words
	// Vantage is who shows it, Scope whether that is an internal or external view, Site the site that the path belongs to.
	Vantage, Scope, Site string
	// NextHop, MED and LocalPref are as in the route.
	NextHop, MED, LocalPref string
	// Communities are all of them: standard, large, extended.
	Communities Words
	// RPKI is valid, invalid, not-found or not-checked.
	RPKI string
}

// Words print with spaces between, and can be ranged over.
type Words []string

// String joins them with spaces.
func (w Words) String() string { return strings.Join(w, " ") }

// PathWords gives a path as a template sees it: each AS a word, and each set one.
func PathWords(p route.Path) Words {
	var out Words
	for _, s := range p {
		if s.Kind != route.Sequence {
			out = append(out, route.Path{s}.String())
			continue
		}
		for _, a := range s.ASNs {
			out = append(out, fmt.Sprint(uint32(a)))
		}
	}
	return out
}

// Say puts a match into words: by the rule's template, else by its name.
func (r *Rule) Say(m Matched) string {
	if r.Summary == nil {
		return m.plainly()
	}
	text, err := Summarize(r.Summary, m)
	if err != nil {
		r.failed(fmt.Errorf("rule %s: %w", r.Name, err))
		return m.plainly()
	}
	return text
}

func (m Matched) plainly() string {
	along := ""
	if len(m.Path) > 0 {
		along = " along " + m.Path.String()
	}
	return fmt.Sprintf("%s, announced by %s%s, matches the rule %s.", m.Prefix, m.Origin, along, m.Rule)
}

// Summarize executes the template of a summary, and puts what comes out on one line.
func Summarize(t *template.Template, m Matched) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, m); err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(b.String()), " "), nil
}

// Examples are routes to try a template with before it is needed: one that has everything, and one of our own router that has next to nothing.
func Examples() []Matched {
	full := Matched{
		Rule: "example", Severity: "warning", Prefix: netip.MustParsePrefix("192.0.2.0/25"), Watched: netip.MustParsePrefix("192.0.2.0/24"), Name: "dns-a",
		Origin: "AS64500", Neighbor: "AS3356", Path: Words{"64999", "3356", "64500"}, Vantage: "bgp:rr1", Scope: "external", Site: "ams", NextHop: "10.0.0.1",
		MED: "50", LocalPref: "100", Communities: Words{"64500:101", "64500:1:101"}, RPKI: "valid",
	}
	bare := Matched{
		Rule: full.Rule, Severity: full.Severity, Prefix: full.Watched, Watched: full.Watched, Origin: full.Origin, Vantage: full.Vantage, Scope: "internal", RPKI: "not-checked",
	}
	return []Matched{full, bare}
}

// subjects are kept between routes: one is larger than all that is put into it.
type subjects struct{ pool sync.Pool }

// Rules gives the operator's own rules in their order. Not to be changed.
func (s *Set) Rules() []*Rule { return s.own }

// Matching gives the rules that a route fits, in their order.
func (s *Set) Matching(p netip.Prefix, a *route.Attrs) []*Rule {
	if len(s.own) == 0 {
		return nil
	}
	subject, _ := s.subjects.pool.Get().(*filter.Subject)
	if subject == nil {
		subject = filter.NewSubject()
	}
	defer s.subjects.pool.Put(subject)
	unreadable := subject.Load(p, a)
	var out []*Rule
	for _, r := range s.own {
		fits, err := false, unreadable
		if err == nil {
			fits, err = r.When.Match(subject)
		}
		if err != nil {
			r.failed(fmt.Errorf("rule %s: %w", r.Name, err))
			continue
		}
		if fits {
			out = append(out, r)
		}
	}
	return out
}
