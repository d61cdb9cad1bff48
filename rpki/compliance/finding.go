package compliance

import "slices"

// Finding is one thing that disagrees.
type Finding string

// The findings, the worst first.
const (
	// NotAuthorised: the configuration allows the announcement and VRPs make it invalid; AS0 and MaxLengthShort say why, where they know.
	NotAuthorised  Finding = "configured-not-authorised"
	ASZero         Finding = "as0"              // the VRPs say that nobody may announce it (RFC 6483 section 4)
	MaxLengthShort Finding = "max-length-short" // the origin is authorised for something around it that ends at a shorter length
	// SeenNotConfigured: it is announced, and the configuration does not expect the origin, the site, or the more-specific.
	SeenNotConfigured    Finding = "seen-not-configured"
	ASSetOrigin          Finding = "as-set-origin"          // no VRP can match a path that ends in an AS_SET
	PlannedNotConfigured Finding = "planned-not-configured" // the same of what is planned
	ROAMissing           Finding = "roa-missing"
	ROAUnconfigured      Finding = "roa-for-unconfigured-origin" // a VRP authorises an AS that the configuration does not
	MaxLengthLoose       Finding = "max-length-loose"            // a VRP authorises more than is announced (RFC 9319 section 5)
	ROAUnused            Finding = "roa-unused"                  // likewise, a VRP of its own for something that is never announced
	ASPAMissing          Finding = "aspa-missing"
	ASPAIncomplete       Finding = "aspa-incomplete" // an upstream is configured, or seen, and not named
	ROAExpiring          Finding = "roa-expiring"
	ASPAExpiring         Finding = "aspa-expiring"
	UpstreamUndeclared   Finding = "upstream-undeclared" // seen next to the origin, neither configured nor named
	ASPATooWide          Finding = "aspa-too-wide"       // it names a provider that is neither configured nor seen
	ASZeroMissing        Finding = "as0-missing"         // a parked prefix that nobody is forbidden to announce
	NotSeen              Finding = "configured-not-seen"
	Planned              Finding = "planned" // no fault: the row is about something that is to be announced
)

// findings are all of them, the worst first.
var findings = []Finding{
	NotAuthorised, ASZero, MaxLengthShort, SeenNotConfigured, ASSetOrigin, PlannedNotConfigured, ROAMissing, ROAUnconfigured, MaxLengthLoose, ROAUnused,
	ASPAMissing, ASPAIncomplete, ROAExpiring, ASPAExpiring, UpstreamUndeclared, ASPATooWide, ASZeroMissing, NotSeen, Planned,
}

// Rank says how bad a finding is: 0 is the worst.
func (f Finding) Rank() int {
	if i := slices.Index(findings, f); i >= 0 {
		return i
	}
	return len(findings)
}

// AboutASPA tells whether the finding is about the ASPA of an origin, and so about all of its rows alike.
func (f Finding) AboutASPA() bool {
	switch f {
	case ASPAMissing, ASPAIncomplete, ASPAExpiring, ASPATooWide, UpstreamUndeclared:
		return true
	}
	return false
}
