package detector

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"anywatch/collector/route"
)

// ErrNotOpen says that there is no open incident of an id.
var ErrNotOpen = errors.New("no open incident has this id")

// Acknowledge notes that somebody has taken an open incident on, or with an empty name that nobody has any more. Nobody is reminded of what is
// acknowledged, and it does not escalate. It holds for this life of the incident.
func (e *Engine) Acknowledge(id, by string, now time.Time) error {
	r, err := e.openRecord(id, now)
	if err != nil {
		return err
	}
	r.acknowledged = by
	e.ledger.touch(r)
	e.settle()
	return nil
}

// ResolveByHand ends an open incident for people who know better, whatever vantages still show. It opens again only after it was gone once.
func (e *Engine) ResolveByHand(id, by, why string, now time.Time) error {
	r, err := e.openRecord(id, now)
	if err != nil {
		return err
	}
	text := "resolved by hand by " + by
	if why != "" {
		text += ": " + why
	}
	r.cause, r.byHand, r.clear = cause{says: text, void: true}, r.matter.standing() != gone, e.clock
	e.resolve(r)
	e.settle()
	return nil
}

// openRecord moves the clock on and finds an open incident.
func (e *Engine) openRecord(id string, now time.Time) (*record, error) {
	e.Advance(now)
	for _, r := range e.ledger.records {
		if r.id == id && r.state == open {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", id, ErrNotOpen)
}

// Silence mutes incidents for a time: they open and resolve as ever, and nobody is told, records apart. What is empty matches all.
type Silence struct {
	ID             string
	Author, Reason string
	From, To       time.Time

	Incident string // the id of one
	Kinds    []Kind
	// Prefixes: the announced or the watched prefix, or one of several, equals one of these or lies inside it.
	Prefixes []netip.Prefix
	Sites    []string
	Offender route.ASN
	// Above is a severity that is never muted, nor what is worse; Info stands for none.
	Above  Severity
	Labels map[string]string
}

// Matches tells whether the silence, when it is in force, mutes an incident as it stands.
func (s *Silence) Matches(i *Incident) bool {
	return (s.Incident == "" || s.Incident == i.ID) &&
		(len(s.Kinds) == 0 || slices.Contains(s.Kinds, i.Kind)) &&
		(len(s.Sites) == 0 || i.Site != nil && slices.Contains(s.Sites, *i.Site)) &&
		(s.Offender == 0 || i.Offender != nil && *i.Offender == s.Offender) &&
		(s.Above == Info || i.Severity < s.Above) &&
		(len(s.Prefixes) == 0 || i.concerns(s.Prefixes)) &&
		i.carries(s.Labels)
}

// String says who silenced what for how long.
func (s *Silence) String() string {
	text := s.Author + " until " + s.To.UTC().Format(time.RFC3339)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// concerns tells whether the announced or the watched prefix, or one of several, equals one of a list or lies inside it.
func (i *Incident) concerns(list []netip.Prefix) bool {
	inside := func(p netip.Prefix) bool {
		return slices.ContainsFunc(list, func(l netip.Prefix) bool { return l.Bits() <= p.Bits() && l.Contains(p.Addr()) })
	}
	return i.Prefix != nil && inside(*i.Prefix) || i.Watched != nil && inside(*i.Watched) || slices.ContainsFunc(i.Prefixes, inside)
}

// carries tells whether the incident has all of these labels.
func (i *Incident) carries(labels map[string]string) bool {
	for name, value := range labels {
		if got, ok := i.Labels[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// SetSilences puts silences in force, instead of those before. Each begins and ends by itself.
func (e *Engine) SetSilences(list []Silence, now time.Time) {
	e.Advance(now)
	e.silences = list
	for _, s := range list {
		for _, at := range []time.Time{s.From, s.To} {
			if at.After(e.clock) {
				e.timers.set(at, e.listen)
			}
		}
	}
	e.listen()
	e.settle()
}

// listen looks anew at what is silenced.
func (e *Engine) listen() {
	for _, r := range e.ledger.sorted() {
		if r.state == open {
			e.ledger.touch(r)
		}
	}
}

// muted gives the silence in force that mutes an incident, in words; "" for none.
func (e *Engine) muted(r *record) string {
	if len(e.silences) == 0 {
		return ""
	}
	var i *Incident
	for n := range e.silences {
		s := &e.silences[n]
		if e.clock.Before(s.From) || !e.clock.Before(s.To) {
			continue
		}
		if i == nil {
			i = new(e.incident(r))
		}
		if s.Matches(i) {
			return s.String()
		}
	}
	return ""
}
