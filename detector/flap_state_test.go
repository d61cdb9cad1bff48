package detector

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
	"anywatch/rules"
)

// flapRules watch two prefixes at two sites, whose penalties halve in a short time, so that what flaps cools down and flaps again.
func flapRules(edit ...func(*rules.Config)) *rules.Set {
	one, two := route.Community(64500<<16|101), route.Community(64500<<16|102)
	own := rules.Dampening{Name: "own parameters", HalfLife: time.Minute, Suppress: 2000, Reuse: 750, MaxSuppress: 4 * time.Minute, Withdraw: 1000, Attribute: 500}
	c := rules.Config{ASNs: []route.ASN{64500}, Thresholds: rules.Defaults(), Sites: []rules.Site{
		{Name: "ams", Match: []rules.Matcher{{Community: &one}}}, {Name: "nrt", Match: []rules.Matcher{{Community: &two}}},
	}}
	for _, p := range []string{"192.0.2.0/24", "2001:db8:53::/48"} {
		c.Prefixes = append(c.Prefixes, rules.Prefix{Prefix: netip.MustParsePrefix(p), Origins: []route.ASN{64500}, Sites: []string{"ams", "nrt"}})
	}
	c.Thresholds.Flap = rules.Flap{Profiles: []rules.Dampening{own, cisco}, Alert: 2500}
	c.Thresholds.ReopenWithin = 10 * time.Minute
	for _, f := range edit {
		f(&c)
	}
	return rules.New(c)
}

// flapper is an engine with the vantages of one run, and what it said of flapping.
type flapper struct {
	*Engine
	vantages *collector.Registry
	said     []Change
}

func newFlapper(set *rules.Set) *flapper {
	f := &flapper{vantages: collector.NewRegistry()}
	f.Engine = New(Options{Rules: set, Emit: func(c Change) {
		if c.Incident.Kind == Flapping {
			f.said = append(f.said, c)
		}
	}})
	return f
}

// tell tells an event of the n-th of three vantages: a reflector and two who see us from outside.
func (f *flapper) tell(n int, at time.Time, ev collector.Event) {
	ev.Vantage = f.vantages.Register(collector.Vantage{
		Key: collector.Key{Source: "bgp", Router: fmt.Sprintf("r%d", n), Peer: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})}, Local: 64500, Scope: collector.Scope(min(n, 1)), AllPaths: true,
	})
	ev.Time = at
	f.Apply(ev, at)
}

// flapEvent draws an announcement or a withdrawal of a path.
func flapEvent(r *rand.Rand) collector.Event {
	n := []route.NLRI{{Prefix: netip.MustParsePrefix([]string{"192.0.2.0/24", "2001:db8:53::/48"}[r.IntN(2)]), PathID: uint32(1 + r.IntN(2))}}
	if r.IntN(2) == 0 {
		return collector.Event{Kind: collector.Routes, Updates: []route.Update{{Withdrawn: n}}}
	}
	a := &route.Attrs{Path: route.SequencePath(64496, 64500), NextHop: netip.MustParseAddr("10.9.0.1"), Communities: []route.Community{route.Community(64500<<16 | 100 + n[0].PathID)}}
	switch r.IntN(4) {
	case 0:
		a.Path = route.Path{{Kind: route.ConfedSequence, ASNs: []route.ASN{65010}}, {Kind: route.Sequence, ASNs: []route.ASN{64496, 64500}}}
	case 1:
		a.Communities = nil // of no site
	}
	return collector.Event{Kind: collector.Routes, Updates: []route.Update{{Announced: n, Attrs: a}}}
}

