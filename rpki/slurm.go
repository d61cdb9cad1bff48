package rpki

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"anywatch/collector/route"
)

// AnchorSLURM is what stands for the trust anchor of VRPs that the operator added.
const AnchorSLURM = "slurm"

// SLURM holds the operator's local exceptions to RPKI: what to leave out, and what to add (RFC 8416). Nil makes none.
type SLURM struct {
	filters   []prefixFilter
	customers []route.ASN // whose ASPAs are left out, sorted
	added     *Set
}

// prefixFilter leaves out the VRPs that fit all of what it names; at least one of the two is given.
type prefixFilter struct {
	prefix netip.Prefix // equal or covered; invalid for any
	asn    *route.ASN   // nil for any
}

// matches follows RFC 8416 section 3.3.1.
func (f prefixFilter) matches(v VRP) bool {
	if f.prefix.IsValid() && !(f.prefix.Bits() <= v.Prefix.Bits() && f.prefix.Contains(v.Prefix.Addr())) {
		return false
	}
	return f.asn == nil || *f.asn == v.ASN
}

// Apply gives the set without what is to be left out and with what is to be added. Additions are never left out (RFC 8416
// section 4.2).
func (x *SLURM) Apply(s *Set) *Set {
	if x == nil {
		return s
	}
	rest := s.filter(
		func(v VRP) bool {
			return !slices.ContainsFunc(x.filters, func(f prefixFilter) bool { return f.matches(v) })
		},
		func(a ASPA) bool { _, out := slices.BinarySearch(x.customers, a.Customer); return !out })
	return Merge(rest, x.added)
}

// Assertions counts the VRPs and the ASPAs that are added.
func (x *SLURM) Assertions() (vrps, aspas int) {
	if x == nil {
		return 0, 0
	}
	return x.added.Len(), len(x.added.ASPAs())
}

// ReadSLURM reads a file of exceptions, version 1 (RFC 8416) or 2 (with ASPAs, draft-ietf-sidrops-aspa-slurm). What concerns BGPsec
// is accepted and does nothing. Anything that the format does not know is an error, as RFC 8416 section 3.2 demands: an exception
// that is silently not made is worse than none. A list that is missing is an empty one.
func ReadSLURM(name string) (*SLURM, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("can't read SLURM exceptions: %w", err)
	}
	x, err := ParseSLURM(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// The file, member by member. Pointers tell what is missing from what is zero.
type (
	slurmFile struct {
		Version *int `json:"slurmVersion"`
		Filters struct {
			Prefix []slurmPrefixFilter `json:"prefixFilters"`
			BGPsec []any               `json:"bgpsecFilters"`
			ASPA   []slurmASPAFilter   `json:"aspaFilters"`
		} `json:"validationOutputFilters"`
		Assertions struct {
			Prefix []slurmPrefixAssertion `json:"prefixAssertions"`
			BGPsec []any                  `json:"bgpsecAssertions"`
			ASPA   []slurmASPAAssertion   `json:"aspaAssertions"`
		} `json:"locallyAddedAssertions"`
	}
	slurmPrefixFilter struct {
		Prefix  *string   `json:"prefix"`
		ASN     *slurmASN `json:"asn"`
		Comment string    `json:"comment"`
	}
	slurmPrefixAssertion struct {
		ASN     *slurmASN `json:"asn"`
		Prefix  *string   `json:"prefix"`
		Max     *uint8    `json:"maxPrefixLength"`
		Comment string    `json:"comment"`
	}
	slurmASPAFilter struct {
		ASN     *slurmASN `json:"customerAsn"`
		ASID    *slurmASN `json:"customerAsid"` // its name in earlier drafts
		Comment string    `json:"comment"`
	}
	slurmASPAAssertion struct {
		ASN       *slurmASN  `json:"customerAsn"`
		ASID      *slurmASN  `json:"customerAsid"`
		Providers []slurmASN `json:"providerAsns"`
		Comment   string     `json:"comment"`
	}
	slurmASN route.ASN
)

// UnmarshalJSON takes the number of RFC 8416, and "AS64500" besides.
func (a *slurmASN) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		asn, err := route.ParseASN(string(bytes.Trim(text, `"`)))
		*a = slurmASN(asn)
		return err
	}
	return json.Unmarshal(text, (*uint32)(a))
}

