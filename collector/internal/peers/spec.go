//go:build interop

package peers

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"time"
)

// Make is a routing daemon, by the name of its Debian package.
type Make string

// The daemons.
const (
	BIRD      Make = "bird2"
	FRRouting Make = "frr"
	GoBGP     Make = "gobgpd"
	OpenBGPD  Make = "openbgpd"
	ExaBGP    Make = "exabgp"
)

// Route is a route that a speaker originates.
type Route struct {
	Prefix      netip.Prefix
	Path        []uint32 // behind the speaker's own AS; OpenBGPD can't say any
	Communities []string // "64501:100"
	Large       []string // "64501:1:2"
	ID          uint32   // tells several routes of one prefix apart, for GoBGP and ExaBGP
	// Originator and Clusters (RFC 4456 section 8) are what ExaBGP says of a route: the others reflect routes of their clients.
	Originator netip.Addr
	Clusters   []netip.Addr
}

// Spec is what kind of speaker a test wants, in words that all daemons understand.
type Spec struct {
	Address   netip.Addr     // its end of the session
	Port      uint16         // where it listens itself
	ASN       uint32         // its AS
	Station   netip.AddrPort // our end
	StationAS uint32
	Password  string // TCP MD5
	Hold      int    // seconds
	Restart   int    // graceful restart time in seconds
	AddPath   bool   // it offers to send several paths
	Role      string // BGP role (RFC 9234), where it knows them: "customer"
	Routes    []Route
	Table     []netip.Prefix // many routes more, all with the same attributes
	// Clients are of its own AS and connect to it: it reflects their routes, with ClusterID.
	Clients   []netip.Addr
	ClusterID netip.Addr
	dir       string
}

// Next hops of all routes that the daemons originate, where they let them be chosen.
const (
	NextHop4 = "10.64.0.1"
	NextHop6 = "2001:db8:ffff::1"
)

// RouterID is the speaker's BGP identifier: its address, where that is IPv4.
func (s Spec) RouterID() netip.Addr {
	if s.Address.Is4() {
		return s.Address
	}
	return netip.MustParseAddr("10.64.0.2")
}

// Internal tells whether the session with the station is iBGP.
func (s Spec) Internal() bool { return s.ASN == s.StationAS }

// Dir is the folder of the daemon.
func (s Spec) Dir() string { return s.dir }

// Speaker is a daemon that was started from a Spec.
type Speaker struct {
	*Daemon
	Spec    Spec
	dialect dialect
}

// dialect is how one daemon is spoken to.
type dialect interface {
	prepare(s *Speaker)
	// begin is called after each start.
	begin(s *Speaker)
	announce(s *Speaker, r Route)
	withdraw(s *Speaker, r Route)
	retry(s *Speaker)
	status(s *Speaker) string
}

// Run starts a daemon as the speaker that a test wants.
func Run(t *testing.T, m Make, spec Spec) *Speaker {
	t.Helper()
	s := &Speaker{Daemon: prepare(t, m), Spec: spec}
	s.Spec.dir = s.dir
	switch m {
	case BIRD:
		s.dialect = birdDialect{}
	case FRRouting:
		s.dialect = frrDialect{}
	case GoBGP:
		s.dialect = gobgpDialect{}
	case OpenBGPD:
		s.dialect = openbgpdDialect{}
	case ExaBGP:
		s.dialect = exabgpDialect{}
	default:
		t.Fatalf("nobody knows the daemon %q", m)
	}
	s.Again()
	return s
}

// Again starts a daemon that was killed, with its Spec as it is now.
func (s *Speaker) Again() {
	s.t.Helper()
	s.dialect.prepare(s)
	s.Start()
	s.dialect.begin(s)
}

// Announce makes the daemon originate one more route, or the route with other attributes.
func (s *Speaker) Announce(r Route) {
	s.t.Helper()
	s.dialect.announce(s, r)
}

// Withdraw takes a route back.
func (s *Speaker) Withdraw(r Route) {
	s.t.Helper()
	s.dialect.withdraw(s, r)
}

// Retry makes the daemon connect again, after a NOTIFICATION that ended its session, where it would not do so within seconds.
func (s *Speaker) Retry() {
	s.t.Helper()
	s.dialect.retry(s)
}

// Status is what the daemon says about its session with the station, and its log.
func (s *Speaker) Status() string {
	s.t.Helper()
	return s.dialect.status(s)
}

// Says waits until the status matches a regular expression.
func (s *Speaker) Says(expression string) {
	s.t.Helper()
	re, status := regexp.MustCompile(expression), ""
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if status = s.Status(); re.MatchString(status) {
			return
		}
		select {
		case <-s.ended:
			s.t.Fatalf("%s has ended: %v", s.make, s.wait)
		case <-time.After(100 * time.Millisecond):
		}
	}
	s.t.Fatalf("%s never said %q, but:\n%s", s.make, expression, status)
}

// with and without change the list of routes, for daemons that read it again as a whole.
func (s *Speaker) with(r Route) {
	s.without(r)
	s.Spec.Routes = append(s.Spec.Routes, r)
}

func (s *Speaker) without(r Route) {
	var kept []Route
	for _, o := range s.Spec.Routes {
		if o.Prefix != r.Prefix || o.ID != r.ID {
			kept = append(kept, o)
		}
	}
	s.Spec.Routes = kept
}

// text fills in a configuration.
func (s *Speaker) text(config string) string {
	s.t.Helper()
	var b strings.Builder
	t := template.Must(template.New("").Funcs(template.FuncMap{
		"comma": func(s string) string { return strings.ReplaceAll(s, ":", ",") },
		"is4":   func(p netip.Prefix) bool { return p.Addr().Is4() },
	}).Parse(config))
	if err := t.Execute(&b, s.Spec); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}
