package bmp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/prometheus/client_golang/prometheus"

	"anywatch/collector"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("anywatch_bmp_"+name, help, labels, nil)
}

// What the station itself counts, and what it knows of its routers.
var (
	messagesDesc   = desc("messages_total", "BMP messages by type.", "type")
	refusedDesc    = desc("refused_connections_total", "Connections from addresses that are not in sources.bmp.allow.")
	unreadableDesc = desc("unreadable_connections_total", "Connections that ended because what came was no BMP version 3.")
	ownASDesc      = desc("own_as_paths_total", "Paths that had the router's own AS in front, put there by the router; it was taken off.")
	erroredDesc    = desc("mirrored_errors_total", "Messages that routers could not use themselves, by their Route Mirroring.")
	lostDesc       = desc("mirrored_losses_total", "Reports that messages were lost, by the routers' Route Mirroring.")
	routerDesc     = desc("router_up", "Whether a router that was seen before is connected.", "router")
	peersDesc      = desc("peers", "Peers that a router shows as up, its own tables included.", "router")
)

// What the routers tell in their Statistics Reports.
var (
	routesDesc = desc("peer_routes", "Routes in a table of the router, by its Statistics Reports.", "router", "peer", "view", "family")
	markedDesc = desc("peer_marked_routes", "Routes in a table by what the router made of them, by its Statistics Reports.", "router", "peer", "view", "family", "mark")
	roomDesc   = desc("peer_route_room", "Routes that may still come before a limit of the router is reached.", "router", "peer", "family", "limit")

	rejectedDesc          = desc("peer_rejected_prefixes_total", "Prefixes rejected by inbound policy.", "router", "peer")
	duplicatePrefixDesc   = desc("peer_duplicate_prefixes_total", "Prefixes announced again unchanged.", "router", "peer")
	duplicateWithdrawDesc = desc("peer_duplicate_withdrawals_total", "Prefixes withdrawn that were not there.", "router", "peer")
	duplicateUpdateDesc   = desc("peer_duplicate_updates_total", "Updates received again unchanged.", "router", "peer")
	loopedDesc            = desc("peer_looped_updates_total", "Updates invalidated because of a loop.", "router", "peer", "found_in")
	withdrawUpdateDesc    = desc("peer_treated_as_withdraw_updates_total", "Updates that were treated as withdrawals because of an error (RFC 7606).", "router", "peer")
	withdrawPrefixDesc    = desc("peer_treated_as_withdraw_prefixes_total", "Prefixes that were treated as withdrawn because of an error (RFC 7606).", "router", "peer")
)

// figure is what a figure of a Statistics Report becomes.
type figure struct {
	desc *prometheus.Desc
	view string // of routes and marked routes; "" means after policy, or the Loc-RIB if the peer is that
	what string // the mark, the limit, or where a loop was found
}

// adjIn is the Adj-RIB-In of which a router does not say whether it means before policy or after.
const adjIn = "in"

// figures are the types of the IANA registry BMP Statistics Types: RFC 7854 section 4.8, RFC 8671 section 6.2, RFC 9069 section 5.6 and RFC 9972.
// Types that are not here are kept and not exported.
var figures = map[uint16]figure{
	0: {desc: rejectedDesc}, 1: {desc: duplicatePrefixDesc}, 2: {desc: duplicateWithdrawDesc},
	3: {desc: loopedDesc, what: "cluster-list"}, 4: {desc: loopedDesc, what: "as-path"},
	5: {desc: loopedDesc, what: "originator-id"}, 6: {desc: loopedDesc, what: "confederation"},
	7: {desc: routesDesc, view: adjIn}, 8: {desc: routesDesc, view: "loc-rib"},
	9: {desc: routesDesc, view: adjIn}, 10: {desc: routesDesc, view: "loc-rib"},
	11: {desc: withdrawUpdateDesc}, 12: {desc: withdrawPrefixDesc}, 13: {desc: duplicateUpdateDesc},
	14: {desc: routesDesc, view: "out-pre"}, 15: {desc: routesDesc, view: "out-post"},
	16: {desc: routesDesc, view: "out-pre"}, 17: {desc: routesDesc, view: "out-post"},
	18: {desc: routesDesc, view: "pre"}, 19: {desc: routesDesc, view: "pre"},
	20: {desc: routesDesc, view: "post"}, 21: {desc: routesDesc, view: "post"},
	22: {markedDesc, "pre", "rejected"}, 23: {markedDesc, "post", "accepted"},
	24: {markedDesc, "", "primary"}, 25: {markedDesc, "", "backup"}, 26: {markedDesc, "", "damped"},
	27: {markedDesc, "", "stale"}, 28: {markedDesc, "", "long-lived-stale"},
	29: {desc: roomDesc, what: "received"}, 30: {desc: roomDesc, what: "received"},
	31: {desc: roomDesc, what: "licence"}, 32: {desc: roomDesc, what: "licence"},
	33: {markedDesc, "pre", "path-too-long"}, 34: {markedDesc, "pre", "path-too-long"},
	35: {markedDesc, "post", "rpki-invalid"}, 36: {markedDesc, "post", "rpki-valid"}, 37: {markedDesc, "post", "rpki-not-found"},
	38: {markedDesc, "out-pre", "rejected"}, 39: {markedDesc, "out-pre", "path-too-long"}, 40: {markedDesc, "out-pre", "path-too-long"},
	41: {markedDesc, "out-post", "rpki-invalid"}, 42: {markedDesc, "out-post", "rpki-valid"}, 43: {markedDesc, "out-post", "rpki-not-found"},
}