// ParseSLURM reads the text of a file of exceptions.
func ParseSLURM(text []byte) (*SLURM, error) {
	var f slurmFile
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&f); err != nil {
		return nil, slurmSyntax(err, text, in.InputOffset())
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, slurmSyntax(errors.New("something follows after the end"), text, in.InputOffset())
	}
	switch {
	case f.Version == nil:
		return nil, errors.New("slurmVersion is missing; write \"slurmVersion\": 1")
	case *f.Version != 1 && *f.Version != 2:
		return nil, fmt.Errorf("slurmVersion is %d; 1 and 2 are understood", *f.Version)
	case *f.Version == 1 && len(f.Filters.ASPA)+len(f.Assertions.ASPA) > 0:
		return nil, errors.New("ASPAs stand in a file with slurmVersion 1; they need slurmVersion 2")
	}
	return f.compile()
}

// slurmSyntax adds where decoding failed.
func slurmSyntax(err error, text []byte, offset int64) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
		err = fmt.Errorf("%s: a %s stands where it can't", kind.Field, kind.Value)
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset, err = int64(len(text)), errors.New(cutOff)
	}
	offset = min(max(offset, 0), int64(len(text)))
	return &SyntaxError{Line: 1 + bytes.Count(text[:offset], []byte("\n")), Offset: offset, What: err.Error()}
}

func (f slurmFile) compile() (*SLURM, error) {
	x := &SLURM{}
	for i, e := range f.Filters.Prefix {
		filter, err := e.compile()
		if err != nil {
			return nil, fmt.Errorf("validationOutputFilters.prefixFilters[%d]: %w", i, err)
		}
		x.filters = append(x.filters, filter)
	}
	for i, e := range f.Filters.ASPA {
		customer, err := customerOf(e.ASN, e.ASID)
		if err != nil {
			return nil, fmt.Errorf("validationOutputFilters.aspaFilters[%d]: %w", i, err)
		}
		x.customers = append(x.customers, customer)
	}
	slices.Sort(x.customers)
	b := NewBuilder()
	for i, e := range f.Assertions.Prefix {
		if err := e.add(b); err != nil {
			return nil, fmt.Errorf("locallyAddedAssertions.prefixAssertions[%d]: %w", i, err)
		}
	}
	for i, e := range f.Assertions.ASPA {
		if err := e.add(b); err != nil {
			return nil, fmt.Errorf("locallyAddedAssertions.aspaAssertions[%d]: %w", i, err)
		}
	}
	x.added = b.Set()
	return x, nil
}

func (e slurmPrefixFilter) compile() (f prefixFilter, err error) {
	if e.Prefix == nil && e.ASN == nil {
		return f, errors.New("it names neither a prefix nor an asn, and one of them is needed")
	}
	if e.Prefix != nil {
		if f.prefix, err = route.ParsePrefix(*e.Prefix); err != nil {
			return f, err
		}
	}
	f.asn = (*route.ASN)(e.ASN)
	return f, nil
}

func (e slurmPrefixAssertion) add(b *Builder) error {
	if e.Prefix == nil || e.ASN == nil {
		return errors.New("it needs both a prefix and an asn")
	}
	prefix, err := route.ParsePrefix(*e.Prefix)
	if err != nil {
		return err
	}
	v := VRP{Prefix: prefix, MaxLength: uint8(prefix.Bits()), ASN: route.ASN(*e.ASN), TA: AnchorSLURM}
	if e.Max != nil {
		v.MaxLength = *e.Max
	}
	return b.Add(v)
}

func customerOf(names ...*slurmASN) (route.ASN, error) {
	for _, n := range names {
		if n != nil {
			return route.ASN(*n), nil
		}
	}
	return 0, errors.New("it names no customerAsn")
}

func (e slurmASPAAssertion) add(b *Builder) error {
	customer, err := customerOf(e.ASN, e.ASID)
	if err != nil {
		return err
	}
	a := ASPA{Customer: customer}
	for _, p := range e.Providers {
		a.Providers = append(a.Providers, route.ASN(p))
	}
	return b.AddASPA(a)
}
