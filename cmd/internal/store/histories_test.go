package store

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"
)

func TestRouteHistory(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		attrs := AttrsOf(&route.Attrs{
			Path: route.SequencePath(3356, 64500), NextHop: netip.MustParseAddr("2001:db8::1"), HasMED: true, MED: 0, HasLocalPref: true, LocalPref: 200, HasOTC: true, OTC: 3356,
			Communities: []route.Community{64500<<16 | 101}, Large: []route.LargeCommunity{{}}, OriginatorID: netip.MustParseAddr("10.0.1.1"), ClusterList: []netip.Addr{netip.MustParseAddr("10.0.0.9")},
		})
		want := []Route{
			{Time: noon, Vantage: "bgp:rr1", Prefix: pfx("192.0.2.0/24"), PathID: 1, Attrs: attrs},
			{Time: noon.Add(time.Second), Vantage: "bgp:rr1", Prefix: pfx("192.0.2.0/24"), PathID: 1},
			{Time: noon.Add(2 * time.Second), Vantage: "bgp:rr1", Prefix: pfx("192.0.2.0/25"), Attrs: attrs},
			{Time: noon.Add(3 * time.Second), Vantage: "rislive:rrc00/192.0.2.7", Prefix: pfx("2001:db8:53::/48"), PathID: 1<<32 - 1, Attrs: &Attrs{}},
			{Time: noon.Add(3 * time.Second), Vantage: "rislive:rrc00/192.0.2.7", Prefix: pfx("192.0.2.0/24"), Attrs: attrs},
		}
		check(t, s.AppendRoutes(want[:3]))
		check(t, s.AppendRoutes(want[3:]))
		check(t, s.Flush(t.Context()))
		for _, x := range []struct {
			q    RouteQuery
			want []int
		}{
			{RouteQuery{Prefix: pfx("192.0.2.0/24")}, []int{4, 1, 0}},
			{RouteQuery{Prefix: pfx("192.0.2.0/24"), Match: Within}, []int{4, 2, 1, 0}},
			{RouteQuery{Prefix: pfx("192.0.2.0/25"), Match: Covering}, []int{4, 2, 1, 0}},
			{RouteQuery{Prefix: pfx("192.0.2.0/24"), Vantage: "bgp:rr1"}, []int{1, 0}},
			{RouteQuery{Prefix: pfx("::/0"), Match: Within}, []int{3}},
			{RouteQuery{Prefix: pfx("192.0.2.0/24"), Since: noon.Add(time.Second), Until: noon.Add(3 * time.Second)}, []int{1}},
		} {
			var got []Route
			page := Page{Limit: 1}
			for {
				list, next, err := s.RouteHistory(t.Context(), x.q, page)
				check(t, err)
				got = append(got, list...)
				if page.After = next; next == "" {
					break
				}
			}
			var should []Route
			for _, i := range x.want {
				should = append(should, want[i])
			}
			if !reflect.DeepEqual(got, should) {
				t.Errorf("%+v: got %+v, want %+v", x.q, got, should)
			}
		}
		var words int
		check(t, s.one(t.Context(), "SELECT count(*) FROM word", nil, &words))
		equal(t, "words: two vantages, two sets of attributes", words, 4)
	})
}

