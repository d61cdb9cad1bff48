//go:build data

package bmp

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector/internal/open"
	"anywatch/collector/route"
)

// The other decoder's JSON, as far as it is compared. Alternatives are objects of one key.

type wantMessage struct {
	Header   *wantHeader                  `json:"peer_header"`
	Sent     struct{ Open wantOpen }      `json:"sent_message"`
	Received struct{ Open wantOpen }      `json:"received_message"`
	About    []map[string]any             `json:"information"`
	Counters []map[string]uint64          `json:"counters"`
	Reason   any                          `json:"reason"`
	Update   struct{ Update *wantUpdate } `json:"update_message"`
}

type wantHeader struct {
	Type      map[string]map[string]bool `json:"peer_type"`
	RD        wantRD                     `json:"rd"`
	Address   *string                    `json:"address"`
	AS        uint32                     `json:"peer_as"`
	ID        string                     `json:"bgp_id"`
	Timestamp time.Time                  `json:"timestamp"`
}

type wantRD map[string]struct {
	ASN2, ASN4 *uint32
	IP         *string
	Number     uint32
}

func (w wantRD) String() string {
	for _, d := range w {
		switch {
		case d.IP != nil:
			return fmt.Sprintf("%s:%d", *d.IP, d.Number)
		case d.ASN4 != nil:
			return fmt.Sprintf("%d:%d", *d.ASN4, d.Number)
		}
		return fmt.Sprintf("%d:%d", *d.ASN2, d.Number)
	}
	return "0:0"
}

type wantOpen struct {
	AS     uint32 `json:"my_as"`
	Hold   int    `json:"hold_time"`
	ID     string `json:"bgp_id"`
	Params []struct{ Capabilities []any }
}

type wantUpdate struct {
	Withdrawn  []wantRoute `json:"withdrawn_routes"`
	Attributes []struct {
		Value map[string]json.RawMessage
	} `json:"path_attributes"`
	Announced []wantRoute `json:"nlri"`
}

type wantRoute struct {
	PathID  uint32 `json:"path_id"`
	RD      wantRD `json:"rd"`
	Network string `json:"network"`
	Prefix  string `json:"prefix"`
}

func (w wantRoute) name() string {
	return name(route.NLRI{Prefix: netip.MustParsePrefix(w.Network + w.Prefix).Masked(), PathID: w.PathID})
}

func parse(t *testing.T, from []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(from, to); err != nil {
		t.Fatalf("%v in %s", err, from)
	}
}

// wanted gives a message as lines, in the words of describe.
func wanted(t *testing.T, kind string, body json.RawMessage) string {
	t.Helper()
	var m wantMessage
	parse(t, body, &m)
	types := map[string]uint8{"RouteMonitoring": routeMonitoring, "StatisticsReport": statsReport, "PeerDownNotification": peerDown, "PeerUpNotification": peerUp, "Initiation": initiation}
	typ, known := types[kind]
	if !known {
		t.Fatalf("a message of the kind %s is not compared", kind)
	}
	out := []string{typeName(typ)}
	if m.Header != nil {
		out = append(out, m.Header.line())
	}
	about := map[string]string{}
	for _, tlv := range m.About {
		for what, said := range tlv {
			about[what] = strings.TrimSpace(fmt.Sprint(said))
		}
	}
	switch typ {
	case initiation:
		out = append(out, "name "+about["SystemName"], "software "+about["SystemDescription"])
	case peerUp:
		out = append(out, openLine("sent", m.Sent.Open.message(t)), openLine("received", m.Received.Open.message(t)), "table "+about["VrfTableName"], "says "+about["String"])
	case peerDown:
		out = append(out, reasonLine(t, m.Reason))
	case statsReport:
		out = append(out, m.figures(t)...)
	case routeMonitoring:
		out = append(out, m.Update.Update.lines(t)...)
	}
	return strings.Join(out, "\n")
}

