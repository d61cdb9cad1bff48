package detector

import (
	"slices"

	"anywatch/collector"
)

// Opinion is what one kind says of a single route.
type Opinion struct {
	Kind Kind
	// Found is what it finds; nil for nothing, and then Not says why.
	Found *Finding
	Not   string
	// Summary, Why and Actions are the words of the incident that it would be.
	Summary      string
	Why, Actions []string
}

// Opinions asks every kind that judges single routes, and every rule of the operator, in a fixed order.
func (c *Case) Opinions() []Opinion {
	c.told = true
	var out []Opinion
	for _, d := range DetectorsFor(c.Rules) {
		o := Opinion{Kind: d.Kind}
		f, not := d.Judge(c)
		if o.Not = not; not == "" {
			s := sighting{finding: f, path: c.Attrs.Path}
			o.Found, o.Summary, o.Why, o.Actions = &f, d.Says(&f), s.why(), d.Actions(&f, c.Attrs.Path)
		}
		out = append(out, o)
	}
	return out
}

// Conditions lists the kinds that no single route shows.
func Conditions() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { _, routes := byKind[k]; return routes })
}

// Holding is how it stands with what would be one incident.
type Holding struct {
	// Open is the open incident, if there is one.
	Open *Incident
	// Internal and External count the vantages whose evidence counts now.
	Internal, External int
}

// Holding tells how it stands with what a finding is evidence for.
func (e *Engine) Holding(k Key) (h Holding) {
	r := e.ledger.records[k]
	if r == nil {
		return h
	}
	if r.state == open {
		i := e.incident(r)
		h.Open = &i
	}
	s, ok := r.matter.(*sighting)
	if !ok {
		return h
	}
	for _, x := range s.holders {
		switch {
		case !x.counts(e.rules.Confirm, e.clock):
		case x.v.Scope == collector.Internal:
			h.Internal++
		default:
			h.External++
		}
	}
	return h
}
