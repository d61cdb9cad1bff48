package rules

import (
	"math"
	"time"
)

// Dampening are the parameters of route flap dampening (RFC 2439), of a vendor or of the operator's own.
type Dampening struct {
	Name        string
	HalfLife    time.Duration
	Suppress    int // a route whose penalty is above is suppressed
	Reuse       int // below, it is used again
	MaxSuppress time.Duration
	// Withdraw, Reannounce and Attribute are the penalties for a withdrawal, an announcement after one, and a change of attributes.
	Withdraw, Reannounce, Attribute int
}

// Ceiling is the greatest penalty: from there it decays to Reuse in MaxSuppress (RFC 2439 section 4.2).
func (d *Dampening) Ceiling() float64 {
	return float64(d.Reuse) * math.Exp2(float64(d.MaxSuppress)/float64(d.HalfLife))
}

// Weight gives the penalty of an event: 0 a withdrawal, 1 an announcement after it, 2 a change of attributes.
func (d *Dampening) Weight(event int) int {
	return [...]int{d.Withdraw, d.Reannounce, d.Attribute}[event]
}

// Flap says which penalties are counted: the first profile is the one whose penalty opens incidents, above Alert.
type Flap struct {
	Profiles []Dampening
	Alert    int
}
