package store

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func TestSilences(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		a := Silence{Matchers: []Matcher{{"site", "=", "ams"}, {"kind", "=~", "flap.*"}}, Author: "ann", Reason: "we know \x00 of it", Starts: noon, Ends: noon.Add(time.Hour)}
		b := Silence{Author: "ben", Starts: noon.Add(-time.Hour), Ends: noon.Add(2 * time.Hour)}
		check(t, s.PutSilence(t.Context(), &a))
		check(t, s.PutSilence(t.Context(), &b))
		list, err := s.Silences(t.Context(), noon)
		check(t, err)
		if want := []Silence{b, a}; !reflect.DeepEqual(list, want) {
			t.Errorf("got %+v, want %+v", list, want)
		}
		a.Ends = noon.Add(time.Minute)
		check(t, s.PutSilence(t.Context(), &a))
		list, err = s.Silences(t.Context(), noon.Add(time.Minute))
		check(t, err)
		equal(t, "after its end", len(list), 1)
		check(t, s.DeleteSilence(t.Context(), a.ID))
		if err := s.DeleteSilence(t.Context(), a.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		list, err = s.Silences(t.Context(), time.Time{})
		check(t, err)
		equal(t, "left", len(list), 1)
		if err := s.PutSilence(t.Context(), &Silence{Starts: noon, Ends: noon}); err == nil {
			t.Error("a silence without length is taken")
		}
	})
}

func TestMaintenances(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		m := Maintenance{Sites: []string{"ams"}, Prefixes: []netip.Prefix{pfx("192.0.2.0/24")}, Author: "ann", Reason: "router upgrade", From: noon, To: noon.Add(time.Hour)}
		check(t, s.PutMaintenance(t.Context(), &m))
		list, err := s.Maintenances(t.Context(), noon)
		check(t, err)
		if want := []Maintenance{m}; !reflect.DeepEqual(list, want) {
			t.Errorf("got %+v, want %+v", list, want)
		}
		list, err = s.Maintenances(t.Context(), noon.Add(time.Hour))
		check(t, err)
		equal(t, "after its end", len(list), 0)
		check(t, s.DeleteMaintenance(t.Context(), m.ID))
		if err := s.PutMaintenance(t.Context(), &Maintenance{From: noon, To: noon.Add(-1)}); err == nil {
			t.Error("a maintenance that ends before it begins is taken")
		}
	})
}
