package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestChangesComeBackAsTheyWere: what is read is what was recorded, sets in paths and all; after a restart too.
func TestChangesComeBackAsTheyWere(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		c := opened(1, noon)
		c.Incident.Path = &route.Path{{Kind: route.Sequence, ASNs: []route.ASN{1, 2}}, {Kind: route.Set, ASNs: []route.ASN{3, 4}}}
		c.Incident.Evidence[0].Path = *c.Incident.Path
		c.Incident.Summary = "a NUL \x00 and what is no UTF-8 \xff, in a text of others"
		end := resolved(1, noon, noon.Add(time.Minute))
		record(t, s, []Change{c})
		record(t, s, []Change{end})
		check(t, s.Close())

		s = open(t, config(address))
		h, err := s.Incident(t.Context(), c.Incident.ID)
		check(t, err)
		equal(t, "changes", len(h.Changes), 2)
		if got, want := h.Changes[0].Incident.Path, c.Incident.Path; !reflect.DeepEqual(got, want) {
			t.Errorf("path: got %v, want %v", got, want)
		}
		c.Incident.Summary = strings.ToValidUTF8(c.Incident.Summary, "\uFFFD")
		want, _ := json.Marshal(c.Change)
		got, _ := json.Marshal(h.Changes[0].Change)
		equal(t, "the change", string(got), string(want))
		if !reflect.DeepEqual(h.Changes[1].Change, end.Change) {
			t.Errorf("got %+v, want %+v", h.Changes[1].Change, end.Change)
		}
		equal(t, "state", h.Incident.State, "resolved")
		if h.Changes[0].ID >= h.Changes[1].ID {
			t.Errorf("numbers do not rise: %d, %d", h.Changes[0].ID, h.Changes[1].ID)
		}
		_, err = s.Incident(t.Context(), "none")
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("an incident that is not there: %v", err)
		}
	})
}

func ids(list []Change) (out []string) {
	for _, c := range list {
		out = append(out, c.Incident.ID)
	}
	return out
}

func TestFilters(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		hijack := opened(1, noon)
		lost := opened(2, noon.Add(time.Minute))
		lost.Incident.Kind, lost.Incident.Severity, lost.Incident.Site = detector.SiteMissing, detector.Warning, ref("ams")
		lost.Incident.Prefix, lost.Incident.Watched = ref(pfx("192.0.2.0/24")), ref(pfx("192.0.2.0/24"))
		lost.Incident.Prefixes = append(lost.Incident.Prefixes, pfx("192.0.2.0/24"), pfx("2001:db8:53::/48"))
		lost.Incident.Summary, lost.Incident.Acknowledged = "ams no longer announces 100% of a_b", ref("ann: on it")
		feed := opened(3, noon.Add(2*time.Minute))
		feed.Incident.Kind, feed.Incident.Severity, feed.Incident.Prefix, feed.Incident.Watched, feed.Incident.Subject = detector.FeedLost, detector.Info, nil, nil, ref("bgp:rr1")
		over := resolved(4, noon.Add(3*time.Minute), noon.Add(5*time.Minute))
		record(t, s, []Change{hijack, lost, feed, opened(4, noon.Add(3*time.Minute)), over})
		a, b, c, d := hijack.Incident.ID, lost.Incident.ID, feed.Incident.ID, over.Incident.ID
		for _, x := range []struct {
			name string
			f    Filter
			want []string
		}{
			{"all", Filter{}, []string{d, c, b, a}},
			{"open", Filter{States: []string{"open"}}, []string{c, b, a}},
			{"resolved", Filter{States: []string{"resolved"}}, []string{d}},
			{"kinds", Filter{Kinds: []detector.Kind{detector.SiteMissing, detector.FeedLost}}, []string{c, b}},
			{"warning", Filter{Severity: detector.Warning}, []string{d, b, a}},
			{"critical", Filter{Severity: detector.Critical}, []string{d, a}},
			{"site", Filter{Sites: []string{"ams", "nrt"}}, []string{b}},
			{"subject", Filter{Subject: "bgp:rr1"}, []string{c}},
			{"exactly", Filter{Prefix: pfx("192.0.2.0/24")}, []string{b}},
			{"another of its prefixes", Filter{Prefix: pfx("2001:db8:53::/48")}, []string{b}},
			{"not exactly", Filter{Prefix: pfx("192.0.0.0/16")}, nil},
			{"within", Filter{Prefix: pfx("192.0.0.0/16"), Match: Within}, []string{b}},
			{"within all of a family", Filter{Prefix: pfx("0.0.0.0/0"), Match: Within}, []string{d, b, a}},
			{"within IPv6", Filter{Prefix: pfx("2001:db8::/32"), Match: Within}, []string{b}},
			{"covering", Filter{Prefix: pfx("192.0.2.7/32"), Match: Covering}, []string{b}},
			{"covering, by what is watched", Filter{Prefix: pfx("10.9.0.0/16"), Match: Covering}, []string{d, a}},
			{"related", Filter{Prefix: pfx("192.0.2.128/25"), Match: Related}, []string{b}},
			{"text", Filter{Text: "NO LONGER"}, []string{b}},
			{"text with signs of patterns", Filter{Text: "100% of a_b"}, []string{b}},
			{"text with a sign that matches nothing", Filter{Text: "a%b"}, nil},
			{"since", Filter{Since: noon.Add(6 * time.Minute)}, []string{c, b, a}},
			{"until", Filter{Until: noon.Add(2 * time.Minute)}, []string{b, a}},
			{"acknowledged", Filter{Acknowledged: ref(true)}, []string{b}},
			{"not acknowledged", Filter{Acknowledged: ref(false)}, []string{d, c, a}},
			{"together", Filter{States: []string{"open"}, Severity: detector.Warning, Prefix: pfx("10.0.0.0/8"), Match: Within}, []string{a}},
		} {
			list, next, err := s.Incidents(t.Context(), x.f, Page{})
			check(t, err)
			if got := ids(list); !reflect.DeepEqual(got, x.want) || next != "" {
				t.Errorf("%s: got %v and next %q, want %v", x.name, got, next, x.want)
			}
		}
		open, err := s.OpenIncidents(t.Context())
		check(t, err)
		equal(t, "open ones, in order", fmt.Sprint(ids(open)), fmt.Sprint([]string{a, b, c}))
	})
}

