//go:build data

package detector

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anywatch/rules"
)

// TestRecordedFRR plays the flaps that were recorded with a real FRR running `bgp dampening`, and compares the penalties at each step, within 2 %.
// FRR decays in steps of five seconds and loses what is left of a step when it stores the penalty, so its own value may be as much younger.
func TestRecordedFRR(t *testing.T) {
	data := os.Getenv("ANYWATCH_DATA")
	if data == "" {
		t.Fatal("ANYWATCH_DATA names no directory")
	}
	for _, half := range []int{15, 1} {
		p := cisco
		p.HalfLife, p.MaxSuppress = time.Duration(half)*time.Minute, time.Duration(4*half)*time.Minute
		name := fmt.Sprintf("frr-reference-%d-750-2000-%d.tsv", half, 4*half)
		text, err := os.ReadFile(filepath.Join(data, "..", "lab", "flap", name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
		if len(lines) < 15 {
			t.Errorf("%s has %d rows", name, len(lines))
		}
		playRecorded(t, name, lines, p)
	}
}

func playRecorded(t *testing.T, name string, lines []string, p rules.Dampening) {
	f, profiles := flapRecord{merits: make([]merit, 1)}, []rules.Dampening{p}
	for _, line := range lines {
		var event, suppressed string
		var at, penalty float64
		var flaps int
		if _, err := fmt.Sscan(line, &event, &at, &penalty, &flaps, &suppressed); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		now := begin.Add(time.Duration(at * float64(time.Second)))
		for kind, ev := range map[string]FlapEvent{"withdraw": FlapWithdraw, "announce": FlapReannounce, "attrchange": FlapChange} {
			if strings.HasPrefix(event, kind) {
				f.count(profiles, ev, now)
			}
		}
		ours, younger := f.merits[0].decayed(&p, now), f.merits[0].decayed(&p, now.Add(-5*time.Second))
		if event != "decay" {
			younger = ours
		}
		if penalty < ours*0.98 || penalty > math.Max(ours, younger)*1.02 {
			t.Errorf("%s %s at %.0f s: ours is %.0f, FRR's %.0f", name, event, at, ours, penalty)
		}
		if flaps != f.withdrawals+f.changes {
			t.Errorf("%s %s: %d flaps, FRR counts %d", name, event, f.withdrawals+f.changes, flaps)
		}
		if is := f.merits[0].suppressed && f.merits[0].falls(&p, float64(p.Reuse), f.merits[0].at).After(now); is != (suppressed == "yes") && !f.withdrawn {
			t.Errorf("%s %s at %.0f s: suppressed %v, FRR says %s", name, event, at, is, suppressed)
		}
	}
}
