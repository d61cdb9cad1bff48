package store

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/detector"
)

// full sets every field of a value, and all that they lead to, each to something of its own. It fails for a type that it does not know.
type full struct {
	t *testing.T
	n int
}

func (f *full) set(v reflect.Value, what string) {
	f.n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = noon.Add(time.Duration(f.n) * time.Nanosecond)
		return
	case *netip.Prefix:
		*p = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(f.n), 0}), 24)
		return
	case *netip.Addr:
		*p = netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(f.n)})
		return
	case *route.Path:
		*p = route.Path{{Kind: route.Sequence, ASNs: []route.ASN{3356, route.ASN(f.n)}}, {Kind: route.Set, ASNs: []route.ASN{1, 2}}}
		return
	case *detector.Severity:
		*p = detector.Critical
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.set(v.Elem(), what)
	case reflect.Struct:
		for i := range v.NumField() {
			f.set(v.Field(i), what+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.set(v.Index(i), what)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.set(key, what)
		f.set(value, what)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("%s %d", what, f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(f.n))
	case reflect.Uint32:
		v.SetUint(uint64(f.n))
	default:
		f.t.Fatalf("%s: teach this test to fill a %s", what, v.Type())
	}
}

// TestEveryFieldComesBack: an incident in which nothing is empty comes back as it was, in every list and with its notification, after a restart too;
// and so does one in which all is empty.
func TestEveryFieldComesBack(t *testing.T) {
	onAll(t, func(t *testing.T, address string) {
		s := open(t, config(address))
		var all Change
		(&full{t: t}).set(reflect.ValueOf(&all.Change).Elem(), "Change")
		all.Incident.State = "open"
		none := Change{Change: detector.Change{Incident: detector.Incident{ID: "none"}}}
		b := record(t, s, []Change{all, none}, "slack")
		check(t, s.Close())

		s = open(t, config(address))
		same := func(what string, got detector.Change, want Change) {
			t.Helper()
			if !reflect.DeepEqual(got, want.Change) {
				t.Errorf("%s: got\n%+v, want\n%+v", what, got, want.Change)
			}
		}
		open, err := s.OpenIncidents(t.Context())
		check(t, err)
		equal(t, "open", len(open), 1)
		same("open", open[0].Change, all)
		list, _, err := s.Incidents(t.Context(), Filter{}, Page{})
		check(t, err)
		equal(t, "listed", len(list), 2)
		same("listed", list[0].Change, all)
		same("listed, with nothing in it", list[1].Change, none)
		h, err := s.Incident(t.Context(), all.Incident.ID)
		check(t, err)
		same("shown", h.Changes[0].Change, all)
		equal(t, "its number", h.Changes[0].ID, b.Changes[0].ID)
		waiting, err := s.Pending(t.Context(), "slack", 0, 10)
		check(t, err)
		equal(t, "waiting", len(waiting), 2)
		same("waiting", *waiting[0].Change, all)
		equal(t, "of", waiting[0].Incident, all.Incident.ID)
	})
}
