package figure

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   Sample
		want float64
	}{{nil, 0}, {Sample{3}, 3}, {Sample{9, 1, 2}, 2}, {Sample{4, 1, 2, 100}, 3}} {
		if got := c.in.Median(); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.in, got, c.want)
		}
	}
}

func TestPercentilesAreNearestRank(t *testing.T) {
	many := func(n int) (list []time.Duration) {
		for i := range n {
			list = append(list, time.Duration((i*7)%n+1)) // 1 to n, out of order, as 7 divides none of the numbers below
		}
		return list
	}
	for _, c := range []struct {
		n    int
		want Latencies
	}{
		{0, Latencies{}},
		{1, Latencies{1, 1, 1}},
		{2, Latencies{1, 2, 2}},
		{100, Latencies{50, 99, 100}},
		{101, Latencies{51, 100, 101}},
		{200, Latencies{100, 198, 200}},
		{1000, Latencies{500, 990, 1000}},
	} {
		if got := Summarise(many(c.n)); got != c.want {
			t.Errorf("of 1 to %d: %v, want %v", c.n, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Seconds, 1.234, "1.23 s"}, {Seconds, 0.9999, "1 s"}, {Seconds, 0.0123, "12.3 ms"}, {Seconds, 156e-9, "156 ns"}, {Seconds, 0, "0 ns"},
		{Seconds, 83.21, "83.2 s"}, {Seconds, 120, "120 s"},
		{Octets, 60e6, "60 MB"}, {Octets, 1_826_400_000, "1,826 MB"},
		{Prefixes, 15e6, "15 M prefixes/s"}, {Prefixes, 99_960, "100 k prefixes/s"},
		{Messages, 812_345, "812 k messages/s"}, {Messages, 1_612_345, "1.61 M messages/s"},
		{Allocations, 0, "0"}, {Allocations, 44.25, "44.2"}, {Allocations, 0.00461, "0.0046"},
	} {
		if got := c.unit.Format(c.v); got != c.want {
			t.Errorf("%v in unit %d is written %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestSampleShowsItsSpread(t *testing.T) {
	for _, c := range []struct {
		in   Sample
		want string
	}{
		{nil, "—"},
		{Sample{2}, "2 s"},
		{Sample{2, 2.001, 2}, "2 s"},
		{Sample{2.2, 2, 2.5}, "2.2 s (2 to 2.5)"},
		{Sample{0.5, 1, 2}, "1 s (500 ms to 2 s)"},
	} {
		if got := c.in.Format(Seconds); got != c.want {
			t.Errorf("%v is written %q, want %q", []float64(c.in), got, c.want)
		}
	}
}

func rows() []Row {
	return []Row{
		{
			What: "full table, time", Unit: Seconds, Ours: Sample{1, 1.2, 1.1}, Budget: Budget{Limit: 1 / 1.3, Against: "discarding listener", Text: "≤ 1.3 × discarding listener"},
			Alternatives: []Alternative{{Name: "discarding listener", Sample: Sample{1}}, {Name: "GoBGP", Sample: Sample{27.5}, Note: "one run"}},
		},
		{What: "full table, peak memory", Unit: Octets, Ours: Sample{70e6}, Budget: Budget{Limit: 60e6}},
		{
			What: "BMP", Unit: Prefixes, Better: Higher, Ours: Sample{16e6}, Budget: Budget{Limit: 15e6},
			Alternatives: []Alternative{{Name: "gobgp|decode", Sample: Sample{2e6}}},
		},
		{
			What: "MRT", Unit: Seconds, Ours: Sample{2}, Budget: Budget{Limit: 40, Against: "bgpdump -m"},
			Alternatives: []Alternative{{Name: "bgpdump -m", Note: "not installed (Debian package bgpdump)"}},
		},
		{What: "start", Unit: Seconds, Ours: Sample{0.5}},
	}
}

func TestMarkdown(t *testing.T) {
	want := `| what | anywatch | alternatives | ratio | budget | met? |
| --- | --- | --- | --- | --- | --- |
| full table, time | 1.1 s (1 to 1.2) | discarding listener 1 s; GoBGP 27.5 s [one run] | 0.91 ×; 25 × | ≤ 1.3 × discarding listener | yes |
| full table, peak memory | 70 MB |  |  | ≤ 60 MB | no |
| BMP | 16 M prefixes/s | gobgp\|decode 2 M prefixes/s | 8 × | ≥ 15 M prefixes/s | yes |
| MRT | 2 s | bgpdump -m [not installed (Debian package bgpdump)] | — | ≥ 40 × bgpdump -m | not measured |
| start | 500 ms |  |  |  |  |
`
	if got := Markdown(rows()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestText(t *testing.T) {
	want := `full table, time         1.1 s (1 to 1.2)  budget ≤ 1.3 × discarding listener: met
  discarding listener    1 s               0.91 ×
  GoBGP                  27.5 s            25 ×   one run
full table, peak memory  70 MB             budget ≤ 60 MB: NOT MET
BMP                      16 M prefixes/s   budget ≥ 15 M prefixes/s: met
  gobgp|decode           2 M prefixes/s    8 ×
MRT                      2 s               budget ≥ 40 × bgpdump -m: not measured
  bgpdump -m             —                 not installed (Debian package bgpdump)
start                    500 ms
`
	if got := Text(rows()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A budget that compares turns with the direction: twice the rate is as good as half the time.
func TestRatioAndBudgetFollowTheDirection(t *testing.T) {
	for _, c := range []struct {
		better       Direction
		ours, theirs float64
		limit        float64
		ratio        float64
		met          bool
	}{{Lower, 1, 2, 2, 2, true}, {Lower, 2, 1, 1, 0.5, false}, {Higher, 2, 1, 2, 2, true}, {Higher, 1, 2, 1, 0.5, false}} {
		a := Alternative{Name: "other", Sample: Sample{c.theirs}}
		r := Row{Better: c.better, Ours: Sample{c.ours}, Alternatives: []Alternative{a}, Budget: Budget{Limit: c.limit, Against: "other"}}
		if ratio, ok := r.Ratio(a); !ok || ratio != c.ratio {
			t.Errorf("%+v: ratio %v", c, ratio)
		}
		if met, known := r.Met(); !known || met != c.met {
			t.Errorf("%+v: met %v, known %v", c, met, known)
		}
	}
}
