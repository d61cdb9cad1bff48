// Package rislive reads RIS Live, the public stream of what RIPE NCC's route collectors hear: JSON messages over a websocket (Source), or lines
// of the same JSON in a file (Decoder).
//
// Most messages concern nobody who listens. One pass over the bytes of a message, without decoding and without allocating, tells whether it does;
// only then is it read as JSON. Where the pass meets anything out of the ordinary, it leaves the message to the JSON reader, so that the
// slow way alone decides what a message means.
package rislive
