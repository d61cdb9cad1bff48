package app

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
	"github.com/osrg/gobgp/v3/pkg/packet/mrt"
	"golang.org/x/tools/txtar"

	"anywatch/cmd/internal/config"
	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/route"
	"anywatch/detector"
	"anywatch/rules/propose"
)

// inDoubt finds the lines that somebody would put in force by taking "# " away; what only a person can fill in is not among them.
var inDoubt = regexp.MustCompile(`(?m)^( *)# ( *(?:- (?:prefix|name): |- [0-9]|twin: |scope: |min_sites: |origins: |upstreams: |match: \[\{|sites: \[[a-z]|(?:defaults|sites|more_specifics|upstreams):$).*)$`)

// What is proposed is a configuration as it stands, also when it is put in force with all that is in doubt.
func TestProposalsAreAccepted(t *testing.T) {
	files, err := filepath.Glob("../../../rules/propose/testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no proposals: %v", err)
	}
	accepted := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "anywatch.yaml" {
				continue
			}
			accepted++
			for _, text := range []string{string(f.Data), inDoubt.ReplaceAllString(string(f.Data), "$1$2")} {
				if _, err := config.Parse(filepath.Base(file), []byte(text), t.TempDir()); err != nil {
					t.Errorf("%v\n%s", err, text)
				}
			}
		}
	}
	if accepted < 5 {
		t.Errorf("only %d proposals", accepted)
	}
}

// tape is an MRT file in the making: the table of a route reflector with Add-Path and of two networks outside, and updates after it.
type tape struct {
	t     *testing.T
	b     bytes.Buffer
	at    time.Time
	peers []*mrt.Peer
}

func newTape(t *testing.T) *tape {
	return &tape{t: t, at: time.Date(2026, 3, 1, 18, 0, 0, 0, time.UTC), peers: []*mrt.Peer{
		mrt.NewPeer("10.0.0.1", "10.0.0.1", 64500, true), mrt.NewPeer("10.9.0.1", "10.9.0.1", 64496, true), mrt.NewPeer("10.9.0.2", "10.9.0.2", 64497, true),
	}}
}

func (w *tape) record(kind mrt.MRTType, subtype mrt.MRTSubTyper, body mrt.Body) {
	w.t.Helper()
	m, err := mrt.NewMRTMessage(uint32(w.at.Unix()), kind, subtype, body)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := m.Serialize()
	if err != nil {
		w.t.Fatal(err)
	}
	w.b.Write(b)
}

// table begins a table.
func (w *tape) table() {
	w.t.Helper()
	w.record(mrt.TABLE_DUMPv2, mrt.PEER_INDEX_TABLE, mrt.NewPeerIndexTable("10.0.0.254", "", w.peers))
}

// holds writes an entry of the table: a path of the reflector, when it has a site, else of a network outside.
func (w *tape) holds(peer uint16, prefix string, site byte, path ...uint32) {
	w.t.Helper()
	a := outside(path)
	subtype := mrt.RIB_IPV4_UNICAST
	if site > 0 {
		subtype, a = mrt.RIB_IPV4_UNICAST_ADDPATH, inside(site)
	}
	e := mrt.NewRibEntry(peer, uint32(w.at.Unix()), uint32(site), a, site > 0)
	w.record(mrt.TABLE_DUMPv2, subtype, mrt.NewRib(1, bgp.NewIPAddrPrefix(bits(prefix), address(prefix)), []*mrt.RibEntry{e}))
}

func outside(path []uint32) []bgp.PathAttributeInterface {
	as := bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, path)})
	return []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(0), as, bgp.NewPathAttributeNextHop("10.9.0.1")}
}

// inside is what the reflector says of a path: by which router it came, and of which site that is.
func inside(site byte) []bgp.PathAttributeInterface {
	router := netip.AddrFrom4([4]byte{10, 0, site, 1}).String()
	return []bgp.PathAttributeInterface{
		bgp.NewPathAttributeOrigin(0), bgp.NewPathAttributeAsPath(nil), bgp.NewPathAttributeNextHop(router), bgp.NewPathAttributeLocalPref(100),
		bgp.NewPathAttributeCommunities([]uint32{64500<<16 | 100 + uint32(site)}), bgp.NewPathAttributeOriginatorId(router),
	}
}

