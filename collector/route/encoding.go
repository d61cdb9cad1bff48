package route

// Encoding is what decides how the bytes of an UPDATE read: what the two ends of the session agreed upon in their OPENs. The zero
// value is today's normal session: 4-octet AS numbers, no path identifiers.
type Encoding struct {
	// TwoByteAS says that AS_PATH and AGGREGATOR carry 2-octet AS numbers (RFC 6793 section 4.2.2).
	TwoByteAS bool
	// AddPath holds the families whose unicast routes carry a path identifier (RFC 7911 section 3).
	AddPath Family
	// AddPathLabelled holds the families whose labelled unicast routes (SAFI 4, RFC 8277) carry one.
	AddPathLabelled Family
	// AddPathVPN holds the families whose VPN routes (SAFI 128, RFC 4364) carry one.
	AddPathVPN Family
}
