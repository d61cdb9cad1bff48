// Package lab builds a small anycast network of real BGP speakers inside one process, on loopback addresses, for `anywatch demo` and for
// tests. The speakers are GoBGP servers; nothing of it touches the kernel's routes or needs privileges.
//
//	       AS64511 (hijacker)
//	        /            \
//	AS64496 transit-a ── AS64497 transit-b ── a customer's route is preferred here
//	   /       \            /       \
//	 ams       nrt        nrt       iad        AS64500: three sites announce
//	   \        |          |        /          192.0.2.0/24 and 2001:db8:53::/48
//	    ─────── rr1 (route reflector) ───────
//
// Transits avoid routes with GRACEFUL_SHUTDOWN (RFC 8326), and each site prepends its routes towards them where the routes ask for it. Each
// site has a service beside BGP that is asked over HTTP how it fares; nothing ties it to what the site announces.
//
// The monitor under demonstration looks over the shoulder of that network: rr1 peers with it over iBGP with Add-Path and streams BMP
// to it, each transit shows it its best routes over eBGP, and an RPKI cache serves ROAs. The monitor itself is passive: all sessions are
// opened towards it.
//
// All numbers and addresses in routes are those reserved for documentation (RFC 5398, RFC 5737, RFC 3849).
//
// GoBGP keeps its route selection options in package variables, which each server writes as it starts. Two networks may live in one process,
// yet the race detector reports it when one starts while another one runs.
package lab
