package rpki

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"anywatch/collector/route"
)

// VRP is a validated ROA payload: the AS may originate the prefix, and what lies inside it down to MaxLength (RFC 6811 section 2).
type VRP struct {
	Prefix    netip.Prefix
	MaxLength uint8
	ASN       route.ASN
	TA        string    // the trust anchor that it comes from, as the validator names it; "" where nobody said
	Expires   time.Time // when the signed objects behind it run out; zero where nobody said
}

// String writes "192.0.2.0/24-24 AS64500".
func (v VRP) String() string {
	b := make([]byte, 0, 48)
	b = v.Prefix.AppendTo(b)
	b = append(b, '-')
	b = strconv.AppendUint(b, uint64(v.MaxLength), 10)
	b = append(b, " AS"...)
	return string(strconv.AppendUint(b, uint64(v.ASN), 10))
}

// Check says what is wrong with a VRP, nil if nothing is.
func (v VRP) Check() error {
	p := v.Prefix
	switch {
	case !p.IsValid():
		return errors.New("it has no prefix")
	case p.Addr().Is4In6():
		return fmt.Errorf("prefix %s maps IPv4 into IPv6; it would have to be an IPv4 prefix", p)
	case p != p.Masked():
		return fmt.Errorf("prefix %s has bits set after its length; %s would be right", p, p.Masked())
	case int(v.MaxLength) < p.Bits():
		return fmt.Errorf("maxLength %d is shorter than the prefix %s", v.MaxLength, p)
	case int(v.MaxLength) > p.Addr().BitLen():
		return fmt.Errorf("maxLength %d of %s is longer than an address, which has %d bits", v.MaxLength, p, p.Addr().BitLen())
	}
	return nil
}

// ASPA says who the providers of a customer are: the only ASes that may propagate its routes upward. The one provider AS0 says
// that it has none (draft-ietf-sidrops-aspa-profile section 3).
type ASPA struct {
	Customer  route.ASN
	Providers []route.ASN
	Expires   time.Time // zero where nobody said
}

// Check says what is wrong with an ASPA, nil if nothing is.
func (a ASPA) Check() error {
	switch {
	case a.Customer == route.ASZero:
		return errors.New("the customer of an ASPA can't be AS0")
	case len(a.Providers) == 0:
		return fmt.Errorf("the ASPA of %s names no provider; one that has none names AS0", a.Customer)
	}
	return nil
}

// normal gives the ASPA with its providers sorted, each once. AS0 beside others says nothing and is left out.
func (a ASPA) normal() ASPA {
	a.Providers = slices.Clone(a.Providers)
	slices.Sort(a.Providers)
	a.Providers = slices.Compact(a.Providers)
	if len(a.Providers) > 1 && a.Providers[0] == route.ASZero {
		a.Providers = a.Providers[1:]
	}
	return a
}

// joined merges two ASPAs of one customer: objects of one customer add up, and the union lasts as long as the longer of them.
func (a ASPA) joined(b ASPA) ASPA {
	a.Providers = append(slices.Clone(a.Providers), b.Providers...)
	a.Expires = later(a.Expires, b.Expires)
	return a.normal()
}

func (a ASPA) same(b ASPA) bool {
	return a.Customer == b.Customer && slices.Equal(a.Providers, b.Providers)
}

// later gives the later of two times of expiry, of which zero is never.
func later(a, b time.Time) time.Time {
	switch {
	case a.IsZero() || b.IsZero():
		return time.Time{}
	case a.After(b):
		return a
	}
	return b
}

func expired(at, now time.Time) bool { return !at.IsZero() && !now.IsZero() && !at.After(now) }
