// Package exabgp reads what ExaBGP hears: JSON, one message a line, on the standard output of a command (Source) or in a file (Decoder). The
// envelopes of ExaBGP 4, 5 and 6 are read; that of version 3 is refused with a message that says so.
//
// # What to configure in ExaBGP
//
// In its api section: "neighbor-changes" for sessions that come and go, "receive { parsed; update; refresh; }" for routes, and, where
// the session carries path identifiers (RFC 7911), "negotiated". With "consolidate" or "packets", each line has the octets of the message too:
// then those are read, and not what ExaBGP made of them. Octets say more: ExaBGP 4 puts all sequences of a path before all its sets, and
// ExaBGP 5 calls confederation segments plain sequences. What was agreed upon is told by "negotiated"; without it, the encoding is found by trial.
// What ExaBGP itself sends ("send { … }") is counted and goes no further.
//
// # What the lines become
//
// A vantage is a peer of ExaBGP, by address and AS. State "up" is PeerUp. State "down" is FeedLost and not PeerDown: the session that ended is the
// one that brought us the routes, what the peer would show now is unknown, and its routes are stale. "ExaBGP is shutting down" is that of all its
// peers at once. The state "connected" comes before the OPENs and means nothing yet. A route refresh (RFC 7313) is TableBegins and EndOfRIB.
// AllPaths is known only where "negotiated" came.
//
// Unicast and labelled unicast are routes; all other families are counted.
//
// # The command
//
// Command is run by /bin/sh -c, in a process group of its own. What it prints on standard error goes to the log, now and then. When it ends, its
// vantages are lost (FeedLost), it is started again with growing waits, and what a vantage shows next comes after a Gap. A command that runs and says
// nothing is no fault: BGP is quiet at times. The feed is down (FeedDown) when the command ended and no line came again within SilentAfter, and
// up with the next line. The command may hold secrets: neither it nor what it consists of is ever logged, shown or part of an error, and
// what looks like a password in it is struck out of what it says on standard error.
//
// # Why not the reader of bgpfix
//
// The package exa of bgpfix v0.20.2 reads another language: ExaBGP's commands ("announce route 192.0.2.0/24 next-hop …"), and not the JSON that ExaBGP
// prints. It has no peers, no states and no times, one prefix a line, and of the attributes it drops sets, large and extended
// communities, route reflection, path identifiers and Only-to-Customer.
package exabgp
