package compliance

import (
	"math"
	"net/netip"
	"slices"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// Score says in a number how well the RPKI agrees with the configuration and with what is announced.
type Score struct {
	// Counted tells that there is one: without VRPs there is not.
	Counted bool
	Percent float64 // of the best, rounded down to one digit after the point
	// ROA and ASPA are its two parts, in percent too; ROAs and ASPAs tell of how many pairs and origins they are the mean.
	ROA, ASPA   float64
	ROAs, ASPAs int
}

// How says in words how the score is counted.
const How = "80 % of the score is the mean over the pairs of prefix and origin that are configured (a parked prefix is one): 100 points when RPKI-valid, " +
	"40 when not found, 0 when invalid; a valid one loses 25 where a ROA authorises more than is announced, 25 where an AS that is not configured is " +
	"authorised too, and 10 where its ROA is about to expire. 20 % is the mean over the origin ASes: 100 for an ASPA that names exactly the upstreams, 75 for " +
	"one that names too many, 25 for one that lacks some, 0 for none. Where no ASPA can be judged, the first part is the whole."

const (
	roaWeight, aspaWeight = 0.8, 0.2

	pointsNotFound = 40
	lessLoose      = 25
	lessStrangers  = 25
	lessExpiring   = 10
)

var aspaPoints = map[string]float64{ASPAStateComplete: 100, ASPAStateTooWide: 75, ASPAStateIncomplete: 25, ASPAStateMissing: 0}

func (in *audit) score(r Report) Score {
	s := Score{Counted: r.Checked}
	if !r.Checked {
		return s
	}
	for _, points := range in.pairs(r.Rows) {
		s.ROA += points
		s.ROAs++
	}
	for _, a := range r.ASPAs {
		if points, ok := aspaPoints[a.State]; ok {
			s.ASPA += points
			s.ASPAs++
		}
	}
	roa, aspa := mean(s.ROA, s.ROAs), mean(s.ASPA, s.ASPAs)
	switch {
	case s.ROAs == 0 && s.ASPAs == 0:
		s.Counted = false
	case s.ASPAs == 0:
		s.Percent = down(roa)
	case s.ROAs == 0:
		s.Percent = down(aspa)
	default:
		s.Percent = down(roaWeight*roa + aspaWeight*aspa)
	}
	s.ROA, s.ASPA = down(roa), down(aspa)
	return s
}

func mean(sum float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// down rounds so that only what is perfect has 100. The small addition takes back what binary fractions lost.
func down(v float64) float64 { return math.Floor(v*10+1e-6) / 10 }

type pair struct {
	prefix netip.Prefix
	origin route.ASN
}

// pairs gives the points of each pair of prefix and origin that is configured; the worst of its rows counts.
func (in *audit) pairs(list []Row) map[pair]float64 {
	strangers := make(map[netip.Prefix]bool)
	unused := make(map[pair]bool)
	for i := range list {
		r := &list[i]
		if r.watch == nil || r.Origin == nil {
			continue
		}
		if slices.Contains(r.Findings, ROAUnconfigured) {
			strangers[r.watch.Prefix] = true
		}
		if slices.Contains(r.Findings, ROAUnused) {
			unused[pair{r.watch.Prefix, *r.Origin}] = true
		}
	}
	out := make(map[pair]float64)
	for i := range list {
		r := &list[i]
		if !r.Configured && (r.watch == nil || r.watch.Use != Never || r.Origin != nil) || r.planned && !r.Announced && !r.Configured {
			continue
		}
		k := pair{prefix: r.Prefix}
		if r.Origin != nil {
			k.origin = *r.Origin
		}
		points := r.points(strangers[r.watch.Prefix], unused[pair{r.watch.Prefix, k.origin}])
		if had, ok := out[k]; !ok || points < had {
			out[k] = points
		}
	}
	return out
}

func (r *Row) points(strangers, unused bool) float64 {
	switch r.State {
	case rpki.Invalid:
		return 0
	case rpki.Valid:
	default:
		return pointsNotFound
	}
	points := 100.0
	if unused || slices.Contains(r.Findings, MaxLengthLoose) {
		points -= lessLoose
	}
	if strangers {
		points -= lessStrangers
	}
	if slices.Contains(r.Findings, ROAExpiring) {
		points -= lessExpiring
	}
	return points
}
