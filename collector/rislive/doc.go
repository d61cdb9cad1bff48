// Package rislive reads RIS Live, the public stream of what RIPE NCC's route collectors hear: JSON messages over a websocket (Source), or lines
// of the same JSON in a file (Decoder).
//
// Most messages concern nobody who listens. One pass over the bytes of a message, without decoding, without copying and without allocating,
// tells whether it does; only then is it read as JSON, or better from the raw octets of the BGP message, where it has them. A server writes all
// its messages in one way, and the pass learns that way. Where it meets anything out of the ordinary, it leaves the message to the JSON
// reader, so that the slow way alone decides what a message means.
//
// Up to 500 prefixes and 20 ASes are asked for by name, with their raw octets; for more, everything that the server has. One goroutine reads a
// connection and hands on what it brought: a message that came alone at once, many that came together with one read.
//
// A connection that is lost comes back, with growing waits, and asks for the same again at once. What its vantages show is unknown from then
// on, and each is told so. The feed itself is told to be down only when it has brought nothing for Config.SilentAfter, whether connected or not.
package rislive
