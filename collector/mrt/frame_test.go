package mrt_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"anywatch/collector/mrt"
)

// stretch is what Split makes of one place of an input: octets that are no record, then a record.
type stretch struct{ skip, size int }

// whole splits an input that is there at once. Stretches without a record are joined with what follows.
func whole(b []byte) (out []stretch) {
	skipped := 0
	for len(b) > 0 {
		skip, size := mrt.Split(b, true)
		skipped += skip
		if size > 0 {
			out = append(out, stretch{skipped, size})
			skipped = 0
		}
		b = b[skip+size:]
	}
	if skipped > 0 {
		out = append(out, stretch{skipped, 0})
	}
	return out
}

// piecemeal splits an input that arrives in pieces of so many octets.
func piecemeal(b []byte, piece int) (out []stretch) {
	seen, skipped := 0, 0
	for len(b) > 0 {
		seen = min(seen, len(b))
		skip, size := mrt.Split(b[:seen], seen == len(b))
		skipped += skip
		if size > 0 {
			out = append(out, stretch{skipped, size})
			skipped = 0
		}
		if skip+size == 0 {
			seen = min(seen+piece, len(b))
			continue
		}
		b, seen = b[skip+size:], seen-skip-size
	}
	if skipped > 0 {
		out = append(out, stretch{skipped, 0})
	}
	return out
}

func TestSplit(t *testing.T) {
	one := as4(t0, announce("192.0.2.0/24", 64501))
	two := record(t0+1, 13, 1, make([]byte, 300))
	n1, n2 := len(one), len(two)
	noise := bytes.Repeat([]byte{0xEE}, 500)
	tooLong := bytes.Clone(one) // its length reaches into the record after the next one
	tooLong[11] += 40
	tooShort := bytes.Clone(one)
	tooShort[11] -= 8
	huge := join(one[:8], u32(-1), one[12:])
	for _, c := range []struct {
		name  string
		input []byte
		want  []stretch
	}{
		{"records in a row", join(one, two, one), []stretch{{0, n1}, {0, n2}, {0, n1}}},
		{"noise in the middle", join(one, two, noise, one, two), []stretch{{0, n1}, {0, n2}, {500, n1}, {0, n2}}},
		{"noise first", join(noise, one, two), []stretch{{500, n1}, {0, n2}}},
		{"noise last", join(one, two, noise), []stretch{{0, n1}, {0, n2}, {500, 0}}},
		{"the last record is cut", join(one, two[:200]), []stretch{{0, n1}, {200, 0}}},
		{"the last header is cut", join(one, two[:11]), []stretch{{0, n1}, {11, 0}}},
		{"a length that reaches into the next record", join(one, tooLong, two, two), []stretch{{0, n1}, {n1, n2}, {0, n2}}},
		{"a length that is too short", join(one, tooShort, two, two), []stretch{{0, n1}, {0, n1 - 8}, {8, n2}, {0, n2}}},
		{"a length of 4 GB", join(one, huge, two, two), []stretch{{0, n1}, {n1, n2}, {0, n2}}},
		{"a time before 1990", join(one, record(1000, 16, 4), two, two), []stretch{{0, n1}, {12, n2}, {0, n2}}},
		{"an unknown type", join(one, record(t0, 77, 4), two, two), []stretch{{0, n1}, {12, n2}, {0, n2}}},
		{"an unknown subtype", join(one, record(t0, 16, 44), two, two), []stretch{{0, n1}, {12, n2}, {0, n2}}},
		{"nothing but noise", noise, []stretch{{500, 0}}},
		{"an empty record", record(t0, 16, 4), []stretch{{0, 12}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			compare := func(how string, got []stretch) {
				t.Helper()
				if !equal(got, c.want) {
					t.Errorf("%s: got %v, want %v", how, got, c.want)
				}
			}
			compare("whole", whole(c.input))
			for _, piece := range []int{1, 7, 64, 1000} {
				compare("in pieces", piecemeal(c.input, piece))
			}
		})
	}
}

func equal(a, b []stretch) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestCutAnywhere: of a file cut at any place, the whole records before the cut are read and the rest is one stretch.
func TestCutAnywhere(t *testing.T) {
	records := [][]byte{as4(t0, announce("192.0.2.0/24", 64501)), peerIndex(t0), as4(t0, bgp(4)), record(t0, 16, 0, between(2, 1, "198.51.100.1"), u16(6), u16(1))}
	input := join(records...)
	for cut := range len(input) {
		var want []stretch
		rest := cut
		for _, r := range records {
			if rest < len(r) {
				break
			}
			want, rest = append(want, stretch{0, len(r)}), rest-len(r)
		}
		if rest > 0 {
			want = append(want, stretch{rest, 0})
		}
		if got := whole(input[:cut]); !equal(got, want) {
			t.Fatalf("cut at %d: got %v, want %v", cut, got, want)
		}
	}
}

// TestDamage: one damaged octet in a file of many records costs a few records at most.
func TestDamage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var input []byte
	for i := range 200 {
		input = append(input, as4(t0+i, announce("192.0.2.0/24", 64501, 64500+rnd.IntN(9)))...)
	}
	for range 2000 {
		damaged := bytes.Clone(input)
		damaged[rnd.IntN(len(damaged))] ^= byte(1 + rnd.IntN(255))
		good := 0
		for _, s := range whole(damaged) {
			if s.size > 0 {
				good++
			}
		}
		if good < 197 || good > 201 {
			t.Fatalf("%d of 200 records found", good)
		}
	}
}

func TestTime(t *testing.T) {
	if got, want := mrt.Time(record(t0, 16, 4)), time.Unix(t0, 0).UTC(); got != want {
		t.Errorf("BGP4MP: %v, want %v", got, want)
	}
	if got, want := mrt.Time(record(t0, 17, 4, u32(999999))), time.Unix(t0, 999999000).UTC(); got != want {
		t.Errorf("BGP4MP_ET: %v, want %v", got, want)
	}
	for _, b := range [][]byte{record(t0, 17, 4, u32(1000000)), record(t0, 17, 4, u16(1))} {
		if got, want := mrt.Time(b), time.Unix(t0, 0).UTC(); got != want {
			t.Errorf("BGP4MP_ET with impossible microseconds: %v, want %v", got, want)
		}
	}
}
