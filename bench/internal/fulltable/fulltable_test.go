package fulltable

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/mrt"
)

const (
	some4 = 6000
	some6 = 1500
)

func TestTableHasWhatWasAskedFor(t *testing.T) {
	table := New(some4, some6)
	seen, count := map[netip.Prefix]bool{}, map[bool]int{}
	watched := netip.MustParsePrefix("100.64.0.0/10")
	for _, g := range table.Groups {
		if n := len(g.Path); n < 2 || n > 6 || g.Path[0] != SenderAS {
			t.Fatalf("path %v", g.Path)
		}
		for _, p := range g.Prefixes {
			if seen[p] || p != p.Masked() || p.Addr().Is6() != g.IPv6() || p.Overlaps(watched) {
				t.Fatalf("%v: twice, not masked, of the other family, or watched", p)
			}
			seen[p] = true
			count[g.IPv6()]++
		}
	}
	if count[false] != some4 || count[true] != some6 || table.Prefixes != some4+some6 {
		t.Errorf("%v of the families, %d in all", count, table.Prefixes)
	}
	if mean := float64(table.Prefixes) / float64(len(table.Groups)); mean < 4.5 || mean > 6.5 {
		t.Errorf("%.2f prefixes in an UPDATE", mean)
	}
	if !bytes.Equal(table.Stream(), New(some4, some6).Stream()) {
		t.Error("the same numbers give another table")
	}
	for _, n := range []int{0, 255, 256, 16383} {
		if !watched.Contains(Watched(n).Addr()) {
			t.Errorf("watched prefix %d is %v", n, Watched(n))
		}
	}
	if Watched(300) == Watched(44) {
		t.Error("two watched prefixes are one")
	}
}

// decoded is what gobgp reads in an UPDATE.
func decoded(t *testing.T, attrs []bgp.PathAttributeInterface, nlri []*bgp.IPAddrPrefix) (g Group, hop string) {
	t.Helper()
	g.MED = -1
	for _, n := range nlri {
		g.Prefixes = append(g.Prefixes, netip.MustParsePrefix(n.String()))
	}
	for _, a := range attrs {
		switch a := a.(type) {
		case *bgp.PathAttributeAsPath:
			for _, s := range a.Value {
				g.Path = append(g.Path, s.GetAS()...)
			}
		case *bgp.PathAttributeMultiExitDisc:
			g.MED = int(a.Value)
		case *bgp.PathAttributeCommunities:
			g.Communities = a.Value
		case *bgp.PathAttributeLargeCommunities:
			for _, c := range a.Values {
				g.Large = append(g.Large, [3]uint32{c.ASN, c.LocalData1, c.LocalData2})
			}
		case *bgp.PathAttributeNextHop:
			hop = a.Value.String()
		case *bgp.PathAttributeMpReachNLRI:
			hop = a.Nexthop.String()
			for _, n := range a.Value {
				g.Prefixes = append(g.Prefixes, netip.MustParsePrefix(n.String()))
			}
		case *bgp.PathAttributeOrigin:
		default:
			t.Fatalf("attribute %v", a)
		}
	}
	return g, hop
}

func sameGroup(t *testing.T, got, want Group, hop string) {
	t.Helper()
	wantHop := NextHop4()
	if want.IPv6() {
		wantHop = NextHop6()
	}
	if !slices.Equal(got.Path, want.Path) || got.MED != want.MED || !slices.Equal(got.Communities, want.Communities) ||
		!slices.Equal(got.Large, want.Large) || !slices.Equal(got.Prefixes, want.Prefixes) || hop != wantHop.String() {
		t.Fatalf("read %+v via %s\nwritten %+v via %s", got, hop, want, wantHop)
	}
}

func TestUpdatesSayWhatTheTableHas(t *testing.T) {
	table := New(some4, some6)
	updates := table.Updates()
	if !bytes.Equal(bytes.Join(updates, nil), table.Stream()) {
		t.Error("the updates are not the stream")
	}
	for i, u := range updates {
		m, err := bgp.ParseBGPMessage(u)
		if err != nil {
			t.Fatal(err)
		}
		body := m.Body.(*bgp.BGPUpdate)
		got, hop := decoded(t, body.PathAttributes, body.NLRI)
		sameGroup(t, got, table.Groups[i], hop)
	}
	m, err := bgp.ParseBGPMessage(Hijack(257))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := decoded(t, m.Body.(*bgp.BGPUpdate).PathAttributes, m.Body.(*bgp.BGPUpdate).NLRI)
	if len(got.Prefixes) != 1 || got.Prefixes[0] != netip.MustParsePrefix("100.65.1.0/24") || got.Path[len(got.Path)-1] != Hijacker {
		t.Errorf("the hijack is %+v", got)
	}
}

