// Package bmp is a BMP monitoring station: routers connect and show what they hold (RFC 7854), also what they send to their peers (RFC 8671)
// and what they chose (RFC 9069). It reads version 3; the drafts of version 4 are refused with a message that says so.
//
// Reader cuts a stream into messages, Stream is one router's state, fed message by message, and Source is the station that listens. A raw
// capture is read by Stream.Replay.
package bmp
