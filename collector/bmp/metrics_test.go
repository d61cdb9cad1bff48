package bmp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/osrg/gobgp/v3/pkg/packet/bmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anywatch/collector"
	"anywatch/collector/route"
)

// statistics makes a Statistics Report of figures that are TLVs already.
func statistics(t testing.TB, h bmp.BMPPeerHeader, figures ...[]byte) []byte {
	t.Helper()
	count := binary.BigEndian.AppendUint32(nil, uint32(len(figures)))
	return message(t, statsReport, h, append(count, slices.Concat(figures...)...)...)
}

func counter(typ uint16, n uint32) []byte { return tlv(typ, binary.BigEndian.AppendUint32(nil, n)...) }
func gauge(typ uint16, n uint64) []byte   { return tlv(typ, binary.BigEndian.AppendUint64(nil, n)...) }

func byFamily(typ, afi uint16, safi byte, n uint64) []byte {
	return tlv(typ, binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint16(nil, afi), safi), n)...)
}

// scrape gives what a source exports under a name, one line for each series, sorted.
func scrape(t *testing.T, c prometheus.Collector, names ...string) []string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		short := strings.TrimPrefix(f.GetName(), "anywatch_bmp_")
		if len(names) > 0 && !slices.Contains(names, short) {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			out = append(out, fmt.Sprintf("%s{%s} %v", short, strings.Join(labels, ","), m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	slices.Sort(out)
	return out
}

// reporting makes a source to which a router is connected that sent messages.
func reporting(t *testing.T, frames ...[]byte) *station {
	t.Helper()
	s := start(t, config())
	s.connect("127.0.0.31", append(append([][]byte{initiate(t, "r1")}, frames...), monitoring(t, header(peerIs("10.9.9.9")), announce([]uint32{64999}, "192.0.2.0/24")))...)
	s.wait(collector.Routes)
	return s
}

// Every type of the registry becomes its own series; each is given its number as value.
func TestStatisticsBecomeMetrics(t *testing.T) {
	var figures [][]byte
	families := []uint16{9, 10, 16, 17, 19, 21, 22, 23, 24, 25, 26, 27, 28, 30, 32, 34, 35, 36, 37, 38, 40, 41, 42, 43}
	for typ := range uint16(44) {
		switch {
		case slices.Contains(families, typ):
			figures = append(figures, byFamily(typ, 2, 1, uint64(typ)))
		case typ <= 6 || typ >= 11 && typ <= 13:
			figures = append(figures, counter(typ, uint32(typ)))
		default:
			figures = append(figures, gauge(typ, uint64(typ)))
		}
	}
	figures = append(figures, byFamily(9, 25, 70, 90), byFamily(9, 7, 7, 91), gauge(60_000, 1), counter(65531, 2), tlv(7, 1, 2, 3))
	s := reporting(t, statistics(t, header(), figures...))
	const at = "10.9.0.1"
	want := []string{}
	for _, line := range []string{
		"peer_rejected_prefixes_total{P,r1} 0", "peer_duplicate_prefixes_total{P,r1} 1", "peer_duplicate_withdrawals_total{P,r1} 2",
		"peer_looped_updates_total{cluster-list,P,r1} 3", "peer_looped_updates_total{as-path,P,r1} 4",
		"peer_looped_updates_total{originator-id,P,r1} 5", "peer_looped_updates_total{confederation,P,r1} 6",
		"peer_routes{all,P,r1,in} 7", "peer_routes{all,P,r1,loc-rib} 8", "peer_routes{ipv6-unicast,P,r1,in} 9", "peer_routes{ipv6-unicast,P,r1,loc-rib} 10",
		"peer_treated_as_withdraw_updates_total{P,r1} 11", "peer_treated_as_withdraw_prefixes_total{P,r1} 12", "peer_duplicate_updates_total{P,r1} 13",
		"peer_routes{all,P,r1,out-pre} 14", "peer_routes{all,P,r1,out-post} 15", "peer_routes{ipv6-unicast,P,r1,out-pre} 16", "peer_routes{ipv6-unicast,P,r1,out-post} 17",
		"peer_routes{all,P,r1,pre} 18", "peer_routes{ipv6-unicast,P,r1,pre} 19", "peer_routes{all,P,r1,post} 20", "peer_routes{ipv6-unicast,P,r1,post} 21",
		"peer_marked_routes{ipv6-unicast,rejected,P,r1,pre} 22", "peer_marked_routes{ipv6-unicast,accepted,P,r1,post} 23",
		"peer_marked_routes{ipv6-unicast,primary,P,r1,post} 24", "peer_marked_routes{ipv6-unicast,backup,P,r1,post} 25",
		"peer_marked_routes{ipv6-unicast,damped,P,r1,post} 26", "peer_marked_routes{ipv6-unicast,stale,P,r1,post} 27", "peer_marked_routes{ipv6-unicast,long-lived-stale,P,r1,post} 28",
		"peer_route_room{all,received,P,r1} 29", "peer_route_room{ipv6-unicast,received,P,r1} 30", "peer_route_room{all,licence,P,r1} 31", "peer_route_room{ipv6-unicast,licence,P,r1} 32",
		"peer_marked_routes{all,path-too-long,P,r1,pre} 33", "peer_marked_routes{ipv6-unicast,path-too-long,P,r1,pre} 34",
		"peer_marked_routes{ipv6-unicast,rpki-invalid,P,r1,post} 35", "peer_marked_routes{ipv6-unicast,rpki-valid,P,r1,post} 36", "peer_marked_routes{ipv6-unicast,rpki-not-found,P,r1,post} 37",
		"peer_marked_routes{ipv6-unicast,rejected,P,r1,out-pre} 38", "peer_marked_routes{all,path-too-long,P,r1,out-pre} 39", "peer_marked_routes{ipv6-unicast,path-too-long,P,r1,out-pre} 40",
		"peer_marked_routes{ipv6-unicast,rpki-invalid,P,r1,out-post} 41", "peer_marked_routes{ipv6-unicast,rpki-valid,P,r1,out-post} 42", "peer_marked_routes{ipv6-unicast,rpki-not-found,P,r1,out-post} 43",
		"peer_routes{l2vpn-evpn,P,r1,in} 90", "peer_routes{afi-7-safi-7,P,r1,in} 91",
	} {
		want = append(want, strings.Replace(line, "P", at, 1))
	}
	slices.Sort(want)
	got := slices.DeleteFunc(scrape(t, s.source), func(line string) bool { return !strings.HasPrefix(line, "peer_") })
	same(t, got, want...)
	if len(want) != 46 {
		t.Errorf("%d series are compared, want 46", len(want))
	}
}

// A report replaces the figures of the one before, and those that it leaves out stay.
func TestNewestStatisticsCount(t *testing.T) {
	rib := locRIB(64500)
	rib.PeerDistinguisher = 64500<<32 | 1
	s := reporting(t, statistics(t, header(), gauge(7, 1), counter(0, 5)), statistics(t, header(), gauge(7, 2)), statistics(t, rib, byFamily(27, 1, 1, 3)))
	same(t, scrape(t, s.source, "peer_routes", "peer_rejected_prefixes_total", "peer_marked_routes"),
		"peer_marked_routes{ipv4-unicast,stale,loc-rib/64500:1,r1,loc-rib} 3", "peer_rejected_prefixes_total{10.9.0.1,r1} 5", "peer_routes{all,10.9.0.1,r1,in} 2")
}

// What would be two series of the same labels is one: a scrape must not fail because of what a router tells.
func TestSeriesAreUnique(t *testing.T) {
	m := monitoring(t, header(peerIs("10.9.9.9")), announce([]uint32{64999}, "192.0.2.0/24"))
	s := reporting(t, statistics(t, header(), gauge(7, 1)), statistics(t, header(asn(64998)), gauge(7, 2)))
	same(t, scrape(t, s.source, "peer_routes"), "peer_routes{all,10.9.0.1,r1,in} 2")
	s.connect("127.0.0.31", initiate(t, "r1"), statistics(t, header(), gauge(7, 3)), m)
	s.wait(collector.Routes)
	same(t, scrape(t, s.source, "peer_routes", "router_up"), "peer_routes{all,10.9.0.1,r1,in} 3", "router_up{r1} 1")
}

// However much a router tells, what is exported of it stays bounded.
func TestSeriesAreBounded(t *testing.T) {
	d := deps()
	x := NewStream(StreamConfig{Router: "r1", ASNs: []route.ASN{64500}}, d, collector.SinkFunc(nothing))
	var figures [][]byte
	for i := range 300 {
		figures = append(figures, byFamily(9, 1, byte(i), uint64(i)), byFamily(10, 2, byte(i), uint64(i)))
	}
	for i := range 100 {
		feed(t, x, statistics(t, header(asn(uint32(i)), peerIs(fmt.Sprintf("10.8.0.%d", i))), figures...))
	}
	_, _, peers := x.Peers()
	if n := len(peers[0].Stats); n != maxStats {
		t.Errorf("%d figures of a peer are kept, want %d", n, maxStats)
	}
	ch := make(chan prometheus.Metric, 2*maxSeries)
	e := exposition{ch: ch, router: "r1", seen: make(map[series]bool)}
	e.peers(peers)
	if len(ch) != maxSeries+1 {
		t.Errorf("%d series, want %d and one for the number of peers", len(ch), maxSeries)
	}
}

func TestMetricsOfTheStation(t *testing.T) {
	s := reporting(t, up(t, header(), openMessage(64500, mp4), openMessage(64999, mp4)), monitoring(t, header(), announce([]uint32{64500, 64999}, "192.0.2.0/24")),
		message(t, routeMirroring, header(), slices.Concat(tlv(1, 0, 0), tlv(1, 0, 1))...), raw(3, 6, 99))
	s.connect("127.0.0.32", initiate(t, "r2"), monitoring(t, header(), announce([]uint32{64999}, "192.0.2.0/24")))
	for s.wait(collector.Routes).Vantage.Router != "r2" {
	}
	ended(t, s.connect("127.1.0.1"))
	ended(t, s.connect("127.0.0.33", raw(4, 6, 4)))
	late := s.connect("127.0.0.34", initiate(t, "r3"))
	_ = late.Close()
	s.wait(collector.FeedDown)
	_ = s.stop() // what the streams counted is in the totals now
	same(t, scrape(t, s.source, "messages_total", "refused_connections_total", "unreadable_connections_total", "own_as_paths_total", "mirrored_errors_total",
		"mirrored_losses_total", "router_up"),
		"messages_total{initiation} 3", "messages_total{peer_down} 0", "messages_total{peer_up} 1", "messages_total{route_mirroring} 1", "messages_total{route_monitoring} 3",
		"messages_total{statistics_report} 0", "messages_total{termination} 0", "messages_total{unknown} 1",
		"mirrored_errors_total{} 1", "mirrored_losses_total{} 1", "own_as_paths_total{} 1", "refused_connections_total{} 1",
		"router_up{r1} 0", "router_up{r2} 0", "router_up{r3} 0", "unreadable_connections_total{} 1")
}

func TestMetricsFollowTheRules(t *testing.T) {
	s := reporting(t, statistics(t, header(), counter(0, 1), counter(1, 1), counter(2, 1), counter(3, 1), gauge(7, 1), counter(11, 1), counter(12, 1), counter(13, 1),
		byFamily(22, 1, 1, 1), gauge(29, 1)))
	same(t, scrape(t, s.source, "peers"), "peers{r1} 0")
	problems, err := testutil.CollectAndLint(s.source)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, error %v", problems, err)
	}
	if n := testutil.CollectAndCount(s.source); n != 8+5+1+1+10 {
		t.Errorf("%d series", n)
	}
}
