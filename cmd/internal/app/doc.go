// Package app is the only one that knows all others: it turns a configuration into rules, sources, an engine and sinks, and runs them, as the
// daemon or as a replay.
package app
