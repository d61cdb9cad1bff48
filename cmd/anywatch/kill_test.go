package main

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"anywatch/cmd/internal/store"
	"anywatch/detector"
)

// TestKilledAtRandom kills the daemon again and again, and accounts for every notification.
func TestKilledAtRandom(t *testing.T) { testKilledAtRandom(t, 40, 20, 1) }

// twoHooks is a configuration where two receivers hear of hijacks. What is over is over at once, so that much happens in little time.
const twoHooks = `
asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24}
  - {prefix: 198.51.100.0/24}
  - {prefix: "2001:db8:53::/48"}
sources:
  bgp:
    listen: ["$BGP"]
    neighbors:
      - {name: transit, address: $R2, asn: 64501, scope: external, add_path: true}
detect: {confirm: {external_vantages: 1}, resolve_after: 0s}
alerts:
  group_wait: 0s
  repeat: 0s
  sinks:
    - {name: first, webhook: {url: "FIRST"}, kinds: [origin-hijack, subprefix-hijack]}
    - {name: second, webhook: {url: "SECOND"}, kinds: [origin-hijack, subprefix-hijack]}
web: {listen: "$WEB"}
`

// hijack is a route that should not be.
type hijack struct {
	prefix string
	origin uint32
}

var hijacks = []hijack{
	{"192.0.2.0/24", 64511}, {"192.0.2.0/24", 64512}, {"192.0.2.128/25", 64511}, {"198.51.100.0/24", 64511}, {"198.51.100.64/26", 64513},
	{"2001:db8:53::/48", 64512}, {"2001:db8:53:7::/64", 64511},
}

// killing is a daemon that is killed again and again, with what happens around it.
type killing struct {
	*station
	random *rand.Rand
	hooks  [2]*moody
	there  [7]bool // which hijacks the router announces
	over   [7]bool // which of them it would send another path of
}

func testKilledAtRandom(t *testing.T, block byte, kills int, seed uint64) {
	bin, err := exec.LookPath("anywatch") // this program under another name: TestMain makes it run as the daemon
	if err != nil {
		t.Fatal(err)
	}
	k := &killing{station: newStation(t, bin, block), random: rand.New(rand.NewPCG(seed, 0)), hooks: [2]*moody{newMoody(t), newMoody(t)}}
	t.Logf("the seed of what happens is %d", seed)
	k.configure(strings.NewReplacer("FIRST", k.hooks[0].url, "SECOND", k.hooks[1].url).Replace(twoHooks))
	for range kills {
		k.killed()
	}
	for _, h := range k.hooks {
		h.becomes(well)
	}
	p := k.launch()
	r := k.present()
	k.rest()
	p.signal(syscall.SIGTERM)
	if status := p.wait(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	_ = r.conn.Close()
	k.reckon()
}

// within gives a random time up to a limit.
func (k *killing) within(limit time.Duration) <-chan time.Time {
	return time.After(time.Duration(k.random.Int64N(int64(limit))))
}

// killed starts the daemon, has things happen, and kills it.
func (k *killing) killed() {
	k.t.Helper()
	for _, h := range k.hooks {
		if x := mood(k.random.IntN(2 * int(moods))); x < moods {
			h.becomes(x)
		} else {
			h.becomes(well)
		}
	}
	p := k.launch()
	if k.random.IntN(8) > 0 { // else it is killed while it starts
		r := k.present()
		for range k.random.IntN(8) {
			k.happen(r)
			<-k.within(30 * time.Millisecond)
		}
		defer func() { _ = r.conn.Close() }()
	}
	<-k.within(300 * time.Millisecond)
	p.signal(syscall.SIGKILL)
	if status := p.wait(); status != -1 {
		k.t.Fatalf("the daemon ended by itself, with status %d: %s", status, p.log.String())
	}
}

// present opens the session and sends the table.
func (k *killing) present() *router {
	k.t.Helper()
	r := k.connect(2, k.bgp, 64501)
	for i, there := range k.there {
		if there {
			k.announceHijack(r, i)
		}
	}
	r.endOfRIB()
	return r
}

// happen announces or withdraws a hijack, or changes its path.
func (k *killing) happen(r *router) {
	k.t.Helper()
	i := k.random.IntN(len(hijacks))
	if k.there[i] && k.random.IntN(4) > 0 {
		k.there[i] = false
		r.withdraw(uint32(i+1), hijacks[i].prefix)
		return
	}
	k.there[i], k.over[i] = true, k.random.IntN(2) == 0
	k.announceHijack(r, i)
}

func (k *killing) announceHijack(r *router, i int) {
	k.t.Helper()
	path := []uint32{64501, hijacks[i].origin}
	if k.over[i] {
		path = []uint32{64501, 64502, hijacks[i].origin} // the AS next to the origin is another, which is told
	}
	r.announce(uint32(i+1), hijacks[i].prefix, path...)
}

// rest waits until the open hijacks are those that the router announces, and nothing waits to be told.
func (k *killing) rest() {
	k.t.Helper()
	h := k.history()
	eventually(k.t, "what is open is what is announced, and all is told", func() bool {
		waiting, err := h.Backlog(context.Background())
		return err == nil && len(waiting) == 0 && k.agrees(h)
	})
}

// agrees tells whether the open hijacks are those that the router announces.
func (k *killing) agrees(h *store.Store) bool {
	list, err := h.OpenIncidents(context.Background())
	if err != nil {
		return false
	}
	open := make(map[hijack]bool)
	for _, c := range list {
		if i := &c.Incident; isHijack(i) {
			open[hijack{i.Prefix.String(), uint32(*i.Origin)}] = true
		}
	}
	for i, there := range k.there {
		if open[hijacks[i]] != there {
			return false
		}
	}
	return true
}

// reckon accounts for all that was written down and told.
func (k *killing) reckon() {
	k.t.Helper()
	a := k.accounts()
	a.oneLifeAtATime()
	opened := 0
	for _, c := range a.changes {
		if c.Event == detector.Opened {
			opened++
		}
	}
	for n, sink := range []string{"first", "second"} {
		took := k.hooks[n].all()
		a.settled(sink, took)
		repeated := a.understood(sink, took)
		k.t.Logf("%s: %d changes of %d incidents, %d lives; %d webhooks taken, %d of them again", sink, len(a.changes), len(a.histories), opened, len(took), repeated)
	}
	if opened < len(hijacks) {
		k.t.Errorf("only %d hijacks were opened: too little for an account", opened)
	}
}
