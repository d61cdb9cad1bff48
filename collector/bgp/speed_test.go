package bgp

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"anywatch/collector"
)

// A table of 250,000 routes, five to an UPDATE, over one session; each round ends with a route that is watched.
func BenchmarkSession(b *testing.B) {
	const updates = 50_000
	var table bytes.Buffer
	for i := range updates {
		a := fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255)
		m, err := announce([]uint32{64501, 64502, 64503}, a, "11.0.0.0/16", "11.1.0.0/16", "11.2.3.0/24", "11.4.4.0/22").Serialize()
		if err != nil {
			b.Fatal(err)
		}
		table.Write(m)
	}
	last, err := announce([]uint32{64501}, "192.0.2.0/24").Serialize()
	if err != nil {
		b.Fatal(err)
	}
	table.Write(last)

	source, err := New(config(ibgp("127.0.11.20")), deps(new(logs)))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	seen, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- source.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind == collector.Routes {
				seen <- struct{}{}
			}
			return nil
		}))
	}()
	r, err := dial(b, "127.0.11.20", source.Addrs()[0], "")
	if err != nil {
		b.Fatal(err)
	}
	r.establish(64500, mp4())
	b.SetBytes(int64(table.Len()))
	for b.Loop() {
		r.write(table.Bytes())
		<-seen
	}
	b.ReportMetric(float64(b.N)*updates*5/b.Elapsed().Seconds()/1e6, "Mprefixes/s")
	cancel()
	<-done
}
