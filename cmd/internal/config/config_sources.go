package config

import (
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// Sources is where routes come from; what the file doesn't name is nil.
type Sources struct {
	BGP     *BGP
	BMP     *BMP
	RISLive []RISLive
	OpenBMP []OpenBMP
	ExaBGP  []ExaBGP
}

// BGP is our passive speaker.
type BGP struct {
	// Listen are addresses with ports; an empty host is every address.
	Listen []string
	ASN    route.ASN
	// RouterID is the zero value when the file leaves it out.
	RouterID  netip.Addr
	Neighbors []Neighbor
}

// Neighbor is one BGP session (Address), or as many as come from a Range; exactly one of them is set.
type Neighbor struct {
	Name    string
	Address netip.Addr
	Range   netip.Prefix
	ASN     route.ASN
	// Password is the key of TCP MD5 (RFC 2385), read from the file that is named.
	Password Secret
	// TTLSecurity is the greatest number of hops (RFC 5082); 0 doesn't look.
	TTLSecurity int
	AddPath     bool
	// MaxPeers bounds the sessions of a Range; 0 for an Address.
	MaxPeers int
	// MaxPrefixes is how many prefixes a session may announce before there is an incident; 0 doesn't count them.
	MaxPrefixes int
	// Scope is Internal or External.
	Scope Scope
}

// BMP is our monitoring station.
type BMP struct {
	Listen []string
	// Allow are the prefixes that routers may connect from; empty is everywhere.
	Allow []netip.Prefix
	// VRFs are names or route distinguishers watched besides the global table.
	VRFs []string
	TLS  TLS
}

// TLS names the files of a TLS server; all empty is plain TCP.
type TLS struct{ Cert, Key, ClientCA File }

// RISLive is one websocket in the manner of RIPE RIS Live.
type RISLive struct {
	URL         URL
	Client      string
	IgnorePeers []netip.Addr
}

// OpenBMP is one Kafka topic in OpenBMP format.
type OpenBMP struct {
	Brokers      []string
	Topic, Group string
}

// ExaBGP is one command that prints ExaBGP's JSON lines.
type ExaBGP struct{ Command string }

// RPKI is where validated ROA payloads come from.
type RPKI struct {
	Caches []RTRCache
	Files  []File
	// SLURM holds local exceptions (RFC 8416); empty for none.
	SLURM File
	// MaxAge: older data accuses nobody any more.
	MaxAge           time.Duration
	ROAExpiryWarning time.Duration
	// MaxDrop: a larger fall of one trust anchor's VRPs is about the anchor.
	MaxDrop Percent
}

// RTRCache is one RPKI-to-Router cache (RFC 8210).
type RTRCache struct {
	Address string
	// Transport is "tcp" or "tls".
	Transport string
	// Version is the highest version of the protocol to ask for: 1, or 2 for ASPAs.
	Version uint8
	// ServerName is what the certificate of a cache over TLS must be for; "" is the host of Address.
	ServerName string
	// CA signs that certificate, empty for those that the system trusts. Cert and Key are shown to the cache.
	CA, Cert, Key File
}

// Detect holds the thresholds.
type Detect struct {
	Confirm        Confirm
	ResolveAfter   time.Duration
	ReopenWithin   time.Duration
	InitialSync    time.Duration
	StaleAfterLoss time.Duration
	// Blackhole are communities that ask networks to throw traffic away, besides BLACKHOLE.
	Blackhole []route.Community
	// StaleVantageAfter is how long a vantage contradicts the others before it is reported as stale.
	StaleVantageAfter time.Duration
	SiteMissingAfter  time.Duration
	FeedSilentAfter   time.Duration
	Visibility        Visibility
	Flap              Flap
	Catchment         Catchment
	Superprefix       Superprefix
}

// Confirm is the evidence that opens an incident: so many internal or so many external vantages.
type Confirm struct {
	Vantages, ExternalVantages int
	Within                     time.Duration
}

// Visibility is which share of external vantages must see a prefix.
type Visibility struct{ Warning, Critical Percent }

// Flap holds the parameters of route flap damping (RFC 2439), calculated and never applied.
type Flap struct {
	// Profile is cisco, juniper or rfc7196: what the other parameters come from unless the file gives them.
	Profile string
	// Alert is the penalty that opens an incident.
	Alert       int
	HalfLife    time.Duration
	Suppress    int
	Reuse       int
	MaxSuppress time.Duration
	// Withdraw, Reannounce and Attribute are what each such event adds to the penalty.
	Withdraw, Reannounce, Attribute int
}

// Catchment is how far a site's share of vantages may move within a time.
type Catchment struct {
	Shift  Percent
	Within time.Duration
}

// Superprefix bounds which covering announcements are looked at: those of these lengths and longer.
type Superprefix struct{ ShortestIPv4, ShortestIPv6 int }
