package mrt_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"anywatch/collector/mrt"
)

// TestNoAllocation: records that nobody watches cost no allocation.
func TestNoAllocation(t *testing.T) {
	r := newRig(t)
	input := join(
		as4(t0, announce("203.0.113.0/24", 64501, 64502)),
		record(t0, 17, 4, u32(250000), between(4, 200000, "2001:db8:9::2"), announce("203.0.113.0/24", 200000)),
		record(t0, 16, 1, between(2, 64501, "198.51.100.1"), update(nil, attributes(2, 64501, 64502), nlri(0, "203.0.113.0/24"))),
		record(t0, 16, 5, between(4, 64501, "198.51.100.1"), u16(1), u16(3)),
		as4(t0, bgp(4)),
		peerIndex(t0),
		record(t0, 13, 2, u32(0), nlri(0, "203.0.113.0/24"), u16(2), rib(0, attributes(4, 64501)), rib(1, attributes(4, 200000))),
		record(t0, 12, 1, u16(0), u16(1), addr("203.0.113.0"), []byte{24, 1}, u32(t0), addr("198.51.100.1"), u16(64501), u16(len(attributes(2, 64501))), attributes(2, 64501)),
	)
	pass := func() {
		for b := input; len(b) > 0; {
			_, size := mrt.Split(b, true)
			if err := r.stream.Record(context.Background(), b[:size]); err != nil {
				t.Fatal(err)
			}
			b = b[size:]
		}
	}
	pass() // peers are learnt
	if n := testing.AllocsPerRun(100, pass); n != 0 {
		t.Errorf("%v allocations in a pass over records that nobody watches, want 0", n)
	}
}

// generated is a file of so many updates as collectors write them: bursts from 40 peers, six routes and a path of five ASes each.
func generated(updates int) (b []byte) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range updates {
		peer := 1 + rnd.IntN(40)
		var routes []byte
		for range 1 + rnd.IntN(11) {
			routes = append(routes, 24, byte(1+rnd.IntN(220)), byte(rnd.Int()), byte(rnd.Int()))
		}
		path := []int{64512 + peer, 1 + rnd.IntN(60000), 1 + rnd.IntN(60000), 1 + rnd.IntN(400000), 1 + rnd.IntN(400000)}
		b = append(b, record(t0+i/200, 16, 4, between(4, 64512+peer, fmt.Sprintf("198.51.100.%d", peer)), update(nil, attributes(4, path...), routes))...)
	}
	return b
}

// BenchmarkReplayMRT reads updates that nobody watches, from memory.
func BenchmarkReplayMRT(b *testing.B) {
	input := generated(20000)
	r := newRig(b)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		r.read(input)
	}
	b.ReportMetric(float64(r.in.Tally.Messages)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(r.in.Tally.Prefixes)/b.Elapsed().Seconds(), "prefixes/s")
}