func TestSiteStints(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		now := newClock()
		c := config(address)
		c.Now = now.Now
		s := open(t, c)
		p := pfx("192.0.2.0/24")
		s.AppendSites([]SiteChange{{now.Now(), p, "ams", "announced"}, {now.Now(), p, "nrt", "announced"}})
		now.add(time.Hour)
		s.AppendSites([]SiteChange{{now.Now(), p, "ams", "missing"}})
		now.add(time.Minute)
		s.AppendSites([]SiteChange{{now.Now(), p, "ams", "announced"}})
		now.add(time.Hour)
		check(t, s.Close())
		now.add(time.Hour) // nobody watches
		s = open(t, c)
		s.AppendSites([]SiteChange{{now.Now(), p, "ams", "announced"}})
		now.add(time.Hour)
		check(t, s.Flush(t.Context()))
		list, err := s.SiteStints(t.Context(), netip.Prefix{}, "", time.Time{}, time.Time{})
		check(t, err)
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprint(x.Site, " ", x.State, " ", x.To.Sub(x.From).Round(time.Second)))
		}
		equal(t, "stints", fmt.Sprintf("%q", got), fmt.Sprintf("%q", []string{"ams announced 1h0m0s", "ams missing 1m0s", "ams announced 1h0m0s", "ams announced 1h0m0s", "nrt announced 2h1m0s"}))
		list, err = s.SiteStints(t.Context(), p, "ams", newClock().now.Add(30*time.Minute), newClock().now.Add(time.Hour))
		check(t, err)
		equal(t, "of a part", len(list), 1)
		equal(t, "its length", list[0].To.Sub(list[0].From).Round(time.Second), 30*time.Minute)
	})
}

func TestOtherHistories(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		p := pfx("192.0.2.0/24")
		samples := []CatchmentSample{{Time: noon, Prefix: p, Sites: map[string]int{"ams": 3, "nrt": 2}, Unknown: 1}, {Time: noon.Add(time.Minute), Prefix: p, Sites: map[string]int{"ams": 5}}}
		check(t, s.AppendCatchments(samples))
		vrps := []VRPChange{{Time: noon, Added: true, VRP: rpki.VRP{Prefix: p, MaxLength: 25, ASN: 64500, TA: "ripe", Expires: noon.Add(time.Hour)}}, {Time: noon.Add(time.Minute), VRP: rpki.VRP{Prefix: p, MaxLength: 24, ASN: 4294967295}}}
		s.AppendVRPChanges(vrps)
		healths := []HealthResult{{noon, "ams", "up", "tcp 192.0.2.1:53", ""}, {noon.Add(time.Minute), "ams", "down", "tcp 192.0.2.1:53", "connection refused"}}
		s.AppendHealth(healths)
		check(t, s.Flush(t.Context()))
		gotSamples, err := s.Catchments(t.Context(), p, time.Time{}, time.Time{}, 10)
		check(t, err)
		if !reflect.DeepEqual(gotSamples, samples) {
			t.Errorf("catchments: %+v", gotSamples)
		}
		newest, err := s.Catchments(t.Context(), p, noon, noon.Add(time.Hour), 1)
		check(t, err)
		equal(t, "the newest", newest[0].Sites["ams"], 5)
		gotVRPs, err := s.VRPChanges(t.Context(), pfx("192.0.2.128/25"), Covering, noon, 10)
		check(t, err)
		if want := []VRPChange{vrps[1], vrps[0]}; !reflect.DeepEqual(gotVRPs, want) {
			t.Errorf("VRPs: %+v", gotVRPs)
		}
		gotHealth, err := s.HealthHistory(t.Context(), "ams", noon, 10)
		check(t, err)
		if want := []HealthResult{healths[1], healths[0]}; !reflect.DeepEqual(gotHealth, want) {
			t.Errorf("health: %+v", gotHealth)
		}
	})
}

func TestStates(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		k := s.State("flaps")
		b, err := k.Load()
		check(t, err)
		equal(t, "nothing yet", b == nil, true)
		check(t, k.Save([]byte("one")))
		check(t, k.Save([]byte{0, 255, 'x'}))
		check(t, s.Close())
		s = open(t, config(address))
		k = s.State("flaps")
		b, err = k.Load()
		check(t, err)
		equal(t, "the last", string(b), "\x00\xffx")
		for range 2 {
			check(t, k.Save([]byte("bad")))
			_, err = k.Reject()
			check(t, err)
		}
		b, err = k.Load()
		check(t, err)
		equal(t, "nothing is left", b == nil, true)
		b, err = s.State("flaps.broken").Load()
		check(t, err)
		equal(t, "put aside", string(b), "bad")
	})
}
