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
	// TableBegins: the vantage shows its table of some families again, within its session: a route refresh (RFC 7313), or another table dump
	// of an archive. What is not announced again until EndOfRIB or Synchronised is gone.
	TableBegins
	// PrefixLimit: how many prefixes the vantage announces has passed the limit that the operator set, or come back below it.
	PrefixLimit
	// FeedDown: a feed (a BGP neighbor, a BMP router, a server, a topic, a command) is lost, silent, or has never come up. It is about the feed
	// and has no vantage; what becomes of the routes is told by FeedLost, of each vantage.
	FeedDown
	// FeedUp: a feed that was down is back, or nobody wants it any more.
	FeedUp
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"", "routes", "peer-up", "peer-down", "feed-lost", "end-of-rib", "synchronised", "gap", "heard", "table-begins", "prefix-limit", "feed-down", "feed-up"}[k]
}

// Event is one thing that happened at one vantage. Events of a session arrive in the order in which they happened.
type Event struct {
	Kind    Kind
	Time    time.Time // the sender's time where it gives a credible one, else the time of arrival
	Vantage *Vantage  // nil with FeedDown and FeedUp
	// Feed is what FeedDown and FeedUp are about, named as people know it: bgp:rr1, bmp:ams-edge1, rislive:ris.example.net.
	Feed string
	// Updates are what Routes brings; shared, not to be changed.
	Updates []route.Update
	// Table says that the routes are part of a table dump: state, not change.
	Table bool
	// Prefixes and Limit are what PrefixLimit tells: how many prefixes the vantage announces, and how many it may.
	Prefixes, Limit int
	// Family of an EndOfRIB or TableBegins; with PeerUp the families that the session carries, zero when unknown.
	Family route.Family
	// Keep is how long stale routes are kept after FeedLost, when the peer asked for a graceful restart (RFC 4724 section 3); zero leaves it
	// to the configuration. With FeedDown it is how long the feed may take to come back before anybody has to know.
	Keep time.Duration
	// Reason says in words why a session or feed went, or what was lost.
	Reason string
}