// restarted takes the state of an engine through JSON into one that is started later.
func (f *flapper) restarted(t *testing.T, set *rules.Set, at time.Time) *flapper {
	t.Helper()
	b, err := json.Marshal(f.FlapState())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadFlapState(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	next := newFlapper(set)
	if err := next.RestoreFlaps(s, next.vantages, at); err != nil {
		t.Fatal(err)
	}
	return next
}

// history writes the flap histories out, to the nanosecond and the last digit.
func (f *flapper) history() string {
	var b strings.Builder
	for _, x := range f.FlapHistory() {
		name := "-"
		if x.Vantage != nil {
			name = x.Vantage.Name()
		}
		fmt.Fprintln(&b, x.Prefix, x.Site, name, x.Withdrawals, x.Changes, x.PenaltyMax, x.PenaltyLast, x.First.UTC(), x.Last.UTC(), utc(x.Suppressed), utcCurve(x.Curve))
	}
	return b.String()
}

func utc(list []Suppression) (out []string) {
	for _, s := range list {
		out = append(out, fmt.Sprint(s.Profile, s.From.UTC(), s.To.UTC()))
	}
	return out
}

func utcCurve(list []Penalty) (out []string) {
	for _, p := range list {
		out = append(out, fmt.Sprint(p.At.UTC(), p.Value))
	}
	return out
}

// life is what was said of incidents in so far as a restart must not change it. Times are rounded: when a penalty will have fallen is calculated from
// where one stands, and differs by a rounding error.
func life(said []Change) (out []string) {
	for _, c := range said {
		i, cleared := c.Incident, ""
		if i.Cleared != nil {
			cleared = i.Cleared.Round(time.Second).Format(time.TimeOnly)
		}
		out = append(out, fmt.Sprint(c.Event, c.Time.Round(time.Second).Format(time.TimeOnly), i.ID, *i.Prefix, i.Site != nil, i.Severity, i.Started, i.Opened, i.Reopened, cleared, i.Vantages.Peak))
	}
	return out
}

// TestFlapStateProperty: an engine that is stopped amid a flap and started again knows what one knows that saw its sessions break at the same time
// and ran on: the same penalties, the same report, the same incidents under the same ids.
func TestFlapStateProperty(t *testing.T) {
	opened, openAtStop, overMeanwhile := 0, 0, 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 4))
		set := flapRules()
		ran := newFlapper(set)
		now, alike := begin, []*flapper{ran}
		session := func() {
			for n := range 3 {
				for _, f := range alike {
					f.tell(n, now, collector.Event{Kind: collector.PeerUp, Family: route.IPv4 | route.IPv6})
				}
				for range r.IntN(4) {
					ev := flapEvent(r)
					for _, f := range alike {
						f.tell(n, now, ev)
					}
				}
				for _, f := range alike {
					f.tell(n, now, collector.Event{Kind: collector.EndOfRIB, Family: route.IPv4})
					f.tell(n, now, collector.Event{Kind: collector.EndOfRIB, Family: route.IPv6})
				}
			}
		}
		flap := func(events int) {
			for range events {
				now = now.Add(time.Duration(r.IntN(4000)) * time.Millisecond)
				n, ev := r.IntN(3), flapEvent(r)
				for _, f := range alike {
					f.tell(n, now, ev)
				}
			}
		}
		session()
		flap(50 + r.IntN(200))
		if r.IntN(2) == 0 {
			now = now.Add(time.Duration(120+r.IntN(240)) * time.Second) // it cools down, and perhaps flaps again
			flap(r.IntN(60))
		}
		if len(ran.FlapState().Vantages) < 3 {
			continue // the vantages would be numbered in another order
		}
		ran.Advance(now)
		before := len(ran.said)
		for n := range 3 {
			ran.tell(n, now, collector.Event{Kind: collector.FeedLost})
		}
		state := ran.FlapState()
		down := time.Duration(r.IntN(60)) * time.Second
		if r.IntN(3) == 0 {
			down = time.Duration(r.IntN(20)) * time.Minute
		}
		back := ran.restarted(t, set, now.Add(down))
		now = now.Add(down)
		ran.Advance(now)
		alike = append(alike, back)
		if got, want := back.history(), ran.history(); got != want {
			t.Fatalf("seed %d: after the restart\n%s\nhad it run through\n%s", seed, got, want)
		}
		open := 0
		for _, k := range state.Incidents {
			if k.Resolved.IsZero() {
				if c := back.said[open]; c.Event != Opened || c.Incident.ID != k.ID || !strings.Contains(strings.Join(c.Incident.Why, "\n"), "anywatch was stopped") {
					t.Fatalf("seed %d: told first: %+v", seed, c)
				}
				open++
			}
		}
		if len(back.said) > open {
			overMeanwhile++
		}
		openAtStop += open
		back.said = back.said[open:] // these are told again
		session()
		flap(r.IntN(200))
		now = now.Add(time.Duration(r.IntN(600)) * time.Second)
		for _, f := range alike {
			f.Advance(now)
		}
		if got, want := back.history(), ran.history(); got != want {
			t.Fatalf("seed %d: at the end\n%s\nhad it run through\n%s", seed, got, want)
		}
		if got, want := life(back.said), life(ran.said[before:]); !slices.Equal(got, want) {
			t.Fatalf("seed %d: after the restart\n%s\nhad it run through\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		opened += len(ran.said) - before
	}
	if opened < 200 || openAtStop < 50 || overMeanwhile < 10 {
		t.Errorf("%d changes, %d incidents open at the stop, %d over while nothing ran: the histories show too little", opened, openAtStop, overMeanwhile)
	}
}

