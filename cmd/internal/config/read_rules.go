package config

import "time"

var severities = enum(Info, Warning, Critical)

// rules reads the operator's own, and gives their names for what refers to them.
func (r *reader) rules(root *section) ([]Rule, names) {
	rules, known, first := []Rule(nil), names{what: "rule", unsure: root.misspelt("rules")}, map[string]int{}
	root.each("rules", `{name: through-64999, when: 'aspath ~ "64999"'}`, func(s *section) {
		rule := Rule{Name: known.add(s, first)}
		if rule.Name != "" && !ruleName.MatchString(rule.Name) {
			s.fault("name", quote(rule.Name)+" can't be the name of a rule: the kind of its incidents is rule:NAME", "write letters, digits and dashes, as through-64999")
		}
		s.required("when", `write a filter, as 'aspath ~ "64999"'`)
		when := one(s, "when", condition{}, bgpfilter)
		rule.When, rule.Text = when.filter, when.text
		rule.Severity = one(s, "severity", Warning, severities)
		says := one(s, "summary", summary{}, sentence)
		rule.Summary, rule.SummaryText = says.template, says.text
		rules = append(rules, rule)
	})
	known.unsure = known.unsure || !root.sound("rules")
	return rules, known
}

// maintenance reads when which sites are worked on.
func (r *reader) maintenance(root *section, sites names) []Maintenance {
	var out []Maintenance
	root.each("maintenance", "{sites: [ams], from: 2026-12-01T22:00:00Z, to: 2026-12-02T02:00:00Z}", func(s *section) {
		m := Maintenance{Sites: many(s, "sites", sites.reference())}
		if len(m.Sites) == 0 {
			m.Sites = sites.known
		}
		const remedy = "write a time, as 2026-12-01T22:00:00Z"
		began, ended := s.required("from", remedy), s.required("to", remedy)
		m.From = one(s, "from", time.Time{}, instant)
		m.To = one(s, "to", time.Time{}, instant)
		m.Reason = one(s, "reason", "", text)
		if began && ended && s.sound("from") && s.sound("to") && !m.From.Before(m.To) {
			p, _ := s.find("to")
			s.fault("to", quote(p.value.text)+" is not after from", "let the end come after the beginning")
		}
		out = append(out, m)
	})
	return out
}
