package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// duration takes what Go does, and days: 90d, 1d12h. Zero is one, less is not.
func duration(w word) (time.Duration, *problem) {
	remedy := "write a number and a unit (ms, s, m, h, d), as 30s, 5m, 2h or 90d"
	d, ok := parseDuration(w.text)
	switch {
	case !ok && isNumber(w.text):
		return 0, &problem{quote(w.text) + " has no unit", remedy}
	case !ok:
		return 0, &problem{quote(w.text) + " is not a duration", remedy}
	case d < 0:
		return 0, &problem{quote(w.text) + " is less than nothing", remedy}
	}
	return d, nil
}

// positive takes a duration that is more than nothing.
func positive(w word) (time.Duration, *problem) {
	d, wrong := duration(w)
	if wrong == nil && d == 0 {
		return 0, &problem{quote(w.text) + " is no time at all", "write more than 0s"}
	}
	return d, wrong
}

// parseDuration takes the days off the front; the rest is Go's.
func parseDuration(s string) (time.Duration, bool) {
	days, rest, dayed := strings.Cut(s, "d")
	if !dayed {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !decimal.MatchString(days) || math.Abs(n*float64(day)) > math.MaxInt64/2 {
		return 0, false
	}
	d := time.Duration(n * float64(day))
	if rest == "" {
		return d, true
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || d < 0 || more > math.MaxInt64/2 {
		return 0, false
	}
	return d + more, true
}

func isNumber(s string) bool { return decimal.MatchString(s) }

// writeDuration writes whole days as such, and leaves out the zeros that Go's own form ends in: 5m rather than 5m0s.
func writeDuration(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
