package mrt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anywatch/collector"
)

// small is a small file of all kinds of records that bring routes, each a prefix of its own.
type small struct {
	records [][]byte
	brings  []string // what each record brings
	needs   []int    // the record without which each can't be read, or itself
}

func newSmall() *small {
	s := &small{}
	add := func(needs int, prefix string, b []byte) {
		if needs < 0 {
			needs = len(s.records)
		}
		s.records, s.brings, s.needs = append(s.records, b), append(s.brings, prefix), append(s.needs, needs)
	}
	peer := between(4, 64501, "198.51.100.1")
	add(-1, "192.0.2.0/28", as4(t0, announce("192.0.2.0/28", 64501)))
	add(-1, "192.0.2.16/28", record(t0, 17, 4, u32(7), peer, announce("192.0.2.16/28", 64501, 64502)))
	add(-1, "192.0.2.32/28", record(t0, 16, 1, between(2, 64501, "198.51.100.1"), update(nil, attributes(2, 64501), nlri(0, "192.0.2.32/28"))))
	add(-1, "", view(t0, ""))
	add(3, "192.0.2.48/28", shows(t0, 0, "192.0.2.48/28"))
	add(3, "192.0.2.64/28", shows(t0, 1, "192.0.2.64/28"))
	add(-1, "192.0.2.80/28", record(t0, 16, 9, peer, update(nil, attributes(4, 64501), nlri(7, "192.0.2.80/28"))))
	add(-1, "192.0.2.0/24", dumped(t0, 1, "192.0.2.0/24"))
	add(-1, "192.0.2.96/28", as4(t0, announce("192.0.2.96/28", 64501)))
	return s
}

// check reads a damaged file, of which the octets from one place to another (in the undamaged one) were touched: all other records are read, in
// their order, and nothing is made up.
func (s *small) check(t *testing.T, damaged []byte, from, to int) {
	t.Helper()
	var want []string
	at := 0
	touched := make([]bool, len(s.records))
	for i, b := range s.records {
		touched[i] = from < at+len(b) && to > at || touched[s.needs[i]]
		at += len(b)
		if !touched[i] && s.brings[i] != "" {
			want = append(want, s.brings[i])
		}
	}
	r := newRig(t)
	r.read(damaged)
	missing := want
	for _, ev := range r.events {
		if ev.Kind == collector.Routes && len(missing) > 0 && ev.Updates[0].Announced[0].Prefix.String() == missing[0] {
			missing = missing[1:]
		}
	}
	if len(missing) > 0 || int(r.in.Tally.Matched) > len(s.records)-1 {
		t.Fatalf("octets %d to %d were touched: of %q, %q were not read; said %v", from, to, want, missing, r.malformed)
	}
	if got := r.in.Tally; int(got.Malformed) != len(r.malformed) || got.Malformed > got.Messages {
		t.Fatalf("octets %d to %d were touched: counted %+v, said %v", from, to, got, r.malformed)
	}
}

// TestNoiseAnywhere: whatever is put in at any place, all records that it does not tear apart are read.
func TestNoiseAnywhere(t *testing.T) {
	s := newSmall()
	good := bytes.Join(s.records, nil)
	rnd := rand.New(rand.NewPCG(3, 4))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Int())
		}
		return b
	}
	for name, make := range map[string]func() []byte{
		"an octet":          func() []byte { return []byte{0} },
		"zeros":             func() []byte { return make([]byte, 1+rnd.IntN(200)) },
		"ones":              func() []byte { return bytes.Repeat([]byte{0xFF}, 1+rnd.IntN(200)) },
		"a line of text":    func() []byte { return []byte("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n") },
		"random octets":     func() []byte { return noise(1 + rnd.IntN(300)) },
		"a page":            func() []byte { return noise(4096) },
		"half a record":     func() []byte { return s.records[1][:len(s.records[1])/2] },
		"a header":          func() []byte { return s.records[1][:12] },
		"the end of one":    func() []byte { return s.records[1][9:] },
		"a header of 1 MB":  func() []byte { return join(s.records[0][:8], u32(1<<20)) },
		"a header of 4 GB":  func() []byte { return join(s.records[0][:8], u32(-1)) },
		"a BGP message":     func() []byte { return announce("203.0.113.0/24", 64501) },
		"an unknown record": func() []byte { return record(t0, 99, 1, noise(20)) },
	} {
		t.Run(name, func(t *testing.T) {
			for at := range len(good) + 1 {
				s.check(t, slices.Insert(bytes.Clone(good), at, make()...), at, at)
			}
		})
	}
}

// TestCutsAnywhere: whatever is left out at any place, all records that lose nothing are read.
func TestCutsAnywhere(t *testing.T) {
	s := newSmall()
	good := bytes.Join(s.records, nil)
	for at := range len(good) {
		for _, n := range []int{1, 2, 3, 5, 12, 13, 40, 77, 200, len(good)} {
			end := min(at+n, len(good))
			s.check(t, slices.Delete(bytes.Clone(good), at, end), at, end)
		}
	}
}

// TestLengthsAnywhere: whatever a record says of its length, all others are read.
func TestLengthsAnywhere(t *testing.T) {
	s := newSmall()
	at := 0
	for i, b := range s.records {
		for length := range 400 {
			if length == len(b)-12 {
				continue
			}
			damaged := slices.Clone(s.records)
			damaged[i] = join(b[:8], u32(length), b[12:])
			if end := at + 12 + length; boundary(s.records, end) {
				continue // the length is that of some records together: nothing tells that it is wrong
			}
			s.check(t, bytes.Join(damaged, nil), at, at+len(b))
		}
		at += len(b)
	}
}

// boundary tells whether a record ends there.
func boundary(records [][]byte, end int) bool {
	at := 0
	for _, b := range records {
		if at += len(b); at == end {
			return true
		}
	}
	return false
}

// TestManyDamages: with a damage in every tenth record, nine of ten are read.
func TestManyDamages(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		var input []byte
		want := 0
		for i := range 500 {
			b := as4(t0+i, announce(fmt.Sprintf("192.0.2.%d/32", i%256), 64501, 64500+rnd.IntN(9)))
			switch {
			case i%10 != 5:
				want++
			case rnd.IntN(2) == 0:
				b = b[:rnd.IntN(len(b))]
			default:
				b = slices.Insert(b, 1+rnd.IntN(len(b)-1), []byte(strings.Repeat("x", 1+rnd.IntN(50)))...)
			}
			input = append(input, b...)
		}
		r := newRig(t)
		r.read(input)
		// A damaged record may still be read, where the damage is behind what it says.
		if got := int(r.in.Tally.Matched); got < want || got > 500 {
			t.Fatalf("%d records were read, want %d: %+v", got, want, r.in.Tally)
		}
	}
}
