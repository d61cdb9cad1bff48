package rpki

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"time"

	"anywatch/collector/route"
)

// jsonReader reads the JSON dialects. It takes keys as they come: the AS is a number, "AS64500" or "64500"; maxLength may be
// missing; ASPAs are spelt as rpki-client or as Routinator spells them.
type jsonReader struct {
	*scanner
	b      *Builder
	source *Source
	known  bool // a key was seen that only such a file has
	names  map[string]string
	slurm  bool

	// The entry that is being read.
	list  string // which list it is in
	index int
	from  int // its line
	wrong error
	vrp   VRP
	max   int // -1 where the entry does not say
	aspa  ASPA
	asn   bool // it has said which AS
}

func readJSON(r io.Reader, b *Builder, s *Source) error {
	d := &jsonReader{scanner: newScanner(r), b: b, source: s, names: map[string]string{}}
	var err error
	if d.peek() == '[' {
		d.known = true
		err = d.entries("roas", d.roaMember, d.addVRP)
	} else {
		err = d.object(d.topMember)
	}
	if err == nil {
		err = d.finish()
	}
	switch {
	case err != nil:
		return err
	case d.slurm:
		return errors.New("this is a file of SLURM exceptions, not of VRPs; name it as rpki.slurm or --slurm")
	case !d.known:
		return errors.New("there are no roas and no aspas in it; rpki-client -j, Routinator's json and {\"roas\": [...]} are understood")
	}
	return nil
}

func (d *jsonReader) topMember(key []byte) error {
	switch string(key) {
	case "roas":
		d.known = true
		return d.entries("roas", d.roaMember, d.addVRP)
	case "aspas":
		d.known = true
		return d.entries("aspas", d.aspaMember, d.addASPA)
	case "provider_authorizations": // StayRTR and rpki-client before ASPA lost its address families
		return d.object(func([]byte) error { return d.entries("provider_authorizations", d.aspaMember, d.addASPA) })
	case "metadata":
		d.known = true
		return d.object(d.metaMember)
	case "slurmVersion":
		d.slurm = true
	}
	return d.skip()
}

// metaMember finds when the data were generated: Routinator's and GoRTR's generated, rpki-client's buildtime.
func (d *jsonReader) metaMember(key []byte) error {
	switch string(key) {
	case "generated", "generatedTime", "buildtime":
		raw, _, err := d.scalar()
		if at := timeOf(raw); err == nil && !at.IsZero() {
			d.source.Generated = at
		}
		return err
	}
	return d.skip()
}

// entries reads a list of objects. One that is wrong in itself is counted; the error is that the text can't be read on.
func (d *jsonReader) entries(list string, member func([]byte) error, add func()) error {
	if d.peek() == 'n' { // null is the empty list to some encoders
		return d.skip()
	}
	index := 0
	return d.array(func() error {
		first := d.peek()
		d.list, d.index, d.from, d.wrong = list, index, d.line, nil
		d.vrp, d.max, d.aspa, d.asn = VRP{}, -1, ASPA{}, false
		index++
		if first != '{' {
			d.skipped(errors.New("it is not an object"))
			return d.skip()
		}
		if err := d.object(member); err != nil {
			return err
		}
		if d.wrong == nil && !d.asn {
			d.wrong = errors.New("it names no AS")
		}
		if d.wrong == nil {
			add()
		}
		if d.wrong != nil {
			d.skipped(d.wrong)
		}
		return nil
	})
}

func (d *jsonReader) skipped(err error) {
	d.source.Skipped.add("line %d: %s[%d]: %v", d.from, d.list, d.index, err)
}

func (d *jsonReader) refuse(format string, args ...any) {
	if d.wrong == nil {
		d.wrong = fmt.Errorf(format, args...)
	}
}

func (d *jsonReader) addVRP() {
	if d.max < 0 {
		d.max = d.vrp.Prefix.Bits()
	}
	d.vrp.MaxLength = uint8(d.max)
	d.wrong = d.b.Add(d.vrp)
}

func (d *jsonReader) addASPA() { d.wrong = d.b.AddASPA(d.aspa) }

func (d *jsonReader) roaMember(key []byte) error {
	switch string(key) {
	case "asn":
		return d.readASN(&d.vrp.ASN)
	case "prefix":
		raw, _, err := d.scalar()
		if err != nil {
			return err
		}
		if d.vrp.Prefix, err = netip.ParsePrefix(string(raw)); err != nil {
			d.refuse("%q is not a prefix", raw)
		}
	case "maxLength", "maxPrefixLength":
		raw, given, err := d.scalar()
		if err != nil || !given {
			return err
		}
		n, err := strconv.ParseUint(string(raw), 10, 8)
		if err != nil {
			d.refuse("maxLength %q is not a number from 0 to 128", raw)
		}
		d.max = int(n)
	case "ta":
		raw, _, err := d.scalar()
		if err != nil {
			return err
		}
		d.vrp.TA = d.intern(raw)
	case "expires":
		return d.readExpiry(&d.vrp.Expires)
	case "source":
		return d.readSources(&d.vrp.Expires)
	default:
		return d.skip()
	}
	return nil
}

