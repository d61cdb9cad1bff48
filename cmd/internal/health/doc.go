// Package health asks the services of the sites whether they are up, apart from what routing says of the sites. The probes themselves are those of
// the Prometheus blackbox exporter, which operators know; when they run, what counts as up or down, and what can't be told is decided here.
package health
