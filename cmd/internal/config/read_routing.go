package config

import (
	"maps"
	"time"
)

// labels reads names with a value each, and joins them with those that are inherited.
func (r *reader) labels(s *section, inherited map[string]string) map[string]string {
	sub := s.sub("labels", "{team: dns}")
	defer sub.end()
	if sub.node == nil || len(sub.node.pairs) == 0 {
		return inherited
	}
	out := maps.Clone(inherited)
	if out == nil {
		out = map[string]string{}
	}
	for _, p := range sub.node.pairs {
		value := one(sub, p.name, "", label)
		if _, wrong := label(word{text: p.name}); wrong != nil {
			r.fault(p.at, sub.at(p.name), &problem{quote(p.name) + " is not the name of a label", "write a word on one line, as team: dns"})
			continue
		}
		out[p.name] = value
	}
	return out
}

// routing reads what incidents a sink hears of, told how, and to whom they are handed on.
func (r *reader) routing(s *section, out *Sink, sites, rules names) {
	out.Severity = one(s, "severity", Info, severities)
	out.Kinds = many(s, "kinds", kindOf(rules))
	out.Prefixes = many(s, "prefixes", prefix)
	out.Sites = many(s, "sites", sites.reference())
	out.Labels = r.labels(s, nil)
	out.GroupBy = one(s, "group_by", "", enum(BySite, ByPrefix, ByOffender, ByIncident))
}

// escalations are what sinks say of others, to be looked at when all of them are known.
type escalations []escalation

type escalation struct {
	from string
	s    *section
}

// read takes the escalation of one sink.
func (e *escalations) read(s *section, from string) Escalate {
	sub := s.optional("escalate", "{after: 15m, to: NAME}")
	if sub == nil {
		return Escalate{}
	}
	defer sub.end()
	out := Escalate{After: one(sub, "after", 15*time.Minute, positive), To: one(sub, "to", "", label)}
	if sub.required("to", "write the name of the sink that is told then") && out.To != "" {
		*e = append(*e, escalation{from, sub})
	}
	return out
}

// check names those that lead nowhere.
func (e escalations) check(sinks names) {
	for _, one := range e {
		p, _ := one.s.find("to")
		to := p.value.text
		if to == one.from {
			one.s.fault("to", quote(to)+" is this sink itself", "name another sink, or remove escalate")
			continue
		}
		if _, wrong := sinks.reference()(word{text: to}); wrong != nil {
			one.s.fault("to", wrong.what, wrong.remedy)
		}
	}
}
