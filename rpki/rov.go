package rpki

import (
	"encoding"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"anywatch/collector/route"
)

// State is the outcome of route origin validation (RFC 6811 section 2). The zero value says that nothing was asked.
type State uint8

// The states.
const (
	NotChecked State = iota // there is no data to ask
	NotFound                // no VRP covers the prefix
	Valid                   // a VRP authorises the origin
	Invalid                 // VRPs cover the prefix, and none authorises the origin
)

var states = [...]string{"not-checked", "not-found", "valid", "invalid"}

// String gives not-checked, not-found, valid or invalid.
func (s State) String() string {
	if int(s) >= len(states) {
		return fmt.Sprintf("State(%d)", s)
	}
	return states[s]
}

// MarshalText writes what String gives.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(states[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is not an RPKI state; one of %s is", text, strings.Join(states[:], ", "))
	}
	*s = State(i)
	return nil
}

var _ encoding.TextUnmarshaler = (*State)(nil)

// Why an announcement is invalid.
const (
	ReasonOrigin = "origin" // no covering VRP has this AS
	ReasonLength = "length" // a VRP has this AS, and the prefix is more specific than its maxLength
	ReasonASSet  = "as-set" // the path ends in an AS_SET, which no VRP can match
)

// Verdict is the outcome with what decided it.
type Verdict struct {
	State  State
	Reason string // why it is invalid, else ""
	// VRPs are those that decide, from the shortest prefix on: the matching ones when valid, all that cover the prefix when invalid.
	VRPs []VRP
}

// State judges an announcement without saying why, and without allocating.
func (t *Table) State(prefix netip.Prefix, origin route.Origin) State {
	if t.Len() == 0 || !prefix.IsValid() {
		return NotChecked
	}
	at, covered := t.trie.LookupPrefix(prefix)
	if !covered {
		return NotFound
	}
	if !asked(origin) {
		return Invalid
	}
	// Going outwards from one prefix to the next is twice as fast as asking the trie for all that cover.
	for bits := lengthOf(prefix); at != none; {
		c := t.claims[at]
		if c.asn == origin.AS && bits <= c.max {
			return Valid
		}
		if at++; c.last {
			at = c.around
		}
	}
	return Invalid
}

// Validate judges an announcement by RFC 6811 and says why.
func (t *Table) Validate(prefix netip.Prefix, origin route.Origin) Verdict {
	v := Verdict{State: t.State(prefix, origin)}
	asn, bits := origin.AS, lengthOf(prefix)
	switch v.State {
	case Valid:
		v.VRPs = merged(t.pick(prefix, func(r record) bool { return r.asn == asn && bits <= r.max }))
	case Invalid:
		v.VRPs = merged(t.pick(prefix, func(record) bool { return true }))
		v.Reason = ReasonOrigin
		if len(origin.Set) > 0 {
			v.Reason = ReasonASSet
		} else if asked(origin) && slices.ContainsFunc(v.VRPs, func(v VRP) bool { return v.ASN == asn }) {
			v.Reason = ReasonLength
		}
	}
	return v
}

// asked tells whether a VRP can match the origin at all. RFC 6811 section 2: a route whose path ends in an AS_SET has the origin
// NONE, and no VRP matches NONE. Nor does any match AS0 (RFC 6483 section 4).
func asked(o route.Origin) bool { return len(o.Set) == 0 && o.AS != route.ASZero }

// lengthOf gives the length as records count it.
func lengthOf(p netip.Prefix) uint8 {
	if p.Addr().Is4() {
		return uint8(p.Bits()) + mapped
	}
	return uint8(p.Bits())
}

// pick gives the covering VRPs that are wanted, sorted.
func (t *Table) pick(prefix netip.Prefix, want func(record) bool) []VRP {
	var out []VRP
	for _, at := range t.trie.Supernets(prefix) {
		// The trie goes from the longest prefix to the shortest; the list goes the other way.
		for _, r := range slices.Backward(t.at(at)) {
			if want(r) {
				out = append(out, r.vrp(t.set.anchors))
			}
		}
	}
	slices.Reverse(out)
	return out
}

// merged shows a VRP once that several trust anchors or sources assert: it lasts as long as the last of them.
func merged(vrps []VRP) []VRP {
	out := vrps[:0]
	for _, v := range vrps {
		if n := len(out); n > 0 && out[n-1].Prefix == v.Prefix && out[n-1].MaxLength == v.MaxLength && out[n-1].ASN == v.ASN {
			out[n-1].Expires = later(out[n-1].Expires, v.Expires)
			continue
		}
		out = append(out, v)
	}
	return out
}

// Explain says in a sentence why the verdict on an announcement is what it is.
func (v Verdict) Explain(prefix netip.Prefix, origin route.Origin) string {
	who := origin.AS.String()
	if len(origin.Set) > 0 {
		who = "an AS_SET"
	}
	switch {
	case v.State == Valid:
		return fmt.Sprintf("%s may originate %s: %s.", who, prefix, listed(v.VRPs))
	case v.State == NotFound:
		return fmt.Sprintf("No VRP covers %s, so RPKI says nothing about who may originate it.", prefix)
	case v.State == NotChecked:
		return fmt.Sprintf("There are no VRPs to check %s against.", prefix)
	case v.Reason == ReasonLength:
		return fmt.Sprintf("%s may originate a covering prefix, but nothing as specific as %s: %s.", who, prefix, listed(v.VRPs))
	case v.Reason == ReasonASSet:
		return fmt.Sprintf("The path ends in an AS_SET, which no VRP can match, and %s is covered by %s.", prefix, listed(v.VRPs))
	case origin.AS == route.ASZero:
		return fmt.Sprintf("AS0 may not originate anything, and %s is covered by %s.", prefix, listed(v.VRPs))
	}
	return fmt.Sprintf("%s may not originate %s: it is covered by %s.", who, prefix, listed(v.VRPs))
}

// listed names the first VRPs, and how many more there are.
func listed(vrps []VRP) string {
	const most = 3
	var names []string
	for _, v := range vrps[:min(most, len(vrps))] {
		names = append(names, v.String())
	}
	text := strings.Join(names, ", ")
	if more := len(vrps) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
