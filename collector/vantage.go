package collector

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"anywatch/collector/route"
)

// VantageID is the small number of a vantage, given when it is first seen; details are looked up.
type VantageID uint32

// View is which RIB of the observed router a vantage shows.
type View uint8

// The views. A plain BGP session, an archive or a public feed shows what a peer announces: its session.
const (
	Session    View = iota
	AdjInPre        // Adj-RIB-In before policy (RFC 7854 section 5)
	AdjInPost       // Adj-RIB-In after policy
	AdjOutPre       // Adj-RIB-Out before policy (RFC 8671)
	AdjOutPost      // Adj-RIB-Out after policy
	LocRIB          // Loc-RIB (RFC 9069)
)

// String gives the short name that stands in a vantage's name: pre, post, out-pre, out-post, loc-rib.
func (v View) String() string {
	return [...]string{"session", "pre", "post", "out-pre", "out-post", "loc-rib"}[v]
}

// Scope says whether our own network talks (internal) or others talk to us or about us (external).
type Scope uint8

// The two scopes.
const (
	Internal Scope = iota
	External
)

// String gives internal or external.
func (s Scope) String() string { return [...]string{"internal", "external"}[s] }

// Key is what makes a vantage the same one: feed, router, peer and view.
type Key struct {
	Source   string // bgp, bmp, mrt, rislive
	Router   string // the neighbor's name, BMP sysName or address, RIS collector; "" where there is none
	Peer     netip.Addr
	PeerAS   route.ASN
	PeerType uint8      // BMP peer type (RFC 7854 section 4.2)
	RD       uint64     // BMP peer distinguisher
	BGPID    netip.Addr // BMP only
	View     View
}

// Vantage is one view of the world. It never changes once it is registered; what may change from session to session comes with PeerUp.
type Vantage struct {
	ID VantageID
	Key
	Scope Scope
	// Local is the AS that an empty AS_PATH stands for: the peer's on iBGP, the monitored router's with BMP.
	Local route.ASN
	// AllPaths tells that it looks past best paths (Add-Path): then the absence of a path means something.
	AllPaths bool
	// Role is what the sender is to the AS that it sends to: the peer to us, or with BMP to the monitored router.
	Role Role
}

// Name is what people and the API call the vantage: bgp:rr1, bmp:ams-edge1/10.9.0.1/pre, rislive:rrc00/192.0.2.7, mrt:AS3356/192.0.2.7.
func (v *Vantage) Name() string {
	var b strings.Builder
	b.WriteString(v.Source)
	b.WriteByte(':')
	switch {
	case v.Source == "bgp":
		b.WriteString(v.Router)
		return b.String()
	case v.Router != "":
		b.WriteString(v.Router)
	default:
		b.WriteString(v.PeerAS.String())
	}
	if v.Peer.IsValid() && !(v.View == LocRIB && v.Peer.IsUnspecified()) {
		b.WriteByte('/')
		b.WriteString(v.Peer.String())
	}
	if v.RD != 0 {
		fmt.Fprintf(&b, "/%s", RDString(v.RD))
	}
	if v.View != Session {
		b.WriteByte('/')
		b.WriteString(v.View.String())
	}
	return b.String()
}

// RDString writes a route distinguisher as RFC 4364 section 4.2 divides it: 64500:1, 10.0.0.1:1.
func RDString(rd uint64) string {
	switch rd >> 48 {
	case 1:
		a := uint32(rd >> 16)
		return fmt.Sprintf("%d.%d.%d.%d:%d", a>>24, a>>16&255, a>>8&255, a&255, rd&0xFFFF)
	case 2:
		return fmt.Sprintf("%d:%d", uint32(rd>>16), rd&0xFFFF)
	}
	return fmt.Sprintf("%d:%d", rd>>32&0xFFFF, uint32(rd))
}

// Compare orders vantages by name and then by number: the order in which people see them.
func (v *Vantage) Compare(w *Vantage) int {
	return cmp.Or(cmp.Compare(v.Name(), w.Name()), cmp.Compare(v.ID, w.ID))
}

// Registry gives vantages their numbers. All sources of a process share one. Safe for concurrent use.
type Registry struct {
	mu    sync.Mutex
	byKey map[Key]*Vantage
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry { return &Registry{byKey: make(map[Key]*Vantage)} }

// Register gives the vantage of this key; what else v says counts when it is new, or when it changed: then the same number gets a new
// description, and who holds the old one keeps a valid view of the past.
func (r *Registry) Register(v Vantage) *Vantage {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.byKey[v.Key]
	if known {
		v.ID = old.ID
		if v == *old {
			return old
		}
	} else {
		v.ID = VantageID(len(r.byKey) + 1)
	}
	r.byKey[v.Key] = &v
	return &v
}
