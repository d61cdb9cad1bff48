// Package detector is what looks wrong: it keeps the RIB of watched routes per vantage, judges every route against the rules and the RPKI,
// and keeps the ledger of incidents, from the first evidence to the resolution.
//
// Time is a value here. The engine's clock moves with events and with Advance, never by itself: a replayed capture gives exactly the
// incidents that the live stream gave. One goroutine owns an Engine.
package detector