// flapped gives an engine with one route that has been withdrawn so often that the incident is open, and the time of its last flap.
func flapped(set *rules.Set) (*flapper, time.Time) {
	f, now := newFlapper(set), begin
	nlri := []route.NLRI{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), PathID: 1}}
	a := &route.Attrs{Path: route.SequencePath(64500), Communities: []route.Community{64500<<16 | 101}}
	f.tell(0, now, collector.Event{Kind: collector.PeerUp, Family: route.IPv4})
	f.tell(0, now, collector.Event{Kind: collector.EndOfRIB, Family: route.IPv4})
	for range 4 {
		f.tell(0, now, collector.Event{Kind: collector.Routes, Updates: []route.Update{{Announced: nlri, Attrs: a}}})
		now = now.Add(5 * time.Second)
		f.tell(0, now, collector.Event{Kind: collector.Routes, Updates: []route.Update{{Withdrawn: nlri}}})
	}
	return f, now
}

// TestFlapStateIncident: an incident that was open is told again under its id, and resolves when its time has come.
func TestFlapStateIncident(t *testing.T) {
	f, now := flapped(flapRules())
	if len(f.said) == 0 || f.said[0].Event != Opened {
		t.Fatalf("said: %v", f.said)
	}
	open := f.Open()
	was := open[slices.IndexFunc(open, func(i Incident) bool { return i.Kind == Flapping })]
	back := f.restarted(t, flapRules(), now.Add(20*time.Second))
	if len(back.said) != 1 || len(back.Open()) == 0 {
		t.Fatalf("after the restart: %v", life(back.said))
	}
	i := back.said[0].Incident
	again := "it was open when anywatch was stopped, and is told again since anywatch was started"
	if was.ID != f.said[0].Incident.ID || !slices.Equal(i.Why, append(was.Why, again)) {
		t.Errorf("%s, before %s, because of %q", i.ID, was.ID, i.Why)
	}
	if i.Why, i.Updated = was.Why, was.Updated; !reflect.DeepEqual(i, was) {
		t.Errorf("told again: %+v\nbefore: %+v", i, was)
	}
	if !back.Began().Equal(now.Add(20 * time.Second)) {
		t.Errorf("it began at %v", back.Began())
	}
	back.Advance(now.Add(time.Hour))
	if n := len(back.said); n != 2 || back.said[1].Event != Resolved || back.said[1].Incident.ID != was.ID {
		t.Errorf("an hour later: %v", life(back.said))
	}
}

// TestFlapStateOtherRules: penalties by other parameters are dropped; sites may have another order, and prefixes and sites may be gone.
func TestFlapStateOtherRules(t *testing.T) {
	f, now := flapped(flapRules())
	other := newFlapper(flapRules(func(c *rules.Config) { c.Thresholds.Flap.Profiles[1].Suppress = 1900 }))
	if err := other.RestoreFlaps(f.FlapState(), other.vantages, now); !errors.Is(err, ErrOtherProfiles) || len(other.FlapHistory()) != 0 || len(other.said) != 0 {
		t.Errorf("with other parameters: %v, %v, %v", err, other.FlapHistory(), other.said)
	}
	none := newFlapper(flapRules(func(c *rules.Config) { c.Thresholds.Flap.Profiles = nil }))
	empty := FlapState{Version: FlapStateVersion, Clock: now}
	if err := none.RestoreFlaps(&empty, none.vantages, now); !errors.Is(err, ErrOtherProfiles) {
		t.Errorf("with none: %v", err)
	}
	turned := f.restarted(t, flapRules(func(c *rules.Config) { slices.Reverse(c.Sites) }), now)
	if got, want := turned.history(), f.history(); got != want {
		t.Errorf("with the sites in another order\n%s\nbefore\n%s", got, want)
	}
	fewer := f.restarted(t, flapRules(func(c *rules.Config) {
		c.Sites, c.Prefixes = c.Sites[1:], c.Prefixes[1:]
		c.Prefixes[0].Sites = []string{"nrt"}
	}), now)
	fewer.Advance(now.Add(time.Hour))
	if n := len(fewer.FlapHistory()); n != 1 || len(fewer.Open()) != 0 || len(fewer.said) != 2 {
		t.Errorf("without the prefix: %d histories, said %v", n, life(fewer.said))
	}
}