// TestMRTFile reads a file with gobgp. IPv6 entries of the table dump are left to bgpdump: gobgp does not read their short MP_REACH_NLRI.
func TestMRTFile(t *testing.T) {
	table := New(some4, some6)
	var file bytes.Buffer
	said, err := table.WriteMRT(&file, MRTFile{Peers: 3, Passes: 2})
	if err != nil {
		t.Fatal(err)
	}
	if said.Octets != file.Len() || said.Routes != table.Prefixes*5 {
		t.Errorf("said %+v of %d octets, %d routes", said, file.Len(), table.Prefixes*5)
	}
	var flat []Group // a group for each prefix, as the table dump has them
	for _, g := range table.Groups {
		for _, p := range g.Prefixes {
			one := g
			one.Prefixes = []netip.Prefix{p}
			flat = append(flat, one)
		}
	}
	records, dumped, updates, last := 0, 0, 0, uint32(0)
	for b := file.Bytes(); len(b) > 0; records++ {
		h, err := mrt.NewMRTHeader(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]), mrt.TABLE_DUMPv2, mrt.PEER_INDEX_TABLE, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.DecodeFromBytes(b[:12]); err != nil {
			t.Fatal(err)
		}
		if h.Timestamp < last {
			t.Fatal("time goes back")
		}
		last = h.Timestamp
		body := b[12 : 12+h.Len]
		b = b[12+h.Len:]
		if h.Type == mrt.TABLE_DUMPv2 && mrt.MRTSubTypeTableDumpv2(h.SubType) == mrt.RIB_IPV6_UNICAST {
			dumped++
			continue
		}
		m, err := mrt.ParseMRTBody(h, body)
		if err != nil {
			t.Fatal(err)
		}
		switch x := m.Body.(type) {
		case *mrt.PeerIndexTable:
			if len(x.Peers) != 3 || x.Peers[2].AS != SenderAS+2 {
				t.Errorf("peers %v", x.Peers)
			}
		case *mrt.Rib:
			checkRIB(t, x, flat[dumped], dumped)
			dumped++
		case *mrt.BGP4MPMessage:
			u := x.BGPMessage.Body.(*bgp.BGPUpdate)
			got, hop := decoded(t, u.PathAttributes, u.NLRI)
			sameGroup(t, got, table.Groups[updates%len(table.Groups)], hop)
			updates++
		}
	}
	if records != said.Records || dumped != table.Prefixes || updates != 2*len(table.Groups) {
		t.Errorf("%d records of %d, %d prefixes, %d updates", records, said.Records, dumped, updates)
	}
}

func checkRIB(t *testing.T, rib *mrt.Rib, want Group, seq int) {
	t.Helper()
	if rib.Prefix.String() != want.Prefixes[0].String() || int(rib.SequenceNumber) != seq || len(rib.Entries) != 3 {
		t.Fatalf("entry %d is %v with %d entries", seq, rib.Prefix, len(rib.Entries))
	}
	for i, e := range rib.Entries {
		got, hop := decoded(t, e.PathAttributes, nil)
		if int(e.PeerIndex) != i || got.Path[0] != SenderAS+uint32(i) {
			t.Fatalf("entry of peer %d begins with AS%d", e.PeerIndex, got.Path[0])
		}
		got.Path[0], got.Prefixes = SenderAS, want.Prefixes
		sameGroup(t, got, want, hop)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestMRTFileTellsOfAFullDisk(t *testing.T) {
	if _, err := New(100, 0).WriteMRT(failing{}, MRTFile{Peers: 1}); err != io.ErrShortWrite {
		t.Errorf("error %v", err)
	}
}

func TestRISLiveMessages(t *testing.T) {
	type message struct {
		Type string
		Data struct {
			Timestamp     float64
			Peer          string
			PeerASN       string `json:"peer_asn"`
			Type          string
			Path          []uint32
			Community     [][2]uint32
			Announcements []struct {
				NextHop  string   `json:"next_hop"`
				Prefixes []string `json:"prefixes"`
			}
			Withdrawals []string
		}
	}
	at := time.Unix(1_790_000_000, 0)
	read := func(b []byte) (m message) {
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		return m
	}
	table := New(some4, some6)
	octets, families := 0, map[bool]bool{}
	list := table.RISLive(2000, at)
	for i, b := range list {
		m, g := read(b), table.Groups[i*31%len(table.Groups)]
		octets += len(b)
		families[g.IPv6()] = true
		if m.Type != "ris_message" || m.Data.Type != "UPDATE" || int64(m.Data.Timestamp) != at.Unix() || len(m.Data.Announcements) != 1 || len(m.Data.Withdrawals) != 0 {
			t.Fatalf("%s", b)
		}
		if a := m.Data.Announcements[0]; a.Prefixes[0] != g.Prefixes[0].String() || !slices.Equal(m.Data.Path[1:], g.Path[1:]) {
			t.Fatalf("%s of %+v", b, g)
		}
	}
	if mean := octets / len(list); mean < 280 || mean > 350 || len(families) != 2 {
		t.Errorf("%d octets in the mean, families %v", mean, families)
	}
	m := read(RISHijack(7, at))
	if m.Data.Announcements[0].Prefixes[0] != "100.64.7.0/24" || m.Data.Path[len(m.Data.Path)-1] != Hijacker {
		t.Errorf("the hijack is %+v", m)
	}
}
