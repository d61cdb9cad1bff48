// Package report writes what anywatch found by day: the flap report and its siblings, as a table for a terminal, as JSON, as CSV and as a page of
// HTML that needs nothing beside it.
package report