func bits(p string) uint8     { return uint8(netip.MustParsePrefix(p).Bits()) }
func address(p string) string { return netip.MustParsePrefix(p).Addr().String() }

// says writes an update of a peer: what it announces, with a path, and what it withdraws with none.
func (w *tape) says(peer int, path []uint32, prefixes ...string) {
	w.t.Helper()
	w.at = w.at.Add(time.Minute)
	var list []*bgp.IPAddrPrefix
	for _, p := range prefixes {
		list = append(list, bgp.NewIPAddrPrefix(bits(p), address(p)))
	}
	m := bgp.NewBGPUpdateMessage(list, nil, nil)
	if path != nil {
		m = bgp.NewBGPUpdateMessage(nil, outside(path), list)
	}
	p := w.peers[peer]
	w.record(mrt.BGP4MP, mrt.MESSAGE_AS4, mrt.NewBGP4MPMessage(p.AS, 64999, 0, p.IpAddress.String(), "10.0.0.254", true, m))
}

// network is a table and updates: three sites, a service at two of them, a hijack that came and went, other people's routes.
func network(t *testing.T) []byte {
	w := newTape(t)
	w.table()
	for _, site := range []byte{1, 2, 3} {
		w.holds(0, "192.0.2.0/24", site)
	}
	w.holds(0, "198.51.100.0/24", 1)
	w.holds(0, "198.51.100.0/24", 2)
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24"} {
		w.holds(1, p, 0, 64496, 64500)
		w.holds(2, p, 0, 64497, 64500, 64500)
	}
	w.holds(2, "8.8.8.0/24", 0, 64497, 15169)
	w.says(2, []uint32{64497, 64666}, "198.51.100.0/24", "9.9.9.0/24") // in one update with what is none of ours
	w.says(2, []uint32{64497, 64500, 64510}, "203.0.113.0/24")
	w.says(2, []uint32{64497, 64500, 64500}, "198.51.100.0/24")
	return w.b.Bytes()
}

const networkProposed = `# From: %s; newest record 2026-03-01T18:03:00Z.
# Read: 14 records.
# Vantages: 2 outside, 1 inside our network; whole tables from 3.

asns: [64500]  # told by routes with an empty AS_PATH; name others with --asn

defaults:
  upstreams:
    - 64496       # 1 of 2 vantages, itself among them, 2 prefixes
    - 64497       # 1 of 2 vantages, itself among them, 2 prefixes
    # Only 2 vantages from outside showed this: there may be others.
  # min_sites: 2  # fewer sites than this is critical; 3 were seen

prefixes:
  - prefix: 192.0.2.0/24     # 2 of 2 vantages, and inside
  - prefix: 198.51.100.0/24  # 2 of 2 vantages, and inside
    sites: [site-101, site-102]
    # Seen also with origin AS64666 by 1 of 3 vantages, none in the end: left out; add it to origins if it is yours.

# Left out: 1 prefix of others whose paths lead through our ASes, with origin AS64510 (1).

sites:
  - name: site-101
    # location: {city: …, country: …}  # routes don't tell where it is
    match: [{community: "64500:101"}]  # 2 prefixes; router 10.0.1.1
  - name: site-102
    # location: {city: …, country: …}  # routes don't tell where it is
    match: [{community: "64500:102"}]  # 2 prefixes; router 10.0.2.1
  - name: site-103
    # location: {city: …, country: …}  # routes don't tell where it is
    match: [{community: "64500:103"}]  # 1 prefix; router 10.0.3.1
`

// proposal reads inputs and writes what comes of them, without its first line and its last ones, which are always the same.
func proposal(t *testing.T, g Generate) string {
	t.Helper()
	g.Report = func(p archive.Problem) { t.Errorf("passed over: %v", p) }
	seen, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := propose.Write(seen)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, "\n# Still to be written")
	return text
}

func wantProposal(t *testing.T, got, from string) {
	t.Helper()
	want := strings.Replace(networkProposed, "%s", from, 1)
	_, got, _ = strings.Cut(got, "asns:")
	_, want, _ = strings.Cut(want, "asns:")
	if got != want {
		t.Errorf("from %s:\n%s", from, got)
	}
}

