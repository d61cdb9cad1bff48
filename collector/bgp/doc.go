// Package bgp receives routes over BGP sessions (RFC 4271). It is passive in every sense: it waits for routers to connect, and it never
// sends an UPDATE.
//
// The state machine is corebgp's, one little server for each session, so that sessions can't hold each other up. Around it stands a
// connection of our own (conn), which reads whole messages through a buffer, keeps the hold timer and the keepalives going while the queue of
// events is full, puts the reason into the Cease that ends a session, and takes out ROUTE-REFRESH messages, which corebgp doesn't know.
package bgp
