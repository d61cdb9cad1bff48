// Package conformance holds tests only: sessions of collector/bgp with real routing daemons (BIRD, FRR, GoBGP, OpenBGPD, ExaBGP), each case with
// every daemon that can do it. They need the daemons' Debian packages bird2, frr, gobgpd, openbgpd and exabgp, run as root, and carry the build
// tag interop.
package conformance
