// Package filter holds the conditions of the operator's own rules: expressions in the filter language of bgpfix, each compiled once and then asked
// about single announced routes. What the language has and a single route can't answer is refused when the expression is compiled: it would be
// false for ever, and nobody would notice.
package filter
