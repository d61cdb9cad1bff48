package route

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// OriginCode is the ORIGIN attribute (RFC 4271 section 4.3).
type OriginCode uint8

// The three origin codes.
const (
	IGP        OriginCode = 0
	EGP        OriginCode = 1
	Incomplete OriginCode = 2
)

// Community is a standard community (RFC 1997), written 64500:101.
type Community uint32

// Well-known communities that anywatch acts upon.
const (
	GracefulShutdown Community = 0xFFFF0000 // RFC 8326
	Blackhole        Community = 0xFFFF029A // RFC 7999
	NoExport         Community = 0xFFFFFF01 // RFC 1997
	NoAdvertise      Community = 0xFFFFFF02 // RFC 1997
)

// String gives "64500:101".
func (c Community) String() string {
	return strconv.Itoa(int(c>>16)) + ":" + strconv.Itoa(int(c&0xFFFF))
}

// ParseCommunity reads 64500:101; both halves are numbers from 0 to 65535.
func ParseCommunity(s string) (Community, error) {
	parts, err := parseColons(s, 2, 0xFFFF)
	if err != nil {
		return 0, err
	}
	return Community(parts[0]<<16 | parts[1]), nil
}

// LargeCommunity is a large community (RFC 8092), written 64500:1:101.
type LargeCommunity struct{ Global, Local1, Local2 uint32 }

// String gives "64500:1:101".
func (c LargeCommunity) String() string {
	return fmt.Sprintf("%d:%d:%d", c.Global, c.Local1, c.Local2)
}

// ParseLargeCommunity reads 64500:1:101; each part is a number from 0 to 4294967295.
func ParseLargeCommunity(s string) (LargeCommunity, error) {
	p, err := parseColons(s, 3, 0xFFFFFFFF)
	if err != nil {
		return LargeCommunity{}, err
	}
	return LargeCommunity{uint32(p[0]), uint32(p[1]), uint32(p[2])}, nil
}

func parseColons(s string, parts int, limit uint64) ([]uint64, error) {
	words := strings.Split(s, ":")
	if len(words) != parts {
		return nil, fmt.Errorf("%q has %d parts; a community of this kind has %d, with colons between", s, len(words), parts)
	}
	out := make([]uint64, parts)
	for i, w := range words {
		n, err := parseDecimal(w, limit)
		if err != nil || w == "" {
			return nil, fmt.Errorf("%q: each part is a number from 0 to %d", s, limit)
		}
		out[i] = n
	}
	return out, nil
}

// ExtCommunity is an extended community (RFC 4360), as on the wire.
type ExtCommunity [8]byte

// String gives rt:… and soo:… for route targets and origins, else the eight octets in hexadecimal.
func (c ExtCommunity) String() string {
	name := map[byte]string{2: "rt", 3: "soo"}[c[1]]
	if name == "" {
		return fmt.Sprintf("0x%x", c[:])
	}
	switch c[0] &^ 0x40 {
	case 0:
		return fmt.Sprintf("%s:%d:%d", name, binary.BigEndian.Uint16(c[2:]), binary.BigEndian.Uint32(c[4:]))
	case 1:
		return fmt.Sprintf("%s:%s:%d", name, netip.AddrFrom4([4]byte(c[2:6])), binary.BigEndian.Uint16(c[6:]))
	case 2:
		return fmt.Sprintf("%s:%d:%d", name, binary.BigEndian.Uint32(c[2:]), binary.BigEndian.Uint16(c[6:]))
	}
	return fmt.Sprintf("0x%x", c[:])
}

// Aggregator is the AGGREGATOR attribute (RFC 4271 section 5.1.7).
type Aggregator struct {
	AS      ASN
	Address netip.Addr
}

// RawAttr is an attribute that anywatch does not interpret, kept as it came.
type RawAttr struct {
	Flags, Type uint8
	Value       []byte
}

// Attrs are the path attributes of a route. They are shared by all routes of an update and never changed after decoding.
// Absent addresses are the zero netip.Addr; MED, LocalPref and OTC say with a flag whether they were there.
type Attrs struct {
	Path            Path
	NextHop         netip.Addr
	Origin          OriginCode
	MED             uint32
	HasMED          bool
	LocalPref       uint32
	HasLocalPref    bool
	AtomicAggregate bool
	HasOTC          bool
	OTC             ASN // Only-to-Customer (RFC 9234 section 5)
	Communities     []Community
	Large           []LargeCommunity
	Extended        []ExtCommunity
	Aggregator      Aggregator
	OriginatorID    netip.Addr   // RFC 4456 section 8
	ClusterList     []netip.Addr // RFC 4456 section 8
	Unknown         []RawAttr
}

// Has tells whether the standard community is attached.
func (a *Attrs) Has(c Community) bool { return slices.Contains(a.Communities, c) }

// Equal tells that nothing a monitor can see differs: the same route announced again.
func (a *Attrs) Equal(b *Attrs) bool {
	return a == b || a != nil && b != nil &&
		a.NextHop == b.NextHop && a.Origin == b.Origin &&
		a.MED == b.MED && a.HasMED == b.HasMED &&
		a.LocalPref == b.LocalPref && a.HasLocalPref == b.HasLocalPref &&
		a.AtomicAggregate == b.AtomicAggregate && a.OTC == b.OTC && a.HasOTC == b.HasOTC &&
		a.Aggregator == b.Aggregator && a.OriginatorID == b.OriginatorID &&
		a.Path.Equal(b.Path) &&
		slices.Equal(a.Communities, b.Communities) && slices.Equal(a.Large, b.Large) &&
		slices.Equal(a.Extended, b.Extended) && slices.Equal(a.ClusterList, b.ClusterList) &&
		slices.EqualFunc(a.Unknown, b.Unknown, func(x, y RawAttr) bool {
			return x.Type == y.Type && x.Flags == y.Flags && string(x.Value) == string(y.Value)
		})
}

// CommunityStrings lists standard, then large, then extended communities as people write them.
func (a *Attrs) CommunityStrings() []string {
	out := make([]string, 0, len(a.Communities)+len(a.Large)+len(a.Extended))
	for _, c := range a.Communities {
		out = append(out, c.String())
	}
	for _, c := range a.Large {
		out = append(out, c.String())
	}
	for _, c := range a.Extended {
		out = append(out, c.String())
	}
	return out
}
