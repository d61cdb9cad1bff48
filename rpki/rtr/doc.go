// Package rtr is a client of the RPKI-to-Router protocol: it keeps a copy of what a validating cache holds, as routers do.
//
// It speaks version 1 (RFC 8210), version 2 with ASPAs where the caller wants it (draft-ietf-sidrops-8210bis), and version 0 (RFC
// 6810) with caches that know nothing newer, over TCP or TLS.
//
// What it gives is always whole: an answer takes effect at its End of Data, or not at all. The last good data stay in use through
// lost connections, restarts of the cache and answers that make no sense, until the cache's Expire interval is over; then they are
// dropped, and that is said. This departs from RFC 8210 section 5.1 in one point: when a cache comes with another session id, its old data
// stay until the new are complete, because a monitor without data is blind, and a router without them merely permissive.
//
// A new connection always begins with a Reset Query. A cache that restarts and uses its session id again can't be told from one
// that did not, and resuming there would keep stale VRPs for ever; a full answer takes a second or two.
//
// The numbers of PDUs and errors are those of github.com/bgpfix/bgpfix/rtr. Its client is not used: it passes neither the intervals of
// End of Data nor the version of a PDU on, has no deadlines, and applies withdrawals of what it never had. Its codec is not
// exported, so PDUs are read here.
package rtr