// TestFlapStateOfTheFuture: when the clock was set back, penalties decay from now on, and the engine's clock is right.
func TestFlapStateOfTheFuture(t *testing.T) {
	f, now := flapped(flapRules())
	early := now.Add(-1000 * time.Hour)
	back := f.restarted(t, flapRules(), early)
	if !back.Clock().Equal(early) {
		t.Errorf("the clock stands at %v", back.Clock())
	}
	before := back.FlapHistory()[0].PenaltyLast
	back.Advance(early.Add(time.Minute))
	if after := back.FlapHistory()[0].PenaltyLast; after < before/2-1 || after > before/2+1 {
		t.Errorf("a minute takes the penalty from %.0f to %.0f", before, after)
	}
}

// TestReadFlapState: what was cut off, altered or is of a newer version is refused, with the reason.
func TestReadFlapState(t *testing.T) {
	f, _ := flapped(flapRules())
	b, err := json.Marshal(f.FlapState())
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) {
		if _, err := ReadFlapState(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for the whole", n, len(b))
		}
	}
	for _, x := range []struct{ old, new, says string }{
		{`"version":1`, `"version":2`, "a newer program wrote it"},
		{`"version":1`, `"version":0`, "it has no version"},
		{`"vantages":[`, `"vantages":[{"source":"bgp","view":"outside","scope":"internal"},`, `view "outside"`},
		{`"routes":[{`, `"routes":[{"vantage":7,`, "there is no vantage 7"},
		{`"prefix":"192.0.2.0/24"`, `"prefix":"192.0.2.1/24"`, "192.0.2.1/24 is no prefix"},
		{`"merits":[`, `"merits":[{"value":1,"at":"2026-11-22T18:00:00Z"},`, "3 merits for 2 profiles"},
		{`"value":`, `"value":-`, "a merit of -"},
		{`"clock":"2026`, `"clock":"2025`, "a merit of"},
		{`"path":"64500"`, `"path":"64500 {"`, "to close it"},
		{`"hot":[{"prefix":"192.0.2.0/24","site":"ams","routes":[0`, `"hot":[{"prefix":"192.0.2.0/24","site":"ams","routes":[9`, "there is no route 9"},
		{`"incidents":[{"prefix":"192.0.2.0/24"`, `"incidents":[{"prefix":null`, "is no prefix"},
		{`"id":"`, `"id":"","was_id":"`, "it has no id"},
		{`"started":`, `"resolved":"2026-11-22T18:00:00Z","started":`, "it is resolved and goes on"},
		{`"actions":["Find`, `"actions":[7,"Find`, "can't be read"},
	} {
		text := strings.Replace(string(b), x.old, x.new, 1)
		if text == string(b) {
			t.Errorf("%s is not in %s", x.old, b)
		}
		if _, err := ReadFlapState([]byte(text)); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v; it should say %q", x.new, err, x.says)
		}
	}
}

// FuzzReadFlapState: whatever is read without an error can be restored, and does no harm.
func FuzzReadFlapState(f *testing.F) {
	e, now := flapped(flapRules())
	b, err := json.Marshal(e.FlapState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ReadFlapState(b)
		if err != nil {
			return
		}
		back := newFlapper(flapRules())
		if err := back.RestoreFlaps(s, back.vantages, now); err != nil {
			return
		}
		back.Advance(now.Add(time.Hour))
		back.FlapHistory()
		if _, err := json.Marshal(back.FlapState()); err != nil {
			t.Error(err)
		}
	})
}
