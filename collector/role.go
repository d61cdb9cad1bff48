package collector

// Role is what the sender of a vantage's routes is to the AS that it sends them to, as it said in its OPEN (RFC 9234 section 4.1). The zero value
// is a sender that told none.
type Role uint8

// The roles of a sender: a provider of the AS that listens, its route server, a client of it as route server, a customer, a lateral peer.
const (
	NoRole Role = iota
	Provider
	RouteServer
	RouteServerClient
	Customer
	LateralPeer
)

// RoleOf reads the value of the BGP Role capability (RFC 9234 section 4.1, table 1); one that nobody knows is none.
func RoleOf(value uint8, given bool) Role {
	if !given || value > 4 {
		return NoRole
	}
	return Role(value) + Provider
}

// String gives the role in words, "" for none.
func (r Role) String() string {
	return [...]string{"", "provider", "route server", "route server client", "customer", "peer"}[r]
}