func (d *jsonReader) aspaMember(key []byte) error {
	switch string(key) {
	case "customer", "customer_asid", "customer_asn":
		return d.readASN(&d.aspa.Customer)
	case "providers":
		if d.peek() != '[' {
			d.refuse("its providers are not a list")
			return d.skip()
		}
		return d.array(func() error {
			d.aspa.Providers = append(d.aspa.Providers, 0)
			return d.readASN(&d.aspa.Providers[len(d.aspa.Providers)-1])
		})
	case "expires":
		return d.readExpiry(&d.aspa.Expires)
	case "source":
		return d.readSources(&d.aspa.Expires)
	}
	return d.skip()
}

// scalar reads a text or a word. Lists and objects are passed over, and give nothing; so does null, which is not given.
func (d *jsonReader) scalar() (raw []byte, given bool, err error) {
	switch d.peek() {
	case '"':
		raw, err = d.text()
		return raw, true, err
	case '{', '[':
		return nil, true, d.skip()
	}
	raw, err = d.word()
	if string(raw) == "null" {
		return nil, false, err
	}
	return raw, true, err
}

func (d *jsonReader) readASN(to *route.ASN) error {
	number := d.peek() != '"'
	raw, _, err := d.scalar()
	if err != nil {
		return err
	}
	d.asn = true
	if n, ok := decimal(raw); ok {
		*to = route.ASN(n)
		return nil
	}
	if *to, err = route.ParseASN(string(raw)); err != nil {
		d.refuse("%w", err)
	} else if number { // 1.10 in quotation marks is an AS number, and without them a fraction
		d.refuse("%s is not an AS number", raw)
	}
	return nil
}

// decimal reads the plain numbers, which nearly all AS numbers are, without a copy.
func decimal(raw []byte) (uint32, bool) {
	n := uint64(0)
	for _, c := range raw {
		if c < '0' || c > '9' || n > math.MaxUint32 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), len(raw) > 0 && n <= math.MaxUint32
}

func (d *jsonReader) readExpiry(to *time.Time) error {
	raw, given, err := d.scalar()
	if err != nil || !given {
		return err
	}
	if *to = timeOf(raw); to.IsZero() {
		d.refuse("expires %q is not a time in seconds since 1970", raw)
	}
	return nil
}

// readSources reads Routinator's jsonext: a VRP stands as long as one of the objects that assert it.
func (d *jsonReader) readSources(to *time.Time) error {
	if d.peek() != '[' {
		return d.skip()
	}
	first := true
	return d.array(func() error {
		if d.peek() != '{' {
			return d.skip()
		}
		var end time.Time
		if err := d.object(func(key []byte) error { return d.sourceMember(key, &end) }); err != nil {
			return err
		}
		if first {
			*to = end
		} else {
			*to = later(*to, end)
		}
		first = false
		return nil
	})
}

// sourceMember finds the trust anchor and the earliest of the times that end an object's validity.
func (d *jsonReader) sourceMember(key []byte, end *time.Time) error {
	switch string(key) {
	case "tal":
		raw, given, err := d.scalar()
		if given {
			d.vrp.TA = d.intern(raw)
		}
		return err
	case "validity", "chainValidity":
		if d.peek() != '{' {
			return d.skip()
		}
		return d.object(func(key []byte) error { return d.sourceMember(key, end) })
	case "notAfter", "stale":
		raw, _, err := d.scalar()
		if at := timeOf(raw); !at.IsZero() && (end.IsZero() || at.Before(*end)) {
			*end = at
		}
		return err
	}
	return d.skip()
}

// intern keeps one copy of each name.
func (d *jsonReader) intern(raw []byte) string {
	name, ok := d.names[string(raw)]
	if !ok {
		name = string(raw)
		d.names[name] = name
	}
	return name
}

const lastSecond = 253402300799 // of the year 9999

// timeOf reads seconds since 1970 or RFC 3339; zero when it is neither, or the zero that stands for "not known".
func timeOf(raw []byte) time.Time {
	if n, err := strconv.ParseUint(string(raw), 10, 63); err == nil {
		if n == 0 || n > lastSecond {
			return time.Time{}
		}
		return time.Unix(int64(n), 0).UTC()
	}
	at, err := time.Parse(time.RFC3339, string(raw))
	if err != nil || at.Unix() <= 0 {
		return time.Time{}
	}
	return at.UTC()
}
