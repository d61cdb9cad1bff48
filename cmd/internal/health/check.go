package health

import (
	"context"
	"time"

	"anywatch/detector"
)

// RecoverAfter is how many probes in a row must succeed before a service that was down is up again: one that fails every other time is not.
const RecoverAfter = 2

// longest is how long a probe may take at most; one that runs more often gets its interval.
const longest = 5 * time.Second

// Check is what is asked of the service of a site, and how often. Two that are equal ask the same.
type Check struct {
	Site     string
	Probe    Probe
	Interval time.Duration
	// FailAfter is how many probes in a row must fail before the service is down.
	FailAfter int
}

func (c Check) timeout() time.Duration { return min(c.Interval, longest) }

// Probe is one way to ask a service: HTTP, DNS, TCP or ICMP.
type Probe interface {
	// String says what is asked, as "tcp 192.0.2.1:53", without what is secret in it.
	String() string
	// host is who is asked, a name or an address.
	host() string
	// ask asks the host at its address until ctx ends.
	ask(ctx context.Context, a attempt) Outcome
}

// Outcome is what came of one probe: HealthUp; HealthDown; or HealthUnknown where the service could not even be asked.
type Outcome struct {
	State  detector.HealthState
	Reason string // empty for HealthUp
}

func up() Outcome                   { return Outcome{State: detector.HealthUp} }
func down(reason string) Outcome    { return Outcome{detector.HealthDown, reason} }
func unasked(reason string) Outcome { return Outcome{detector.HealthUnknown, reason} }
