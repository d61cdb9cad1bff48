// Package rules is what we expect: which prefixes are watched, who may originate them, which more-specifics are ours, and how much evidence
// an incident needs. A Set is compiled once, never changes, and is swapped whole on reload.
package rules
