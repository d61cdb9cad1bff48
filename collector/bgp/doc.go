// Package bgp receives routes over BGP sessions (RFC 4271). It is passive in every sense: it waits for routers to connect, and it never
// sends an UPDATE.
//
// The state machine is corebgp's, one little server for each session, so that sessions can't hold each other up. Around it stands a
// connection of our own (conn). It checks the header of each message, gives UPDATE and ROUTE-REFRESH to the session in the goroutine that
// reads, and lets corebgp see the OPEN and the KEEPALIVEs. It keeps the hold timer, which stands still while the queue of events is full, sends
// the keepalives, and puts the reason into the NOTIFICATION that ends a session.
//
// What a session understands: 4-octet AS numbers, IPv4 and IPv6 unicast, Add-Path (receiving), route refresh with marks for begin and end (RFC
// 7313), extended messages (RFC 8654), graceful restart of the peer (RFC 4724, RFC 8538, the times of RFC 9494). No content of an UPDATE ends
// a session (RFC 7606). A limit for prefixes is told and not enforced: to lose the session would be worse than to have more routes.
//
// Who is missed is told apart from what the routes are worth: FeedLost is about a session's routes, FeedDown and FeedUp about a neighbor.
package bgp
