package collector

import (
	"context"
	"testing"

	"anywatch/collector/route"
)

// TestIntakeDiscarded: an update that loses an attribute keeps its routes, counts as an update, and is told of (RFC 7606 section 2).
func TestIntakeDiscarded(t *testing.T) {
	in, out, v := intake()
	var told []*Malformed
	in.Discarded = func(m *Malformed) { told = append(told, m) }
	body := update(false, []uint32{64496, 64500}, "192.0.2.0/24")
	attrs := int(body[3])
	odd := []byte{0x40, 6, 1, 0} // ATOMIC_AGGREGATE has no value
	broken := append([]byte{0, 0, 0, byte(attrs + len(odd))}, body[4:4+attrs]...)
	broken = append(append(broken, odd...), body[4+attrs:]...)
	if err := in.Update(context.Background(), v, at, broken, &Reader{}); err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Updates: 1, Prefixes: 1, Matched: 1, Discarded: 1}); in.Tally != want {
		t.Errorf("counted %+v, want %+v", in.Tally, want)
	}
	if len(told) != 1 || told[0].Class != route.AttributeDiscard || len(out.events) != 2 || len(out.events[1].Updates[0].Announced) != 1 {
		t.Errorf("told %v, events %+v", told, out.events)
	}
}
