package propose

import (
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// Vantage is who shows routes.
type Vantage struct {
	Name string
	// External: others talk to us or about us. Else our own network talks about itself.
	External bool
	// Local is the AS that an empty AS_PATH stands for.
	Local route.ASN
	// Router and Peer are what a site's matchers `router` and `peer` compare; empty where there is none.
	Router string
	Peer   netip.Addr
	// RouterID is the BGP identifier of the router whose routes these are: of the peer, or with a Loc-RIB of the router itself. Zero when unknown.
	RouterID netip.Addr
	// Named: the router's name is that of the peer, as with a BGP neighbor; else, as with BMP, that of the router which the peer is a peer of.
	Named bool
	// LocRIB: it shows what the router chose. Sent: it shows what the router sends to others.
	LocRIB, Sent bool
	// AllPaths: it looks past best paths.
	AllPaths bool
	// Table: its whole table came, so that what it doesn't show is not there.
	Table bool
}

// Route is a route that a vantage has shown.
type Route struct {
	*Vantage
	Prefix netip.Prefix
	Attrs  *route.Attrs
	// Gone is when it was withdrawn or replaced; zero while it stands.
	Gone time.Time
}

// Seen is all that a proposal is made from.
type Seen struct {
	ASNs []route.ASN // ours; at least one
	// Told says how it is known that they are ours; empty when somebody said so.
	Told string
	// From names the inputs, and Newest is the time of the newest record in them; zero when none has a time.
	From   []string
	Newest time.Time
	// Records counts what was read, and Malformed how many of those could not be. Both are zero where routes were not read from records.
	Records, Malformed uint64
	Vantages           []*Vantage
	// Routes are those of our ASes, and those of others at, inside or around the same prefixes.
	Routes []Route
	// Transit are prefixes of others whose paths lead through our ASes, with their origin.
	Transit map[netip.Prefix]route.ASN
}
