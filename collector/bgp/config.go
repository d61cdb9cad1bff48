package bgp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// Config is what sessions are accepted, and how.
type Config struct {
	Listen    []string // addresses to listen on: ":179", "127.0.0.1:1790", "[::1]:1790"
	ASN       route.ASN
	RouterID  netip.Addr // IPv4 (RFC 4271 section 4.2)
	Neighbors []Neighbor
	HoldTime  time.Duration // proposed to each peer; zero means 90 s
	// ComeUp is how long a neighbor with an address may take to come up, from the begin of Run or from the reload that adds it, before FeedDown is
	// told of it; zero means that this is never told.
	ComeUp time.Duration
}

// Neighbor is a router, or a range of routers, that may connect.
type Neighbor struct {
	Name        string       // default: the address or range
	Address     netip.Addr   // either this
	Range       netip.Prefix // or this: dynamic neighbors
	ASN         route.ASN    // zero means ours: iBGP
	Password    Password     // TCP MD5 (RFC 2385); empty means none
	TTLSecurity int          // how many hops away the peer may be (RFC 5082); zero means that any distance is right
	AddPath     bool         // offer to receive several paths of a prefix (RFC 7911)
	Scope       collector.Scope
	MaxPeers    int // of a range, at one time; zero means no limit
	MaxPrefixes int // that each session may announce before PrefixLimit is told; zero means that they are not counted
}

// Password is a secret: it never shows in a log, an error or a printed structure.
type Password string

const hidden = "(hidden)"

// String hides the password.
func (Password) String() string { return hidden }

// GoString hides the password.
func (Password) GoString() string { return hidden }

// MarshalText hides the password.
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the password.
func (Password) LogValue() slog.Value { return slog.StringValue(hidden) }

const (
	defaultHoldTime = 90 * time.Second
	maxPassword     = 80 // TCP_MD5SIG_MAXKEYLEN
)

// prepared gives the configuration with its defaults filled in, or says everything that is wrong with it.
func (c Config) prepared() (Config, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.HoldTime == 0 {
		c.HoldTime = defaultHoldTime
	}
	if c.HoldTime < 3*time.Second || c.HoldTime > 65535*time.Second {
		fault("hold time %v is impossible; choose from 3s to 65535s", c.HoldTime)
	}
	if c.ASN.Reserved() {
		fault("%s can't be our AS: the number is reserved; set sources.bgp.asn", c.ASN)
	}
	if !c.RouterID.Is4() || c.RouterID.IsUnspecified() {
		fault("router ID %v is not an IPv4 address; set sources.bgp.router_id", c.RouterID)
	}
	if len(c.Listen) == 0 {
		fault("no address to listen on; set sources.bgp.listen, for instance to [\":179\"]")
	}
	list := make([]Neighbor, len(c.Neighbors))
	for i, n := range c.Neighbors {
		n = n.prepared(c.ASN)
		if err := n.check(); err != nil {
			fault("neighbor %s: %w", n.Name, err)
		}
		list[i] = n
	}
	c.Neighbors = list
	faults = append(faults, contradictions(list)...)
	return c, errors.Join(faults...)
}

func (n Neighbor) prepared(ours route.ASN) Neighbor {
	n.Address = n.Address.Unmap()
	n.Range = n.Range.Masked()
	if n.ASN == 0 {
		n.ASN = ours
	}
	if n.Name == "" && n.dynamic() {
		n.Name = n.Range.String()
	} else if n.Name == "" {
		n.Name = n.Address.String()
	}
	return n
}

func (n Neighbor) dynamic() bool { return n.Range.IsValid() }

// called is what people call the neighbor's session with an address: its name, for a range with the address.
func (n Neighbor) called(addr netip.Addr) string {
	if n.dynamic() {
		return n.Name + "/" + addr.String()
	}
	return n.Name
}

func (n Neighbor) check() error {
	switch {
	case n.Address.IsValid() == n.dynamic():
		return errors.New("it needs an address or a range, and not both")
	case n.dynamic() && n.Range.Addr().Is4In6():
		return fmt.Errorf("range %v maps IPv4 into IPv6; write it as an IPv4 prefix", n.Range)
	case n.ASN.Reserved():
		return fmt.Errorf("%s is reserved and can't be a neighbor's AS", n.ASN)
	case n.TTLSecurity < 0 || n.TTLSecurity > 254:
		return fmt.Errorf("ttl_security %d is impossible; it is a number of hops from 1 to 254", n.TTLSecurity)
	case n.MaxPeers < 0 || n.MaxPrefixes < 0:
		return errors.New("max_peers and max_prefixes can't be negative; leave them out where there is no limit")
	case len(n.Password) > maxPassword:
		return fmt.Errorf("the password has %d characters; TCP MD5 takes at most %d", len(n.Password), maxPassword)
	}
	return nil
}

// prefix is the set of addresses that the neighbor stands for.
func (n Neighbor) prefix() netip.Prefix {
	if n.dynamic() {
		return n.Range
	}
	return netip.PrefixFrom(n.Address, n.Address.BitLen())
}

// contradictions finds neighbors that can't stand beside each other.
func contradictions(list []Neighbor) (faults []error) {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.Name == b.Name {
				faults = append(faults, fmt.Errorf("two neighbors are called %s; a name stands for one", a.Name))
			}
			if a.prefix() == b.prefix() {
				faults = append(faults, fmt.Errorf("neighbors %s and %s have the same address %v", b.Name, a.Name, a.prefix()))
			}
			faults = append(faults, openDoor(a, b)...)
		}
	}
	return faults
}

// openDoor finds a neighbor without password inside a range with one: the kernel would ask it for the range's key, because a key can't be
// taken back for a part of its range.
func openDoor(a, b Neighbor) []error {
	if a.prefix().Bits() < b.prefix().Bits() {
		a, b = b, a
	}
	if a.Password == "" && b.Password != "" && b.prefix().Overlaps(a.prefix()) {
		return []error{fmt.Errorf("neighbor %s has no password but lies in the range of %s, which has one; give it a password too", a.Name, b.Name)}
	}
	return nil
}
