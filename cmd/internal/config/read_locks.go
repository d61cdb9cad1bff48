package config

import (
	"slices"

	"anywatch/collector/route"
)

// PeerLock says from whom an AS may have routes to our prefixes.
type PeerLock struct {
	// Name is a label for people; "" if there is none.
	Name string
	ASN  route.ASN
	// From are the ASes that may hand it a route; there is at least one.
	From []route.ASN
}

// peerLocks reads who may have our routes from whom.
func (r *reader) peerLocks(root *section) []PeerLock {
	var out []PeerLock
	root.each("peer_locks", "{asn: 1299, from: [64500, 2914]}", func(s *section) {
		s.knows("asn", "from", "name")
		l := PeerLock{Name: one(s, "name", "", label)}
		s.required("asn", "write the AS that is to have our routes from some only, as asn: 1299")
		l.ASN = one(s, "asn", 0, asNumber)
		const remedy = "list the ASes that may hand it our routes, as from: [64500]"
		l.From = many(s, "from", asNumber)
		if s.required("from", remedy) && len(l.From) == 0 && s.sound("from") {
			s.fault("from", "is empty, so that nobody could hand it our routes", remedy)
		}
		if s.sound("asn") && slices.ContainsFunc(out, func(o PeerLock) bool { return o.ASN == l.ASN && l.ASN != 0 }) {
			s.fault("asn", l.ASN.String()+" has a lock already", "put all ASes that may hand it our routes into one")
		}
		out = append(out, l)
	})
	return out
}

func (l PeerLock) print() group {
	return given(group{{"name", l.Name}, {"asn", plain(asnText(l.ASN))}, {"from", asnFlow(l.From)}})
}