func (h *wantHeader) line() string {
	kinds := map[string]uint8{"GlobalInstancePeer": peerGlobal, "RdInstancePeer": peerRD, "LocalInstancePeer": peerLocal, "LocRibInstancePeer": peerLocRIB}
	bits := map[string]uint8{"ipv6": flagIPv6, "post_policy": flagPost, "asn2": flagTwoAS, "adj_rib_out": flagAdjOut, "filtered": flagIPv6}
	var kind, flags uint8
	for name, set := range h.Type {
		kind = kinds[name]
		for flag, on := range set {
			if on {
				flags |= bits[flag]
			}
		}
	}
	address := "0.0.0.0"
	if h.Address != nil {
		address = *h.Address
	}
	return fmt.Sprintf("peer type %d flags %#x rd %s address %s as %d id %s time %s", kind, flags, h.RD, address, h.AS, h.ID, h.Timestamp.Format(time.RFC3339Nano))
}

// message makes of an OPEN what our reader should have.
func (w wantOpen) message(t *testing.T) open.Message {
	t.Helper()
	m := open.Message{ASN: route.ASN(w.AS), HoldTime: time.Duration(w.Hold) * time.Second, BGPID: netip.MustParseAddr(w.ID)}
	for _, p := range w.Params {
		for _, c := range p.Capabilities {
			addCapability(t, &m, c)
		}
	}
	if m.FourOctet {
		m.ASN = m.Capabilities.ASN
	}
	return m
}

func addCapability(t *testing.T, m *open.Message, c any) {
	t.Helper()
	if name, plain := c.(string); plain {
		m.RouteRefresh = m.RouteRefresh || name == "RouteRefresh" || name == "CiscoRouteRefresh"
		m.EnhancedRefresh = m.EnhancedRefresh || name == "EnhancedRouteRefresh"
		return
	}
	for name, value := range c.(map[string]any) {
		v := value.(map[string]any)
		switch name {
		case "MultiProtocolExtensions":
			m.Multiprotocol, m.Families = true, m.Families.Or(familyOf(v))
		case "FourOctetAs":
			m.FourOctet, m.Capabilities.ASN = true, route.ASN(v["asn4"].(float64))
		case "AddPath":
			for _, f := range v["address_families"].([]any) {
				f := f.(map[string]any)
				if f["send"].(bool) {
					m.Send = m.Send.Or(familyOf(f))
				}
				if f["receive"].(bool) {
					m.Receive = m.Receive.Or(familyOf(f))
				}
			}
		case "GracefulRestartCapability":
			m.Restart, m.RestartTime = true, time.Duration(v["time"].(float64))*time.Second
			for _, f := range v["address_families"].([]any) {
				m.RestartFamilies = m.RestartFamilies.Or(familyOf(f.(map[string]any)))
			}
		case "LongLivedGracefulRestart":
			m.LongLived = true
		case "ExtendedNextHopEncoding", "Fqdn", "Unrecognized":
		default:
			t.Fatalf("the capability %s is not compared", name)
		}
	}
}

func familyOf(v map[string]any) open.Families {
	return map[string]open.Families{
		"Ipv4Unicast": {Unicast: route.IPv4}, "Ipv6Unicast": {Unicast: route.IPv6},
		"Ipv4NlriMplsLabels": {Labelled: route.IPv4}, "Ipv6NlriMplsLabels": {Labelled: route.IPv6},
		"Ipv4MplsLabeledVpn": {VPN: route.IPv4}, "Ipv6MplsLabeledVpn": {VPN: route.IPv6},
	}[v["address_type"].(string)]
}

// reasonLine knows the reasons that the captures hold.
func reasonLine(t *testing.T, reason any) string {
	t.Helper()
	text := fmt.Sprint(reason)
	const reset = "map[Notification:map[CeaseError:map[AdministrativeReset:map[value:[]]]]]"
	switch text {
	case "map[LocalSystemClosedNotificationPduFollows:" + reset + "]":
		return "the router closed the session with NOTIFICATION 6/4 (administrative reset)"
	case "map[RemoteSystemClosedNotificationPduFollows:" + reset + "]":
		return "the peer closed the session with NOTIFICATION 6/4 (administrative reset)"
	}
	t.Fatalf("the reason %s is not compared", text)
	return ""
}

