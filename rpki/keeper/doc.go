// Package keeper keeps what is known of the VRPs up to date: it follows all RPKI-to-Router caches and files at once, merges the first
// healthy cache with the files and the operator's exceptions, and gives an immutable rpki.Snapshot after each change.
//
// It judges no routes. It does judge data: a file that can't be read leaves what it held before in use, data that a cache no longer
// confirms are dropped when the cache said so, sources that are older than is allowed are marked, and a trust anchor that loses a
// large share of its VRPs at once is not believed for a while. What it lost stays in the table until it comes back, or until the
// loss has lasted so long that it has to be true.
package keeper
