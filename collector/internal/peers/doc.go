// Package peers starts the routing daemons of the host (BIRD, FRR) as peers for tests. They run with their state in a folder of the test,
// never touch the kernel's routes, and end with the test.
package peers
