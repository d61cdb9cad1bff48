// Package figure is what becomes of the measurements: medians and percentiles, ratios, and the table that shows them.
package figure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sample is one value for each run.
type Sample []float64

// Median is the value in the middle, of an even number of runs the mean of the two in the middle. It is zero for no run.
func (s Sample) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Latencies sums up how long many things took.
type Latencies struct{ P50, P99, Max time.Duration }

// Summarise gives the nearest-rank percentiles: P99 is the smallest value that at least 99 in 100 do not exceed.
func Summarise(all []time.Duration) Latencies {
	if len(all) == 0 {
		return Latencies{}
	}
	sorted := slices.Sorted(slices.Values(all))
	rank := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return Latencies{P50: rank(50), P99: rank(99), Max: sorted[len(sorted)-1]}
}

// Unit says what a value counts, and how it is written.
type Unit uint8

// The units; values are in the unit without a prefix: seconds, octets.
const (
	Seconds     Unit = iota // a time, in s, ms, µs or ns
	Octets                  // memory, in MB of 10⁶ octets
	Prefixes                // a second
	Messages                // a second
	Allocations             // of memory, for each message
)

// Format writes a value with three digits and its unit.
func (u Unit) Format(v float64) string {
	switch u {
	case Seconds:
		return scaled(v, []step{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}})
	case Octets:
		return scaled(v, []step{{1e6, "MB"}})
	case Prefixes:
		return scaled(v, []step{{1e6, "M prefixes/s"}, {1e3, "k prefixes/s"}, {1, "prefixes/s"}})
	case Messages:
		return scaled(v, []step{{1e6, "M messages/s"}, {1e3, "k messages/s"}, {1, "messages/s"}})
	}
	return digits(v)
}

type step struct {
	size float64
	name string
}

func scaled(v float64, steps []step) string {
	for _, s := range steps {
		if v >= s.size*0.9995 {
			return digits(v/s.size) + " " + s.name
		}
	}
	last := steps[len(steps)-1]
	return digits(v/last.size) + " " + last.name
}

// digits writes a number with three significant digits, two of a very small one, or all those before the point, in groups of three.
func digits(v float64) string {
	decimals := 0
	switch {
	case v >= 999.5:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case v > 0 && v < 0.0995:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func grouped(s string) string {
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Format writes the median, and in brackets the least and the largest value where they are written differently.
func (s Sample) Format(u Unit) string {
	if len(s) == 0 {
		return "—"
	}
	text, low, high := u.Format(s.Median()), u.Format(slices.Min(s)), u.Format(slices.Max(s))
	if low == high {
		return text
	}
	if lowNumber, unit, ok := strings.Cut(low, " "); ok && strings.HasSuffix(high, " "+unit) {
		low = lowNumber
		high = strings.TrimSuffix(high, " "+unit)
	}
	return fmt.Sprintf("%s (%s to %s)", text, low, high)
}
