// Package bmp is a BMP monitoring station: routers connect and show what they hold (RFC 7854), also what they send to their peers (RFC 8671)
// and what they chose (RFC 9069). It reads version 3; the drafts before and after it are refused with a message that says so.
//
// A router is known by its name. Its first message makes it a feed: when its last connection ends, that is a FeedDown, and when it is back, or
// may not connect any more, a FeedUp. What its peers show is lost or withdrawn apart from that, vantage by vantage.
//
// Reader cuts a stream into messages, Stream is one router's state, fed message by message, and Source is the station that listens. A raw
// capture is read by Stream.Replay.
package bmp
