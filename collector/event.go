package collector

import (
	"time"

	"anywatch/collector/route"
)

// Kind is what an event is about.
type Kind uint8

// The kinds of events. That a route was withdrawn, that a peer went down, and that a feed was lost are three different facts.
const (
	// Routes: the vantage announces and withdraws routes.
	Routes Kind = iota + 1
	// PeerUp: the session behind the vantage came up; its table follows, and is complete at EndOfRIB or after the initial sync time.
	PeerUp
	// PeerDown: the observed router says that the session behind the vantage ended; all its routes are withdrawn with that.
	PeerDown
	// FeedLost: we no longer see the vantage; what it would show is unknown. Its routes are stale.
	FeedLost
	// EndOfRIB: the initial table of one family is complete.
	EndOfRIB
	// Synchronised: the table of the vantage is complete, all families.
	Synchronised
	// Gap: messages of the vantage were lost; nothing may be concluded from absence until it is synchronised again.
	Gap
	// Heard: the vantage sent its first message in this stream, whatever it is about. Who never shows what we watch still counts among those
	// who could.
	Heard
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"", "routes", "peer-up", "peer-down", "feed-lost", "end-of-rib", "synchronised", "gap", "heard"}[k]
}

// Event is one thing that happened at one vantage. Events of a session arrive in the order in which they happened.
type Event struct {
	Kind    Kind
	Time    time.Time // the sender's time where it gives a credible one, else the time of arrival
	Vantage *Vantage
	// Updates are what Routes brings; shared, not to be changed.
	Updates []route.Update
	// Table says that the routes are part of a table dump: state, not change.
	Table bool
	// Family of an EndOfRIB; with PeerUp the families that the session carries, zero when unknown.
	Family route.Family
	// Keep is how long stale routes are kept after FeedLost, when the peer asked for a graceful restart (RFC 4724 section 3); zero leaves it
	// to the configuration.
	Keep time.Duration
	// Reason says in words why a session or feed went, or what was lost.
	Reason string
}
