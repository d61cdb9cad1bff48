package bmp

import (
	"bytes"
	"context"
	"testing"

	"anywatch/collector"
	"anywatch/collector/route"
)

func nothing(context.Context, collector.Event) error { return nil }

// Most messages concern nobody here: they must cost no memory.
func TestUnmatchedMessagesAllocateNothing(t *testing.T) {
	s := NewStream(StreamConfig{ASNs: []route.ASN{64500}}, deps(), collector.SinkFunc(nothing))
	ctx := context.Background()
	frames := [][]byte{
		monitoring(t, header(), announce([]uint32{64999, 64998}, "10.0.0.0/16", "10.1.0.0/16")),
		monitoring(t, header(flags(flagPost)), announce([]uint32{64500, 64999, 64998}, "10.0.0.0/16", "10.1.0.0/16")),
		monitoring(t, header(), withdraw("10.0.0.0/16")),
	}
	feed(t, s, frames...)
	n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			if err := s.Message(ctx, f, arrival); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for three messages that match nothing", n)
	}
}

func BenchmarkReplay(b *testing.B) {
	one := monitoring(b, header(), announce([]uint32{64999, 64998, 64997}, "10.0.0.0/16", "10.1.0.0/16", "10.2.2.0/24", "10.3.3.0/24", "10.4.4.0/22"))
	stream := bytes.Repeat(one, 10_000)
	d := deps()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		s := NewStream(StreamConfig{ASNs: []route.ASN{64500}, Replay: true}, d, collector.SinkFunc(nothing))
		if err := s.Replay(context.Background(), bytes.NewReader(stream), arrival, func(err error) { b.Fatal(err) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds()/1e6, "Mprefixes/s")
}
