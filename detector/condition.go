package detector

import (
	"time"

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

	holds bool
}

func (c *Condition) enough(rules.Confirm, time.Time) (ok bool, since time.Time, table bool) {
	return c.holds, c.Since, false
}

func (c *Condition) standing() standing {
	if c.holds {
		return there
	}
	return gone
}

func (c *Condition) begin()                              {}
func (c *Condition) renew()                              {}
func (c *Condition) over()                               {}
func (c *Condition) prune(rules.Confirm, time.Time) bool { return !c.holds }
func (c *Condition) headline() string                    { return c.Was }
func (c *Condition) ending(why cause) string             { return why.says }
func (c *Condition) statement(statement) statement {
	return statement{severity: c.Severity, about: c.About}
}

func (c *Condition) write(_ *Engine, i *Incident) {
	i.Summary, i.Why, i.Actions = c.Says, append([]string(nil), c.Why...), append([]string{}, c.Actions...)
	i.Evidence = append([]Evidence{}, c.Evidence...)
	i.RPKI = RPKI{State: "not-checked", VRPs: []string{}}
	if c.Prefix.IsValid() {
		i.Prefix = &c.Prefix
	}
	if c.Subject != "" {
		i.Subject = &c.Subject
	}
}
