package store

import (
	"fmt"
	"testing"
	"time"

	"anywatch/detector"
)

// found lists the ids of incidents whose summary contains a text.
func found(t *testing.T, s *Store, f Filter) []string {
	t.Helper()
	list, _, err := s.Incidents(t.Context(), f, Page{Limit: pageMost})
	check(t, err)
	return ids(list)
}

// TestTextsAreFoundAtAnyTime: before the index of texts has read a summary, when it has, after the summary changed, after the incident is gone, and
// in the next run.
func TestTextsAreFoundAtAnyTime(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		now := newClock()
		s := open(t, still(address, now))
		c := opened(1, noon)
		c.Incident.Summary = `Prüfung of "dns-a" at AMS`
		record(t, s, []Change{c, opened(2, noon)})
		id := c.Incident.ID
		look := func(when string, some ...string) {
			t.Helper()
			for _, text := range some {
				equal(t, fmt.Sprintf("%s, %q", when, text), fmt.Sprint(found(t, s, Filter{Text: text})), fmt.Sprint([]string{id}))
			}
		}
		words := []string{`"DNS-A" at`, "ams", "prü", "üfu", "MS", "ü", `Prüfung of "dns-a" at AMS`}
		look("at once", words...)
		s.readTexts(t.Context())
		look("when it is read", words...)
		equal(t, "what is in none", len(found(t, s, Filter{Text: "dns-b"})), 0)

		c.Event, c.Incident.Summary = detector.Updated, "something else, seen by 3"
		record(t, s, []Change{c})
		look("after a change", "SOMETHING", "by 3")
		equal(t, "the summary before", len(found(t, s, Filter{Text: "dns-a"})), 0)
		s.readTexts(t.Context())
		look("when the change is read", "SOMETHING", "by 3")
		equal(t, "the summary before, when the change is read", len(found(t, s, Filter{Text: "dns-a"})), 0)
		check(t, s.Close())

		s = open(t, still(address, now))
		look("in the next run", "SOMETHING")
		check(t, s.wait(t.Context(), &op{run: func(t *txn) error { return t.exec("DELETE FROM incident WHERE id = ?", id) }}))
		equal(t, "when it is gone", len(found(t, s, Filter{Text: "something"})), 0)
	})
}

// TestManyAndFew: what many incidents fit is found as well as what few do, by prefix and text alone and together, in the same order.
func TestManyAndFew(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, still(address, newClock()))
		const many = fewest + 500
		b := new(Batch)
		for n := range many {
			c := opened(n, noon.Add(time.Duration(n)*time.Second))
			if n%100 == 7 {
				c.Incident.Summary += " It is rare."
			}
			b.Changes = append(b.Changes, c)
		}
		check(t, s.Record(t.Context(), b))
		s.readTexts(t.Context())
		for _, x := range []struct {
			name string
			f    Filter
			want int
		}{
			{"prefix, many", Filter{Prefix: pfx("10.0.0.0/8"), Match: Within}, 1000},
			{"prefix, few", Filter{Prefix: pfx("10.0.1.0/24"), Match: Within}, 256},
			{"prefix, none", Filter{Prefix: pfx("192.0.2.0/24"), Match: Within}, 0},
			{"covering, many", Filter{Prefix: pfx("10.99.0.1/32"), Match: Covering}, 1000},
			{"text, many", Filter{Text: "as64666"}, 1000},
			{"text, few", Filter{Text: "is RARE"}, 15},
			{"text, none", Filter{Text: "is raw"}, 0},
			{"prefix many, text few", Filter{Prefix: pfx("10.0.0.0/8"), Match: Within, Text: "rare"}, 15},
			{"prefix few, text many", Filter{Prefix: pfx("10.0.1.0/24"), Match: Within, Text: "as64666"}, 256},
			{"both few", Filter{Prefix: pfx("10.0.1.0/24"), Match: Within, Text: "rare"}, 3},
			{"both many", Filter{Prefix: pfx("10.0.0.0/8"), Match: Related, Text: "as64666"}, 1000},
			{"both many, and open", Filter{States: []string{"open"}, Kinds: []detector.Kind{detector.SubprefixHijack}, Severity: detector.Critical, Prefix: pfx("10.0.0.0/8"), Match: Related, Text: "as64666"}, 1000},
		} {
			list := found(t, s, x.f)
			equal(t, x.name, len(list), x.want)
			for i := 1; i < len(list); i++ {
				if list[i-1] <= list[i] {
					t.Errorf("%s: %s stands before %s", x.name, list[i-1], list[i])
				}
			}
		}
	})
}
