// Package openbmp reads BMP messages as OpenBMP collectors pass them on: each with a header that names the collector and the router, as records
// of Kafka topics (Source), or one after the other in a file (Decoder, Split). RouteViews publishes its collectors' routes so.
//
// # Headers
//
// The binary header "OBMP" of version 1.7 is read, and the text header ("V: 1.7", "R_HASH: …", an empty line) that older collectors and GoBMP write. A
// router's IPv4 address stands in the first four of its sixteen octets. Records about collectors, and the parsed feeds of OpenBMP, are counted and
// passed by.
//
// # Routers
//
// Each router of each collector is a BMP stream of its own, read by collector/bmp. It is called what it calls itself (sysName), and by its address as
// long as it has not; a second one of the same name gets its collector's behind it. Its vantages have the source "openbmp".
//
// Where reading begins in the middle of a router's stream, its Peer Ups went by before: its vantages begin with a Gap, because their tables will not be
// shown, and how their messages are encoded is found by trial. A second Initiation means that the router began anew: what it showed before is
// lost. The collector's time counts where a BMP message has none, or one that is more than an hour off.
//
// # Kafka
//
// Topic is the name of a topic; when it holds a character that no name can have, such as * or ^, it is a regular expression that must match the
// whole name: `routeviews\..+\.bmp_raw`. New topics are found within a minute. A group without an offset begins at the end; otherwise reading goes on where
// the group stood. Offsets are committed after the events were handed on, every five seconds, when a partition is given up, and at the end.
// Each partition is read in order. TLS and SASL are not spoken.
//
// A hole in the offsets, and what the broker says it lost, is a Gap of all routers of the partition; a record that is cut is one of its router. A
// record that is no OpenBMP message at all is counted, and said with its topic, partition and offset. When the group gives a partition to
// another member, its vantages are lost (FeedLost).
//
// # Silence
//
// After SilentAfter without a record the feed is down (FeedDown), and the reason says whether no broker answers, the group has no partition for us,
// or the topic is silent. Only when no broker answers are the vantages lost as well: then what they would show is unknown; a topic that is read to its
// end has said all that was said. The feed is up with the next record.
package openbmp
