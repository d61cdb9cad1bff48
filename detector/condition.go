package detector

import (
	"net/netip"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
	"anywatch/rules"
)

// Condition is something that holds, or does not, apart from single routes: a feed is lost, a vantage passes its limit. Its detector puts it into
// words when it raises it; raised again with other words that matter, the incident is updated.
type Condition struct {
	Key
	Severity Severity
	// Since is when it began to hold.
	Since time.Time
	// About is what of it matters enough for an update when it changes, beside the severity.
	About string
	// Says is the headline, one sentence or more; Was is what is left of it when it is over. Why lists the facts, Actions what to do.
	Says, Was    string
	Why, Actions []string
	Evidence     []Evidence
	// Origin is the AS that it is about, zero for none, and Verdict what the VRPs say.
	Origin  route.ASN
	Verdict rpki.Verdict
	// Watched is the prefix of the configuration, nil for none; Prefixes are all that it is about.
	Watched  *rules.Prefix
	Prefixes []netip.Prefix
	// Seeing counts the vantages that show it, Of those that could; Peak is kept.
	Seeing, Of, peak int

	how   standing
	table bool // it is older than our watching
}

func (c *Condition) enough(rules.Confirm, time.Time) (ok bool, since time.Time, table bool) {
	return c.how == there, c.Since, c.table
}

func (c *Condition) standing() standing {
	return c.how
}

func (c *Condition) begin()                              { c.peak = 0 }
func (c *Condition) renew()                              { c.peak = max(c.peak, c.Seeing) }
func (c *Condition) over()                               {}
func (c *Condition) prune(rules.Confirm, time.Time) bool { return c.how == gone }
func (c *Condition) was() string                         { return c.Was }
func (c *Condition) ending(why cause) string             { return why.says }
func (c *Condition) statement(statement) statement {
	return statement{severity: c.Severity, peak: c.peak, about: c.About}
}

func (c *Condition) write(e *Engine, i *Incident) {
	i.Summary, i.Why, i.Actions = c.Says, append([]string(nil), c.Why...), append([]string{}, c.Actions...)
	i.Evidence = append([]Evidence{}, c.Evidence...)
	i.RPKI = RPKI{State: "not-checked", VRPs: []string{}}
	if c.Verdict.State != rpki.NotChecked {
		i.RPKI = e.rpki(c.Verdict)
	}
	if c.Origin != 0 {
		i.Origin = &c.Origin
	}
	if c.Prefix.IsValid() {
		i.Prefix = &c.Prefix
	}
	if c.Watched != nil {
		i.Watched = &c.Watched.Prefix
	}
	if len(c.Prefixes) > 1 {
		i.Prefixes = c.Prefixes
	}
	if c.Site != "" {
		i.Site = &c.Site
	}
	i.Vantages = Vantages{Seeing: c.Seeing, Peak: c.peak, Of: c.Of}
	if c.how == gone {
		i.Vantages.Seeing = 0
	}
	if c.Subject != "" {
		i.Subject = &c.Subject
	}
}
