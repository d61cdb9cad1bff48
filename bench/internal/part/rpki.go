package part

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"time"

	bgpfix "github.com/bgpfix/bgpfix/rpki"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// measureRPKI loads a file of VRPs and says how long that took, how much memory the table keeps, and what a question costs: of a thousand watched
// routes, and in the order of a table dump; then the same of bgpfix's cache, which it fills from the table.
//
//	load SECONDS VRPS HEAP    anywatch WATCHED DUMP    bgpfix WATCHED DUMP HEAP    done
//
// Times are in seconds, memory in octets.
func measureRPKI(_ context.Context, t *talk, a *arguments) error {
	file := a.text()
	if a.err != nil {
		return nil
	}
	before, began := heap(), time.Now()
	table, err := rpki.Load([]string{file}, "", time.Time{})
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	kept := heap() - before
	err = t.say("load", took, table.Len(), kept)

	before = heap()
	other := bgpfix.NewCache(nil)
	for v := range table.All() {
		other.AddVRP(true, v.Prefix, v.MaxLength, uint32(v.ASN))
	}
	other.Apply()
	otherKept := heap() - before

	watched, dump := questions(table, max(1, table.Len()/1000)), questions(table, 5)
	ours := func(q question) { table.State(q.prefix, q.origin) }
	theirs := func(q question) { other.ValidateOrigin(q.prefix, uint32(q.origin.AS)) }
	return errors.Join(err,
		t.say("anywatch", each(watched, ours), each(dump, ours)),
		t.say("bgpfix", each(watched, theirs), each(dump, theirs), otherKept),
		t.say("done"))
}

// heap is how much memory is in use after a collection, in octets.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// question is a route to judge.
type question struct {
	prefix netip.Prefix
	origin route.Origin
}

// questions gives every nth prefix of the table, two of three with another AS than it has: the long way round.
func questions(t *rpki.Table, every int) []question {
	var out []question
	n := 0
	for v := range t.All() {
		if n++; n%every == 0 {
			out = append(out, question{v.Prefix, route.Origin{AS: v.ASN + route.ASN(len(out)%3)}})
		}
	}
	return out
}

// each gives how many seconds one question takes, in the mean over a quarter of a second at least.
func each(asked []question, judge func(question)) float64 {
	n, began := 0, time.Now()
	for time.Since(began) < 250*time.Millisecond {
		for _, q := range asked {
			judge(q)
		}
		n += len(asked)
	}
	return time.Since(began).Seconds() / float64(n)
}