// From a file, from standard input, from a pipe with a name: the same is proposed, and what is read twice is copied only where it must be.
func TestGenerate(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "rr1.mrt")
	if err := os.WriteFile(file, network(t), 0o600); err != nil {
		t.Fatal(err)
	}
	got := proposal(t, Generate{Inputs: []string{file}})
	wantProposal(t, got, file)
	if !strings.Contains(got, "newest record 2026-03-01T18:03:00Z") {
		t.Errorf("it begins with\n%s", got)
	}
	piped := proposal(t, Generate{Inputs: []string{"-"}, Stdin: bytes.NewReader(network(t))})
	wantProposal(t, piped, "standard input")
	if !strings.Contains(piped, "# From: standard input;") {
		t.Errorf("it begins with\n%s", piped)
	}

	fifo := filepath.Join(t.TempDir(), "rr1")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(fifo, network(t), 0) }()
	wantProposal(t, proposal(t, Generate{Inputs: []string{fifo}}), fifo)
	if err := <-written; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Under the proposed configuration nothing is wrong with what it was made from, but for what it says in comments.
func TestProposalIsQuiet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rr1.mrt")
	if err := os.WriteFile(file, network(t), 0o600); err != nil {
		t.Fatal(err)
	}
	seen, err := Generate{Inputs: []string{file}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := propose.Write(seen)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("anywatch.yaml", []byte(text+"detect: {confirm: {external_vantages: 1}}\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Replay{Config: c, Inputs: []string{file}, Emit: func(detector.Change) {}, Report: func(archive.Problem) {}, Tail: time.Hour}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []detector.Kind{detector.NewPrefix, detector.MoreSpecific, "site-missing", "site-unexpected", "unexpected-upstream", "too-few-sites"} {
		if sum.Incidents[kind] > 0 {
			t.Errorf("%s: %v", kind, sum.Incidents)
		}
	}
	if sum.Incidents[detector.OriginHijack] != 1 {
		t.Errorf("the hijack in the recording is not reported: %v", sum.Incidents)
	}
}

// A table that is shown again ends what it doesn't hold any more.
func TestGenerateFromTwoTables(t *testing.T) {
	w := newTape(t)
	w.table()
	w.holds(1, "192.0.2.0/24", 0, 64496, 64500)
	w.holds(1, "198.51.100.0/24", 0, 64496, 64500)
	w.at = w.at.Add(time.Hour)
	w.table()
	w.holds(1, "192.0.2.0/24", 0, 64496, 64500)
	got := proposal(t, Generate{ASNs: []route.ASN{64500, 64500}, Inputs: []string{"-"}, Stdin: &w.b})
	for _, want := range []string{"asns: [64500]\n", "\n  - prefix: 192.0.2.0/24  ", "\n  # - prefix: 198.51.100.0/24  # withdrawn by the one vantage that showed it, the last time at 2026-03-01T19:00:00Z\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Who does not tell that an AS is ours is asked to be told.
func TestGenerateWithoutASNs(t *testing.T) {
	w := newTape(t)
	w.table()
	w.holds(1, "192.0.2.0/24", 0, 64496, 64500)
	_, err := Generate{Inputs: []string{"-"}, Stdin: &w.b}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--asn") {
		t.Errorf("%v", err)
	}
	if _, err := (Generate{ASNs: []route.ASN{64500}, Inputs: []string{filepath.Join(t.TempDir(), "nothing")}}).Run(t.Context()); err == nil {
		t.Error("a file that there is not is read")
	}
}

// A search for our own AS ends early in a large table of others.
func TestDiscoveryEnds(t *testing.T) {
	d := &discoverer{own: map[route.ASN]bool{}, routers: map[route.ASN]bool{}}
	ev := collector.Event{Kind: collector.Routes, Vantage: &collector.Vantage{Local: 64496}, Updates: make([]route.Update, 1<<10)}
	n := 0
	for ; d.Emit(t.Context(), ev) == nil; n++ {
		if n > enoughToDiscover {
			t.Fatal("it never ends")
		}
	}
	if n != enoughToDiscover>>10 || len(d.own)+len(d.routers) > 0 {
		t.Errorf("after %d events: %v, %v", n, d.own, d.routers)
	}
}
