package lab

import (
	"net/netip"
	"slices"

	"anywatch/cmd/internal/lab/rtrcache"
)

// The autonomous systems of the network.
const (
	OurASN      uint32 = 64500
	TransitAASN uint32 = 64496
	TransitBASN uint32 = 64497
	HijackerASN uint32 = 64511
)

// The prefixes of the story.
var (
	AnycastV4 = netip.MustParsePrefix("192.0.2.0/24")
	AnycastV6 = netip.MustParsePrefix("2001:db8:53::/48")
	Parked    = netip.MustParsePrefix("198.51.100.0/24")  // ours, and never announced
	HalfV4    = netip.MustParsePrefix("192.0.2.128/25")   // a more-specific, for a hijack
	blockV6   = netip.MustParsePrefix("2001:db8:50::/44") // ours, with AnycastV6 in it; the ROA is for the whole
	bystander = netip.MustParsePrefix("203.0.113.0/24")   // transit-a's own, to be ignored by the monitor
)

// Names of the speakers that more than one place needs.
const (
	reflectorName = "rr1"
	transitAName  = "transit-a"
	transitBName  = "transit-b"
	hijackerName  = "hijacker"
)

// role says how a speaker treats routes.
type role int

const (
	siteRole role = iota
	reflectorRole
	transitRole
	hijackerRole
)

// plan is one speaker as it is drawn, before it has an address.
type plan struct {
	name     string
	role     role
	asn      uint32
	host     byte       // last octet of its address in the block
	routerID netip.Addr // also the next hop of its IPv4 routes: no route here has a next hop on loopback
	nextHop6 netip.Addr
	uplinks  []string // the speakers it opens sessions to, which wait for it
}

func plans() []plan {
	id, six := netip.MustParseAddr, netip.MustParseAddr
	return []plan{
		{name: reflectorName, role: reflectorRole, asn: OurASN, host: 1, routerID: id("10.0.0.1")},
		{name: transitAName, role: transitRole, asn: TransitAASN, host: 21, routerID: id("10.8.0.1"), nextHop6: six("2001:db8:8:a::1")},
		{name: transitBName, role: transitRole, asn: TransitBASN, host: 22, routerID: id("10.8.0.2"), nextHop6: six("2001:db8:8:b::1"),
			uplinks: []string{transitAName}},
		{name: "ams", role: siteRole, asn: OurASN, host: 11, routerID: id("10.0.1.1"), nextHop6: six("2001:db8:0:1::1"),
			uplinks: []string{reflectorName, transitAName}},
		{name: "nrt", role: siteRole, asn: OurASN, host: 12, routerID: id("10.0.2.1"), nextHop6: six("2001:db8:0:2::1"),
			uplinks: []string{reflectorName, transitAName, transitBName}},
		{name: "iad", role: siteRole, asn: OurASN, host: 13, routerID: id("10.0.3.1"), nextHop6: six("2001:db8:0:3::1"),
			uplinks: []string{reflectorName, transitBName}},
		{name: hijackerName, role: hijackerRole, asn: HijackerASN, host: 31, routerID: id("10.9.0.1"), nextHop6: six("2001:db8:9::1"),
			uplinks: []string{transitAName, transitBName}},
	}
}

// hostNumber is the last octet of a speaker's address.
func hostNumber(name string) byte {
	all := plans()
	return all[slices.IndexFunc(all, func(p plan) bool { return p.name == name })].host
}

// listens tells that another speaker opens a session to this one.
func (p plan) listens() bool {
	return slices.ContainsFunc(plans(), func(other plan) bool { return slices.Contains(other.uplinks, p.name) })
}

// Site is one place from which the prefixes are announced, and how its routes are recognised.
type Site struct {
	Name, City, Country, Region string
	Latitude, Longitude         float64
	Number                      uint16     // of the communities 64500:101, 64500:102, 64500:103 and large communities 64500:1:101 …
	NextHop                     netip.Addr // also its router ID, which the reflector gives as ORIGINATOR_ID
}

func sites() []Site {
	return []Site{
		{"ams", "Amsterdam", "NL", "eu", 52.37, 4.90, 101, netip.MustParseAddr("10.0.1.1")},
		{"nrt", "Tokyo", "JP", "ap", 35.68, 139.69, 102, netip.MustParseAddr("10.0.2.1")},
		{"iad", "Ashburn", "US", "na", 39.04, -77.49, 103, netip.MustParseAddr("10.0.3.1")},
	}
}

// ROAs are the payloads that the RPKI cache serves at the start: our two prefixes, an AS0 that forbids the parked one to everybody
// (RFC 6483 section 4), and somebody else's.
func ROAs() []rtrcache.VRP { return roasUpTo(AnycastV6.Bits()) }

// ShortROAs are the same after a mistake of ours: the ROA of the block that 2001:db8:53::/48 lies in allows the block alone.
func ShortROAs() []rtrcache.VRP { return roasUpTo(blockV6.Bits()) }

func roasUpTo(maxLengthV6 int) []rtrcache.VRP {
	return []rtrcache.VRP{
		{Prefix: AnycastV4, MaxLength: 24, ASN: OurASN},
		{Prefix: blockV6, MaxLength: maxLengthV6, ASN: OurASN},
		{Prefix: Parked, MaxLength: 24, ASN: 0},
		{Prefix: bystander, MaxLength: 24, ASN: TransitAASN},
	}
}