// maxSeries is how many series of one router are exported. Hundreds of peers with a dozen families fit; a router that shows more than that would
// otherwise fill the memory of whoever collects.
const maxSeries = 20_000

// Describe implements prometheus.Collector.
func (s *Source) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{messagesDesc, refusedDesc, unreadableDesc, ownASDesc, erroredDesc, lostDesc, routerDesc, peersDesc,
		routesDesc, markedDesc, roomDesc, rejectedDesc, duplicatePrefixDesc, duplicateWithdrawDesc, duplicateUpdateDesc, loopedDesc,
		withdrawUpdateDesc, withdrawPrefixDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Source) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for i := range s.totals.types {
		count(messagesDesc, s.totals.types[i].Load(), strings.ReplaceAll(strings.ToLower(typeTotal(i)), " ", "_"))
	}
	count(refusedDesc, s.Refused())
	count(unreadableDesc, s.BadFrames())
	count(ownASDesc, s.OwnAS())
	count(erroredDesc, s.totals.errored.Load())
	count(lostDesc, s.totals.missing.Load())
	for router, connected := range s.feeds.state() {
		up := 0.0
		if connected {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(routerDesc, prometheus.GaugeValue, up, router)
	}
	for name, peers := range s.shown() {
		e := exposition{ch: ch, router: name, seen: make(map[series]bool)}
		e.peers(peers)
	}
}

// shown gives the peers of each router that is connected. Of two connections of one router, the newer counts.
func (s *Source) shown() map[string][]Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string][]Peer, len(s.connections))
	for _, x := range slices.SortedFunc(maps.Keys(s.connections), func(a, b *connection) int { return cmp.Compare(a.number, b.number) }) {
		if name, _, peers := x.stream.Peers(); len(peers) > 0 {
			out[name] = peers
		}
	}
	return out
}

// series is one time series of a router.
type series struct {
	desc               *prometheus.Desc
	peer, view, family string
	what               string
}

// exposition writes the series of one router, each once: two peers of one address, told apart by AS or BGP ID, have the same labels, and the one
// that was told of last counts.
type exposition struct {
	ch     chan<- prometheus.Metric
	router string
	seen   map[series]bool
}

func (e *exposition) peers(list []Peer) {
	up := 0
	for _, p := range slices.Backward(list) {
		if p.Up {
			up++
		}
		for _, stat := range slices.SortedFunc(maps.Keys(p.Stats), Stat.compare) {
			e.figure(p, stat, p.Stats[stat])
		}
	}
	e.ch <- prometheus.MustNewConstMetric(peersDesc, prometheus.GaugeValue, float64(up), e.router)
}

// figure writes one figure of a Statistics Report, if it is one that is exported.
func (e *exposition) figure(p Peer, stat Stat, n uint64) {
	f, known := figures[stat.Type]
	if !known || len(e.seen) >= maxSeries {
		return
	}
	x := series{desc: f.desc, peer: peerLabel(p), view: f.view, family: stat.family(), what: f.what}
	if x.view == "" {
		x.view = "post"
		if p.PeerType == peerLocRIB {
			x.view = "loc-rib"
		}
	}
	labels, kind := []string{e.router, x.peer}, prometheus.GaugeValue
	switch f.desc {
	case routesDesc:
		labels = append(labels, x.view, x.family)
	case markedDesc:
		labels = append(labels, x.view, x.family, x.what)
	case roomDesc:
		x.view = ""
		labels = append(labels, x.family, x.what)
	case loopedDesc:
		x.view, x.family, kind = "", "", prometheus.CounterValue
		labels = append(labels, x.what)
	default:
		x.view, x.family, kind = "", "", prometheus.CounterValue
	}
	if e.seen[x] {
		return
	}
	e.seen[x] = true
	e.ch <- prometheus.MustNewConstMetric(f.desc, kind, float64(n), labels...)
}

// peerLabel names a peer within its router: its address, or that it is the Loc-RIB, and the route distinguisher of its VRF.
func peerLabel(p Peer) string {
	name := p.Peer.String()
	if p.PeerType == peerLocRIB {
		name = "loc-rib"
	}
	if p.RD != 0 {
		name += "/" + collector.RDString(p.RD)
	}
	return name
}

// family names the family that a figure is about; "all" when it is about none in particular.
func (s Stat) family() string {
	if s.AFI == 0 && s.SAFI == 0 {
		return "all"
	}
	if name, known := bgp.AddressFamilyNameMap[bgp.AfiSafiToRouteFamily(s.AFI, s.SAFI)]; known {
		return name
	}
	return fmt.Sprintf("afi-%d-safi-%d", s.AFI, s.SAFI)
}

func (s Stat) compare(t Stat) int {
	return cmp.Or(cmp.Compare(s.Type, t.Type), cmp.Compare(s.AFI, t.AFI), cmp.Compare(s.SAFI, t.SAFI))
}

var _ prometheus.Collector = (*Source)(nil)
