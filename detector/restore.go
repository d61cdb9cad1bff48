package detector

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
	"anywatch/rules"
)

// String writes the key: kind, prefix, AS, site and subject with bars between.
func (k Key) String() string {
	prefix := ""
	if k.Prefix.IsValid() {
		prefix = k.Prefix.String()
	}
	return fmt.Sprintf("%s|%s|%d|%s|%s", k.Kind, prefix, uint32(k.AS), k.Site, k.Subject)
}

// ParseKey reads what String writes.
func ParseKey(text string) (Key, error) {
	parts := strings.SplitN(text, "|", 5)
	if len(parts) != 5 {
		return Key{}, fmt.Errorf("%q is no key of an incident: it has %d parts, and should have kind|prefix|AS|site|subject", text, len(parts))
	}
	as, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return Key{}, fmt.Errorf("%q is no key of an incident: its third part is no AS number", text)
	}
	k := Key{Kind: Kind(parts[0]), AS: route.ASN(as), Site: parts[3], Subject: parts[4]}
	if parts[1] != "" {
		if k.Prefix, err = netip.ParsePrefix(parts[1]); err != nil {
			return Key{}, fmt.Errorf("%q is no key of an incident: its second part is no prefix", text)
		}
	}
	return k, nil
}

// former is an incident of the run before, of which nobody has shown yet whether it is still there.
type former struct {
	incident Incident
	how      standing
}

func (f *former) enough(rules.Confirm, time.Time) (bool, time.Time, bool) {
	return false, f.incident.Started, false
}
func (f *former) standing() standing                  { return f.how }
func (f *former) begin()                              {}
func (f *former) renew()                              {}
func (f *former) over()                               {}
func (f *former) prune(rules.Confirm, time.Time) bool { return true }
func (f *former) ending(why cause) string             { return why.says }
func (f *former) statement(said statement) statement  { return said }

// was takes the sentence that said what it was.
func (f *former) was() string {
	return strings.TrimSuffix(f.incident.Summary, fmt.Sprintf(" Seen by %d of %d vantages.", f.incident.Vantages.Seeing, f.incident.Vantages.Of))
}

// write says what the run before said.
func (f *former) write(_ *Engine, i *Incident) {
	own := *i
	*i = f.incident
	i.Severity, i.State, i.PreExisting = own.Severity, own.State, f.incident.PreExisting
	i.Started, i.Opened, i.Updated, i.Reopened = own.Started, own.Opened, own.Updated, own.Reopened
	i.Resolved, i.Resolution, i.Cleared, i.ExplainedBy = nil, nil, nil, nil
	i.Why, i.Actions = slices.Clone(i.Why), slices.Clone(i.Actions)
	if f.how == gone {
		i.Vantages.Seeing = 0
	}
}

// said gives what was last said of an incident.
func (i *Incident) said() statement {
	s := statement{severity: i.Severity, peak: i.Vantages.Peak, rpkiState: i.RPKI.State}
	if i.Offender != nil {
		s.offender = *i.Offender
	}
	if i.Path != nil {
		s.neighbor, _ = i.Path.Neighbor()
	}
	if i.Acknowledged != nil {
		s.acknowledged = *i.Acknowledged
	}
	if i.Silenced != nil {
		s.silenced = *i.Silenced
	}
	return s
}

// Restore takes over the incidents of the run before, before the first event: those that are open stay open under their ids and are not told
// again, those that resolved within reopen_within reopen under theirs. What nobody shows once the vantages have sent their tables is resolved then,
// and says that it ended while nobody watched. The error lists what can't be used; the rest is taken over.
func (e *Engine) Restore(list []Incident, now time.Time) error {
	e.Advance(now)
	var bad []string
	for n := range list {
		i := &list[n]
		key, err := ParseKey(i.Key)
		if err != nil {
			bad = append(bad, fmt.Sprintf("incident %s: %v", i.ID, err))
			continue
		}
		e.restore(key, i)
	}
	if len(e.ledger.records) > 0 {
		e.reviewFormer(e.clock.Add(e.rules.InitialSync))
	}
	if len(bad) > 0 {
		return fmt.Errorf("%s", strings.Join(bad, "; "))
	}
	return nil
}

func (e *Engine) restore(key Key, i *Incident) {
	r := &record{key: key, id: i.ID, started: i.Started, opened: i.Opened, updated: i.Updated, reopened: i.Reopened, table: i.PreExisting, said: i.said()}
	f := &former{incident: *i, how: unknown}
	r.matter, r.state = f, open
	if i.Acknowledged != nil {
		r.acknowledged = *i.Acknowledged
	}
	if i.Silenced != nil {
		r.silenced = *i.Silenced
	}
	if i.State == "resolved" && i.Resolved != nil {
		if !i.Resolved.Add(e.rules.ReopenWithin).After(e.clock) {
			return
		}
		f.how, r.state, r.resolved = gone, resolved, *i.Resolved
		e.retireLater(r)
	}
	e.ledger.records[key] = r
}

// reviewEvery is how often it is looked whether the vantages can tell what became of the incidents of the run before.
const reviewEvery = time.Second

// reviewFormer ends what nobody shows any more, as soon as that can be known: when every vantage that showed it has sent its table, or after the
// time that a table may take, if one vantage at least is synchronised.
func (e *Engine) reviewFormer(patience time.Time) {
	e.timers.set(e.clock.Add(reviewEvery), func() {
		waiting := false
		for _, r := range e.ledger.sorted() {
			f, ok := r.matter.(*former)
			if !ok || r.state != open {
				continue
			}
			if !e.tells(f, patience) {
				waiting = true
				continue
			}
			f.how, r.clear = gone, e.clock
			r.cause = cause{"it was gone when anywatch came back, and ended while nobody watched", true}
			e.resolve(r)
		}
		if waiting {
			e.reviewFormer(patience)
		}
	})
}

// tells tells whether the vantages would show it by now if it was still there.
func (e *Engine) tells(f *former, patience time.Time) bool {
	known, synchronised := 0, false
	names := make(map[string]bool, len(f.incident.Evidence))
	for _, x := range f.incident.Evidence {
		names[x.Vantage] = true
	}
	for _, w := range e.rib.order {
		if w.up && w.synced {
			synchronised = true
			if names[w.v.Name()] {
				known++
			}
		}
	}
	if e.clock.Before(patience) {
		return len(names) > 0 && known == len(names)
	}
	return synchronised
}

// succeed puts another matter in the place of one of the run before: what it knew stays said.
func succeed(r *record, m matter) {
	f, ok := r.matter.(*former)
	r.matter = m
	if !ok || r.state != open {
		return
	}
	switch m := m.(type) {
	case *sighting:
		m.peak = f.incident.Vantages.Peak
		if f.incident.Path != nil {
			m.path = *f.incident.Path
		}
	case *Condition:
		m.peak = cmp.Or(m.peak, f.incident.Vantages.Peak)
		now := m.statement(r.said)
		now.severity, now.peak = r.said.severity, r.said.peak // only these two the run before can have said otherwise
		now.acknowledged, now.silenced, now.explained = r.said.acknowledged, r.said.silenced, r.said.explained
		r.said = now
	}
}