func (m *wantMessage) figures(t *testing.T) []string {
	t.Helper()
	types := map[string]uint16{"NumberOfDuplicatePrefixAdvertisements": 1, "NumberOfDuplicateWithdraws": 2, "NumberOfUpdatesInvalidatedDueToAsPathLoop": 4,
		"NumberOfRoutesInAdjRibIn": 7, "NumberOfRoutesInLocRib": 8}
	stats := map[Stat]uint64{}
	for _, c := range m.Counters {
		for name, n := range c {
			typ, known := types[name]
			if !known {
				t.Fatalf("the figure %s is not compared", name)
			}
			stats[Stat{Type: typ}] = n
		}
	}
	return statLines(stats)
}

// families gives the routes of MP_REACH_NLRI or MP_UNREACH_NLRI by the name of the family, and the next hop.
func families(t *testing.T, value json.RawMessage) (family string, routes []wantRoute, hop string) {
	t.Helper()
	var alternatives map[string]struct {
		NextHop json.RawMessage `json:"next_hop"`
		NLRI    []wantRoute     `json:"nlri"`
	}
	parse(t, value, &alternatives)
	for name, a := range alternatives {
		if a.NextHop != nil && json.Unmarshal(a.NextHop, &hop) != nil {
			var vpn map[string]struct {
				NextHop string `json:"next_hop"`
			}
			parse(t, a.NextHop, &vpn)
			for _, v := range vpn {
				hop = v.NextHop
			}
		}
		return name, a.NLRI, hop
	}
	return "", nil, ""
}

// routesIn counts the routes of all families in a Route Monitoring message.
func routesIn(t *testing.T, body json.RawMessage) (n int) {
	t.Helper()
	var m wantMessage
	parse(t, body, &m)
	if m.Update.Update == nil {
		return 0
	}
	n = len(m.Update.Update.Withdrawn) + len(m.Update.Update.Announced)
	for _, a := range m.Update.Update.Attributes {
		for _, kind := range []string{"MpReach", "MpUnreach"} {
			if a.Value[kind] != nil {
				_, routes, _ := families(t, a.Value[kind])
				n += len(routes)
			}
		}
	}
	return n
}

// lines gives routes and attributes in the words of routes; of a family that is not watched, nothing.
func (u *wantUpdate) lines(t *testing.T) []string {
	t.Helper()
	var routes, rds, attrs []string
	add := func(what string, list []wantRoute) {
		for _, r := range list {
			if routes = append(routes, what+" "+r.name()); r.RD != nil {
				rds = append(rds, "rd "+r.RD.String())
			}
		}
	}
	add("withdrawn", u.Withdrawn)
	add("announced", u.Announced)
	for _, a := range u.Attributes {
		for name, value := range a.Value {
			switch name {
			case "MpReach", "MpUnreach":
				family, list, hop := families(t, value)
				if family == "L2Evpn" {
					continue
				}
				if name == "MpUnreach" {
					add("withdrawn", list)
					continue
				}
				add("announced", list)
				attrs = append(attrs, "next hop "+netip.MustParseAddr(hop).Unmap().String()) // VPN routes of IPv6 over IPv4
			default:
				attrs = append(attrs, attributeWanted(t, name, value)...)
			}
		}
	}
	slices.Sort(routes)
	slices.Sort(rds)
	if !slices.ContainsFunc(routes, func(line string) bool { return strings.HasPrefix(line, "announced") }) {
		attrs = nil // attributes belong to what is announced
	}
	slices.Sort(attrs)
	return slices.Concat(routes, attrs, rds)
}
