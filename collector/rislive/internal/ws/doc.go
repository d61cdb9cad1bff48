// Package ws is the client's side of a websocket (RFC 6455), for streams of many small messages: it takes what has come off the network in one
// large read, and hands the messages out where they lie, without copying them. Extensions, compression among them, are not offered.
package ws