// TestPages: a list comes in parts, each incident once, also of those that opened at the same time and while others open.
func TestPages(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		var changes []Change
		for n := range 25 {
			changes = append(changes, opened(n, noon.Add(time.Duration(n/10)*time.Second)))
		}
		record(t, s, changes)
		seen := make(map[string]bool)
		var page Page
		for pages := 1; ; pages++ {
			page.Limit = 5
			list, next, err := s.Incidents(t.Context(), Filter{}, page)
			check(t, err)
			equal(t, "length", len(list), 5)
			for _, c := range list {
				if seen[c.Incident.ID] {
					t.Errorf("%s comes twice", c.Incident.ID)
				}
				seen[c.Incident.ID] = true
			}
			record(t, s, []Change{opened(100+pages, noon.Add(time.Hour))})
			if page.After = next; next == "" {
				break
			}
		}
		equal(t, "seen", len(seen), 25)
		for _, bad := range []string{"x", "1", "x.y"} {
			if _, _, err := s.Incidents(t.Context(), Filter{}, Page{After: bad}); err == nil {
				t.Errorf("the place %q is taken", bad)
			}
		}
	})
}

func TestNotes(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		c := opened(1, noon)
		record(t, s, []Change{c})
		n := &Note{Incident: c.Incident.ID, Kind: Commented, Author: "ann", Text: "we have called AS3356"}
		check(t, s.Note(t.Context(), n))
		ack := c
		ack.Event, ack.Incident.Acknowledged = detector.Updated, ref("ann: on it")
		b := &Batch{Changes: []Change{ack}, Notes: []Note{{Incident: c.Incident.ID, Kind: Acknowledged, Author: "ann", Text: "on it", Time: noon}}}
		check(t, s.Record(t.Context(), b))
		h, err := s.Incident(t.Context(), c.Incident.ID)
		check(t, err)
		equal(t, "notes", len(h.Notes), 2)
		equal(t, "the first", h.Notes[0].Text, "we have called AS3356")
		equal(t, "the second", h.Notes[1].Kind, Acknowledged)
		equal(t, "its time", h.Notes[1].Time, noon)
		equal(t, "acknowledged", *h.Incident.Acknowledged, "ann: on it")
		if err := s.Note(t.Context(), &Note{Incident: "none", Kind: Commented}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a note about no incident: %v", err)
		}
		equal(t, "health", s.Health().Err, nil)
	})
}

// TestOneCommit: a batch with something that can't be written is not written at all, and harms nobody else.
func TestOneCommit(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		bad := &Batch{Changes: []Change{opened(1, noon)}, Notes: []Note{{Incident: "none", Kind: Commented}}}
		good := &Batch{Changes: []Change{opened(2, noon)}}
		results := make(chan error, 2)
		check(t, s.Submit(bad, func(err error) { results <- err }))
		check(t, s.Submit(good, func(err error) { results <- err }))
		if err := <-results; err == nil || errors.Is(err, ErrHeld) {
			t.Errorf("the bad one: %v", err)
		}
		check(t, <-results)
		list, _, err := s.Incidents(t.Context(), Filter{}, Page{})
		check(t, err)
		equal(t, "kept", fmt.Sprint(ids(list)), fmt.Sprint(ids(good.Changes)))
		equal(t, "health", s.Health().Err, nil)
	})
}
