package detector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// ruleKind begins the kinds of incidents that the operator's own rules make.
const ruleKind = "rule:"

// RuleKind is the kind of incident that a rule makes.
func RuleKind(name string) Kind { return Kind(ruleKind + name) }

// DetectorsFor are all that judge single routes by a configuration: Detectors, and one for each rule of the operator.
func DetectorsFor(set *rules.Set) []Detector {
	all := Detectors()
	for _, r := range set.Rules() {
		all = append(all, ruleDetector(r))
	}
	return all
}

// ruleDetector finds watched routes that a rule of the operator matches.
func ruleDetector(r *rules.Rule) Detector {
	return Detector{
		Kind: RuleKind(r.Name), Says: ruleSays, Actions: ruleActions,
		Judge: func(c *Case) (Finding, string) {
			switch {
			case c.Watched == nil:
				return Finding{}, "the prefix is not watched"
			case !slices.Contains(c.matching(), r):
				return Finding{}, "the route does not fit: " + r.When.String()
			}
			return c.ruleFinding(r), ""
		},
	}
}

// detectorOf finds the detector of a kind. What a rule says is in its finding, so that it outlives the rule.
func detectorOf(k Kind) Detector {
	if d, ok := byKind[k]; ok {
		return d
	}
	return Detector{Kind: k, Says: ruleSays, Actions: ruleActions}
}

// ruleSays gives what the rule's summary made, as a sentence: others follow it.
func ruleSays(f *Finding) string {
	if strings.HasSuffix(f.Note, ".") || strings.HasSuffix(f.Note, "!") || strings.HasSuffix(f.Note, "?") {
		return f.Note
	}
	return f.Note + "."
}

func ruleActions(f *Finding, _ route.Path) []string {
	return []string{"The rule is yours: do what you wrote it for, or change it under rules in the configuration"}
}

// matching gives the operator's rules that the route fits; they are asked once, and only of watched routes.
func (c *Case) matching() []*rules.Rule {
	if !c.asked && c.Watched != nil {
		c.fits = c.Rules.Matching(c.Prefix, c.Attrs)
	}
	c.asked = true
	return c.fits
}

func (c *Case) ruleFinding(r *rules.Rule) Finding {
	var severity Severity
	_ = severity.UnmarshalText([]byte(r.Severity)) // it takes every text
	f := c.finding(RuleKind(r.Name), 0, 0, severity)
	f.Origin, f.Note = c.originAS(), r.Say(c.matched(r))
	f.Facts = []string{fmt.Sprintf("the rule %s matches: %s", r.Name, r.When)}
	return f
}

// matched gives the route as the template of a summary sees it.
func (c *Case) matched(r *rules.Rule) rules.Matched {
	a := c.Attrs
	m := rules.Matched{
		Rule: r.Name, Severity: r.Severity, Prefix: c.Prefix, Watched: c.Watched.Prefix, Name: c.Watched.Name, Origin: c.originAS().String(),
		Path: rules.PathWords(a.Path), Vantage: c.Vantage.Name(), Scope: c.Vantage.Scope.String(), Communities: a.CommunityStrings(), RPKI: c.RPKI.State.String(),
	}
	if n, ok := a.Path.Neighbor(); ok {
		m.Neighbor = n.String()
	}
	if c.Site != rules.NoSite {
		m.Site = c.Rules.Sites()[c.Site].Name
	}
	if a.NextHop.IsValid() {
		m.NextHop = a.NextHop.String()
	}
	if a.HasMED {
		m.MED = strconv.FormatUint(uint64(a.MED), 10)
	}
	if a.HasLocalPref {
		m.LocalPref = strconv.FormatUint(uint64(a.LocalPref), 10)
	}
	return m
}

// declared tells that a finding is about a route whose origin the configuration allows: then a valid ROA and the configuration agree.
func (f *Finding) declared() bool {
	return f.RPKI.State == rpki.Valid && len(f.Watched) > 0 && f.Watched[0].Allows(f.Origin)
}
