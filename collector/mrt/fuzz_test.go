package mrt_test

import (
	"context"
	"testing"

	"anywatch/collector"
	"anywatch/collector/mrt"
)

// FuzzRecord: whatever the octets, reading ends, every octet is accounted for, in pieces as at once, and each record is counted once.
func FuzzRecord(f *testing.F) {
	one := as4(t0, announce("192.0.2.0/24", 64501))
	f.Add(join(one, one, one))
	f.Add(join(one, []byte("noise"), one, one[:30]))
	f.Add(join(peerIndex(t0), record(t0, 13, 2, u32(0), nlri(0, "192.0.2.0/24"), u16(2), rib(0, attributes(4, 64501)), rib(1, attributes(4, 200000)))))
	f.Add(join(peerIndex(t0), record(t0, 13, 12, u32(0), u16(2), []byte{4, 48, 0, 0, 1, 1, 2, 3}, u16(1), ribPath(0, 3, attributes(4, 64501)))))
	f.Add(record(t0, 12, 1, u16(0), u16(1), addr("192.0.2.0"), []byte{24, 1}, u32(t0), addr("198.51.100.1"), u16(64501), u16(len(attributes(2, 64501))), attributes(2, 64501)))
	f.Add(record(t0, 16, 2, between(2, 64501, "198.51.100.1"), u16(0), u16(1), u32(t0), u16(1), []byte{1, 4}, addr("198.51.100.9"), nlri(0, "192.0.2.0/24"), u16(0)))
	f.Add(record(t0, 16, 0, between(2, 64501, "198.51.100.1"), u16(6), u16(1)))
	f.Add(record(t0, 17, 11, u32(5), between(4, 64501, "2001:db8::1"), announce("192.0.2.0/24", 64501)))
	f.Fuzz(func(t *testing.T, b []byte) {
		found := whole(b)
		total, records := 0, 0
		for _, s := range found {
			total += s.skip + s.size
			if s.size > 0 {
				records++
			}
		}
		if total != len(b) {
			t.Fatalf("%d octets accounted for, of %d", total, len(b))
		}
		r := newRig(t)
		r.read(b)
		got := r.in.Tally
		if int(got.Messages) != records || int(got.Malformed) != len(r.malformed) || got.Malformed > got.Messages {
			t.Fatalf("%d records found, %d told malformed, counted %+v", records, len(r.malformed), got)
		}
		if got.Matched+got.Skipped != got.Updates {
			t.Fatalf("matched and skipped are not all updates: %+v", got)
		}
	})
}

// FuzzTables: whichever records are lost or passed over, a vantage is synchronised only after its table began.
func FuzzTables(f *testing.F) {
	a := shows(t0, 0, "192.0.2.0/24")
	f.Add(join(view(t0, ""), a, a, view(t0, ""), a), uint64(0))
	f.Add(join(view(t0, "x"), a, view(t0, "y"), a, as4(t0, bgp(4)), view(t0, "x"), a), uint64(0b100100))
	f.Add(join(dumped(t0, 1, "192.0.2.0/24"), dumped(t0, 2, "192.0.2.0/24"), dumped(t0, 1, "192.0.2.0/24")), uint64(0b010))
	f.Fuzz(func(t *testing.T, b []byte, passed uint64) {
		r := newRig(t)
		for ; len(b) > 0; passed >>= 1 {
			skip, size := mrt.Split(b, true)
			if skip > 0 {
				r.stream.Lost()
			}
			switch record := b[skip : skip+size]; {
			case size == 0:
			case passed&1 == 0:
				r.record(record)
			default:
				r.must(r.stream.Leave(context.Background(), record))
			}
			b = b[skip+size:]
		}
		r.read(nil)
		begun := map[collector.VantageID]bool{}
		for _, ev := range r.events {
			switch ev.Kind {
			case collector.TableBegins:
				begun[ev.Vantage.ID] = true
			case collector.Synchronised:
				if !begun[ev.Vantage.ID] {
					t.Fatalf("%s is synchronised and showed no table", ev.Vantage.Name())
				}
				begun[ev.Vantage.ID] = false
			}
		}
	})
}
