package config

import (
	"net/netip"
	"regexp"
	"text/template"
	"time"

	"anywatch/collector/route"
	"anywatch/rules/filter"
)

// Config is the effective configuration: what the file says, with every default filled in.
type Config struct {
	// ASNs are the AS numbers that are ours; there is at least one.
	ASNs []route.ASN
	// Defaults is what a prefix inherits. It is already worked into Prefixes.
	Defaults    Policy
	Prefixes    []Prefix
	Sites       []Site
	Sources     Sources
	RPKI        RPKI
	Detect      Detect
	Rules       []Rule
	PeerLocks   []PeerLock
	Maintenance []Maintenance
	Alerts      Alerts
	Store       Store
	Web         Web
	Log         Log

	given map[string]givenKey // for Unused
}

// Policy is what a prefix may inherit from `defaults`.
type Policy struct {
	Origins Origins
	// Upstreams may stand next to the origin on external paths; nil allows any.
	Upstreams []route.ASN
	// MinSites: fewer sites that announce than this is critical; 0 is never.
	MinSites      int
	MoreSpecifics MoreSpecifics
	// Labels go with the incidents about a prefix. Those of `defaults` and its own are joined; its own win.
	Labels map[string]string
}

// Origins is who may originate a prefix.
type Origins struct {
	// Any allows every AS; ASNs is then empty.
	Any  bool
	ASNs []route.ASN
}

// MoreSpecifics is which parts of a prefix its origins may announce besides itself; the zero value allows none.
type MoreSpecifics struct {
	// UpTo allows every part up to this prefix length; 0 doesn't.
	UpTo int
	// List allows exactly these.
	List []netip.Prefix
}

// Announced is how a watched prefix should be found.
type Announced string

// The ways a prefix is watched.
const (
	Always   Announced = "always"
	Optional Announced = "optional"
	Never    Announced = "never" // whoever announces it is squatting
)

// Scope is how far something reaches.
type Scope string

// The scopes of prefixes (global, local) and of neighbors (internal, external).
const (
	Global   Scope = "global"
	Local    Scope = "local"
	Internal Scope = "internal"
	External Scope = "external"
)

// Prefix is one watched prefix with its effective policy.
type Prefix struct {
	Prefix netip.Prefix
	// Name is a label for people; "" if there is none.
	Name string
	Policy
	// OriginUpstreams replaces Upstreams for the origins that it names.
	OriginUpstreams map[route.ASN][]route.ASN
	// Sites are the names of the sites that must announce it; without any in the file, all there are.
	Sites []string
	// Twin is announced at the same sites; the zero value is none.
	Twin      netip.Prefix
	Announced Announced
	Scope     Scope
}

// Rule is one of the operator's own.
type Rule struct {
	Name string
	// When is compiled from Text, in the filter language of bgpfix.
	When     *filter.Filter
	Text     string
	Severity Severity
	// Summary is compiled from SummaryText, and executed with a rules.Matched; nil when there is none.
	Summary     *template.Template
	SummaryText string
}

// Severity is how bad an incident is.
type Severity string

// The severities, from the least to the worst.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Maintenance lowers what happens at some sites for a while.
type Maintenance struct {
	// Sites are names; without any in the file, every site.
	Sites    []string
	From, To time.Time
	Reason   string
}

// Site is one place of the anycast network.
type Site struct {
	Name     string
	Location Location
	// Match: a path belongs to the first site one of whose matchers fits.
	Match []Matcher
	// Drain are communities of a path that its site is about to withdraw, besides GRACEFUL_SHUTDOWN.
	Drain  []route.Community
	Health *Health
}

// Location says where on earth a site is.
type Location struct {
	City, Country, Region string
	// Lat and Lon are degrees, north and east positive; they mean something when Placed.
	Lat, Lon float64
	Placed   bool
}

// Matcher holds exactly one condition; the others are zero.
type Matcher struct {
	Community      *route.Community
	LargeCommunity *route.LargeCommunity
	// NextHop is a prefix; one address is a prefix of full length.
	NextHop      netip.Prefix
	OriginatorID netip.Addr
	Peer         netip.Addr
	// Router is a BMP sysName or a neighbor's name.
	Router string
	// ASPath looks at the path written "a b c".
	ASPath *regexp.Regexp
}

// Health is how a site's own service is probed: exactly one of HTTP, DNS, TCP and ICMP.
type Health struct {
	HTTP      *HTTPProbe
	DNS       *DNSProbe
	TCP, ICMP string // an address with a port; an address
	Interval  time.Duration
	FailAfter int
}

// HTTPProbe asks for a page and looks at the status.
type HTTPProbe struct {
	URL URL
	// ConnectTo is the host that is asked instead of the one in the URL; "" is that one.
	ConnectTo string
	Status    int
}

// DNSProbe asks a server for a record.
type DNSProbe struct{ Server, Query, Type string }
