package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anywatch/detector"
)

// TestTracker plays probes, one a second: s succeeds, f fails, u can't be made. Each line of what is wanted is a piece of news: when it came, the
// state, and since when.
func TestTracker(t *testing.T) {
	for _, c := range []struct {
		name, probes string
		failAfter    int
		want         string
	}{
		{"the first success is enough", "ss", 3, "1 up since 1"},
		{"one failure is no outage", "sffsffs", 3, "1 up since 1"},
		{"failures in a row are", "sfff", 3, "1 up since 1|4 down since 2"},
		{"failing from the start", "fff", 3, "3 down since 1"},
		{"one is enough where it is configured", "sf", 1, "1 up since 1|2 down since 2"},
		{"one success is no recovery", "sfffsfsfss", 3, "1 up since 1|4 down since 2|10 up since 9"},
		{"what can't be made breaks no row", "sfufuf", 3, "1 up since 1|6 down since 2"},
		{"it is unknown when it can't be made for long", "suuu", 3, "1 up since 1|4 unknown since 2"},
		{"never asked", "uuu", 3, "1 unknown since 0"},
		{"back from unknown to what it was: up", "suuus", 3, "1 up since 1|4 unknown since 2|5 up since 5"},
		{"back from unknown to what it was: down", "fffuuuf", 3, "3 down since 1|6 unknown since 4|7 down since 7"},
		{"from down through unknown to up takes a recovery", "fffuuuss", 3, "3 down since 1|6 unknown since 4|8 up since 7"},
		{"from up through unknown to down takes an outage", "suuufff", 3, "1 up since 1|4 unknown since 2|7 down since 5"},
	} {
		zero := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
		tr := newTracker(Check{Site: "ams", Probe: TCP{"127.0.0.1:1"}, FailAfter: c.failAfter}, zero)
		var got []string
		for i, p := range c.probes {
			o := map[rune]Outcome{'s': up(), 'f': down("refused"), 'u': unasked("no route")}[p]
			if tr.note(o, zero.Add(time.Duration(i+1)*time.Second)) {
				h := tr.health()
				got = append(got, fmt.Sprintf("%d %s since %d", i+1, h.State, int(h.Since.Sub(zero).Seconds())))
			}
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.name, c.probes, s, c.want)
		}
	}
}

// Another reason of the same outage is news, and does not begin it anew.
func TestTrackerReason(t *testing.T) {
	zero := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	tr := newTracker(Check{Site: "ams", Probe: TCP{"127.0.0.1:1"}, FailAfter: 1}, zero)
	tr.note(down("refused"), zero.Add(time.Second))
	if tr.note(down("refused"), zero.Add(2*time.Second)) {
		t.Error("the same again is news")
	}
	if !tr.note(down("no answer within 5s"), zero.Add(3*time.Second)) {
		t.Error("another reason is no news")
	}
	want := detector.Health{Site: "ams", State: detector.HealthDown, Since: zero.Add(time.Second), Check: "tcp 127.0.0.1:1", Reason: "no answer within 5s"}
	if got := tr.health(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
