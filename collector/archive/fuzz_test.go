package archive_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/screen"
)

// FuzzOpen: whatever an input holds, reading it ends, and what was counted adds up.
func FuzzOpen(f *testing.F) {
	f.Add(records(t0, 3))
	f.Add(slices.Concat(records(t0, 2), []byte("noise"), records(t0, 2), record(t0, 2)[:30]))
	f.Add(slices.Concat(table(t0, t0), record(t0, 2)))
	f.Add(slices.Concat(line(t0), []byte("{\n"), line(t0)))
	f.Add(slices.Concat(bmpUpdate(t0), bmpUpdate(t0)[:50]))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	f.Add([]byte("BZh91AY&SY"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x50\x01\x00\x00"))
	f.Add([]byte("OBMP"))
	live := screen.NewLive(screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, nil, screen.Shortest{IPv4: 8, IPv6: 19}))
	f.Fuzz(func(t *testing.T, content []byte) {
		inputs, err := archive.Open("-", bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		told := uint64(0)
		stats, err := archive.Read(context.Background(), inputs, archive.Deps{
			Registry: collector.NewRegistry(), Live: live, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Out:    collector.SinkFunc(func(context.Context, collector.Event) error { return nil }),
			Report: func(archive.Problem) { told++ },
		}, archive.Options{})
		if err == nil && stats.Messages == 0 && told != 1 {
			t.Fatalf("nothing was read, without an error, and %d problems were told", told)
		}
		if stats.Malformed > told || stats.Malformed > stats.Messages || stats.Matched+stats.Skipped != stats.Updates {
			t.Fatalf("counted %+v, told %d problems", stats.Tally, told)
		}
	})
}
