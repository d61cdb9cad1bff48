// Package peers starts the routing daemons of the host (BIRD, FRR, GoBGP, OpenBGPD, ExaBGP) as peers for tests. They run with their state in a
// folder of the test, never touch the kernel's routes, and end with the test. A test may write a daemon's configuration itself, or say what kind
// of speaker it wants (Spec) and leave the daemon's own words to this package.
package peers
