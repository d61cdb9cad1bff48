package compliance

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// inside gives a random prefix at or inside another, so many bits longer at the most.
func inside(r *rand.Rand, p netip.Prefix, deeper int) netip.Prefix {
	for range r.IntN(deeper + 1) {
		left, right := halves(p)
		if p = left; r.IntN(2) == 0 {
			p = right
		}
	}
	return p
}

// invented gives a small network with VRPs that fit it more or less.
func invented(r *rand.Rand) (in Input, vrps []rpki.VRP) {
	block := pfx("192.0.0.0/20")
	used := make(map[netip.Prefix]bool)
	for range 1 + r.IntN(4) {
		w := Watched{Prefix: inside(r, block, 4), Use: []Use{Always, Always, Optional, Never}[r.IntN(4)], Origins: asns(64500)}
		if used[w.Prefix] {
			continue
		}
		used[w.Prefix] = true
		if r.IntN(3) == 0 {
			w.Origins = asns(64500, 64501)
		}
		switch r.IntN(3) {
		case 0:
			w.UpTo = w.Prefix.Bits() + r.IntN(3)
		case 1:
			w.Listed = []netip.Prefix{inside(r, w.Prefix, 2)}
		}
		if w.Use == Never {
			w.Origins = nil
		}
		in.Watched = append(in.Watched, w)
	}
	for range r.IntN(4) {
		in.Seen = append(in.Seen, Announcement{Prefix: inside(r, block, 6), Origin: route.ASN(64500 + r.IntN(3))})
	}
	for range r.IntN(6) {
		p := inside(r, block, 6)
		vrps = append(vrps, rpki.VRP{Prefix: p, MaxLength: uint8(p.Bits() + r.IntN(4)), ASN: []route.ASN{0, 64500, 64500, 64501, 64666}[r.IntN(5)]})
	}
	in.Ours, in.Looked, in.VRPs = asns(64500), true, 1
	return in, vrps
}

// apply makes one change.
func apply(vrps []rpki.VRP, c Change) []rpki.VRP {
	if c.Action == "create" {
		return append(vrps, *c.ROA)
	}
	var out []rpki.VRP
	for _, v := range vrps {
		switch {
		case !same(v, *c.ROA):
			out = append(out, v)
		case c.Action == "change":
			v.MaxLength = uint8(c.MaxLength)
			out = append(out, v)
		}
	}
	return out
}

// Whatever the network: who makes the changes one after the other never makes a wanted announcement invalid that was not, and finds in the end that
// all which is configured is valid, nothing is loose, and nothing is left to change.
func TestChangesLeadToAgreement(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		in, vrps := invented(r)
		in.Table = tableOf(t, vrps, nil)
		first := Judge(in)
		bad := invalidOf(first)
		for i, c := range first.Changes {
			if c.Action != "create" && !slices.ContainsFunc(vrps, func(v rpki.VRP) bool { return same(v, *c.ROA) }) {
				t.Fatalf("seed %d: %s: there is no such ROA", seed, c)
			}
			vrps = apply(vrps, c)
			if i+1 < len(first.Changes) && c.Action == "create" && first.Changes[i+1].Action == "create" && first.Changes[i+1].ROA.Prefix == c.ROA.Prefix {
				continue // the ROAs of several origins, created together
			}
			in.Table = tableOf(t, vrps, nil)
			now := invalidOf(Judge(in))
			for k := range now {
				if !bad[k] {
					t.Fatalf("seed %d: after %q %s is invalid:\n%v", seed, c, k, lines(first))
				}
			}
			bad = now
		}
		last := Judge(in)
		if len(last.Changes) > 0 || !agrees(last) {
			t.Fatalf("seed %d: %v\nbecomes %v", seed, lines(first), lines(last))
		}
	}
}

// invalidOf names what is wanted and invalid.
func invalidOf(r Report) map[string]bool {
	out := make(map[string]bool)
	for _, row := range r.Rows {
		judged := row.watch != nil && row.Origin != nil && row.watch.allows(*row.Origin)
		if row.State == rpki.Invalid && judged && (row.Configured || row.Announced) {
			out[fmt.Sprint(row.Prefix, *row.Origin)] = true
		}
	}
	return out
}

func agrees(r Report) bool {
	for _, row := range r.Rows {
		if row.Configured && row.State != rpki.Valid {
			return false
		}
		for _, f := range row.Findings {
			switch f {
			case NotAuthorised, ROAMissing, MaxLengthLoose, ROAUnused, ASZeroMissing, ASZero, MaxLengthShort:
				if row.Configured || f == ROAUnused {
					return false
				}
			}
		}
	}
	return true
}

// Nothing of the changes is too much: without any one of them something would still disagree.
func TestChangesAreFew(t *testing.T) {
	for seed := range uint64(600) {
		in, vrps := invented(rand.New(rand.NewPCG(seed, 2)))
		in.Table = tableOf(t, vrps, nil)
		first := Judge(in)
		changes, bad := first.Changes, invalidOf(first)
		for skip := range changes {
			rest := slices.Clone(vrps)
			for i, c := range changes {
				if i != skip {
					rest = apply(rest, c)
				}
			}
			in.Table = tableOf(t, rest, nil)
			r := Judge(in)
			harm := false
			for k := range invalidOf(r) {
				harm = harm || !bad[k]
			}
			if len(r.Changes) == 0 && !harm {
				t.Fatalf("seed %d: without %q all is well too: %v", seed, changes[skip], changes)
			}
		}
	}
}

// The halves of a prefix are all of it.
func TestHalves(t *testing.T) {
	for _, c := range [][3]string{{"192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25"}, {"2001:db8::/32", "2001:db8::/33", "2001:db8:8000::/33"}, {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"}} {
		if l, r := halves(pfx(c[0])); l != pfx(c[1]) || r != pfx(c[2]) {
			t.Errorf("%s: %s and %s", c[0], l, r)
		}
	}
}
