package rtr

import (
	"fmt"
	"maps"
	"slices"

	"anywatch/collector/route"
	"anywatch/rpki"

	wire "github.com/bgpfix/bgpfix/rtr"
)

// mostRecords is far above what all of RPKI holds: a cache that sends more does not end.
const mostRecords = 5_000_000

// answer collects what a cache sends between Cache Response and End of Data. It comes to effect as a whole.
type answer struct {
	full    bool // to a Reset Query: it replaces what there was
	session uint16
	base    *rpki.Set // what an answer to a Serial Query changes
	records int
	again   int // VRPs that a full answer has more than once

	all   *rpki.Builder
	vrps  map[rpki.VRP]bool         // of a change: there afterwards, or gone
	aspas map[route.ASN][]route.ASN // the last word on a customer; nil when retracted
}

func newAnswer(full bool, session uint16, base *rpki.Set) *answer {
	return &answer{full: full, session: session, base: base,
		all: rpki.NewBuilder(), vrps: map[rpki.VRP]bool{}, aspas: map[route.ASN][]route.ASN{}}
}

// add takes a prefix or ASPA PDU.
func (a *answer) add(p pdu) error {
	if a.records++; a.records > mostRecords {
		return &protocolError{code: wire.ErrInternal, text: fmt.Sprintf("an answer of more than %d records", mostRecords)}
	}
	switch {
	case a.full && !p.announce:
		return corrupt("a withdrawal in the answer to a Reset Query")
	case p.kind == wire.PDUAspa:
		return a.addASPA(p)
	case a.full:
		return a.all.Add(p.vrp)
	}
	return a.change(p)
}

// change demands that a cache and its client agree on what there was: RFC 8210 sections 5.6 and 12, errors 6 and 7. Where they do not,
// the way out is a new session, which begins with a full answer.
func (a *answer) change(p pdu) error {
	there, told := a.vrps[p.vrp]
	if !told {
		there = a.base.Contains(p.vrp)
	}
	switch {
	case p.announce && there:
		return &protocolError{code: wire.ErrDupAnnounce, text: fmt.Sprintf("it announces %s, which it announced before", p.vrp)}
	case !p.announce && !there:
		return &protocolError{code: wire.ErrWithdrawUnk, text: fmt.Sprintf("it withdraws %s, which it never announced", p.vrp)}
	}
	a.vrps[p.vrp] = p.announce
	return nil
}

// addASPA lets an announcement replace what the customer had (draft-ietf-sidrops-8210bis section 5.12).
func (a *answer) addASPA(p pdu) error {
	if p.announce {
		a.aspas[p.aspa.Customer] = p.aspa.Providers
		return nil
	}
	providers, told := a.aspas[p.aspa.Customer]
	there := providers != nil
	if !told {
		_, there = a.base.ASPA(p.aspa.Customer)
	}
	if !there {
		return &protocolError{code: wire.ErrWithdrawUnk,
			text: fmt.Sprintf("it withdraws the ASPA of %s, which it never announced", p.aspa.Customer)}
	}
	a.aspas[p.aspa.Customer] = nil
	return nil
}

// set gives what the cache holds after the answer; the very set of before when nothing changed.
func (a *answer) set() (*rpki.Set, error) {
	if a.full {
		for _, customer := range slices.Sorted(maps.Keys(a.aspas)) {
			if err := a.all.AddASPA(rpki.ASPA{Customer: customer, Providers: a.aspas[customer]}); err != nil {
				return nil, err
			}
		}
		n := a.all.Len()
		s := a.all.Set()
		a.again = n - s.Len() - len(s.ASPAs())
		if a.base != nil && s.Equal(a.base) {
			return a.base, nil
		}
		return s, nil
	}
	var c rpki.Change
	for v, there := range a.vrps {
		if there {
			c.Add = append(c.Add, v)
		} else {
			c.Remove = append(c.Remove, v)
		}
	}
	for customer, providers := range a.aspas {
		if providers != nil {
			c.Attest = append(c.Attest, rpki.ASPA{Customer: customer, Providers: providers})
		} else {
			c.Retract = append(c.Retract, customer)
		}
	}
	if len(a.vrps)+len(a.aspas) == 0 {
		return a.base, nil
	}
	return a.base.Apply(c)
}
