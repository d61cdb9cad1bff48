package bgp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/jwhited/corebgp"

	"anywatch/collector"
)

const speedUpdates = 200_000 // of five routes each: a full table

// fullTable gives a table of a million routes; its last UPDATE is one that is watched.
func fullTable(b *testing.B) []byte {
	b.Helper()
	var table bytes.Buffer
	for i := range speedUpdates - 1 {
		m, err := announce([]uint32{64501, 64502, 64503}, fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255),
			"11.0.0.0/16", "11.1.0.0/16", "11.2.3.0/24", "11.4.4.0/22").Serialize()
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
	return table.Bytes()
}

// BenchmarkSession sends a full table over one session: to anywatch, to anywatch where prefixes are counted, to corebgp with a handler that does
// nothing, and to a listener that discards everything.
func BenchmarkSession(b *testing.B) {
	table := fullTable(b)
	for _, to := range []struct {
		name    string
		receive func(b *testing.B, tables chan<- struct{}) netip.AddrPort
	}{
		{"anywatch", func(b *testing.B, tables chan<- struct{}) netip.AddrPort { return receiveSource(b, 0, tables) }},
		{"anywatch-max_prefixes", func(b *testing.B, tables chan<- struct{}) netip.AddrPort { return receiveSource(b, 1e6, tables) }},
		{"corebgp", receiveCore},
		{"discard", func(b *testing.B, tables chan<- struct{}) netip.AddrPort {
			return receiveNothing(b, len(table), tables)
		}},
	} {
		b.Run(to.name, func(b *testing.B) {
			tables := make(chan struct{}, 1)
			r, err := dial(b, "127.0.11.20", to.receive(b, tables), "")
			if err != nil {
				b.Fatal(err)
			}
			if to.name != "discard" {
				r.establish(64500, mp4())
			}
			b.SetBytes(int64(len(table)))
			for b.Loop() {
				r.write(table)
				<-tables
			}
			b.ReportMetric(float64(b.N)*speedUpdates*5/b.Elapsed().Seconds()/1e6, "Mprefixes/s")
		})
	}
}

func receiveSource(b *testing.B, limit int, tables chan<- struct{}) netip.AddrPort {
	b.Helper()
	n := ibgp("127.0.11.20")
	n.MaxPrefixes = limit
	source, err := New(config(n), deps(new(logs)))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- source.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind == collector.Routes {
				tables <- struct{}{}
			}
			return nil
		}))
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	return source.Addrs()[0]
}

// passivePlugin counts UPDATEs.
type passivePlugin struct {
	n      int
	tables chan<- struct{}
}

func (p *passivePlugin) GetCapabilities(corebgp.PeerConfig) []corebgp.Capability {
	return []corebgp.Capability{corebgp.NewMPExtensionsCapability(1, 1)}
}

func (p *passivePlugin) OnOpenMessage(corebgp.PeerConfig, netip.Addr, []corebgp.Capability) *corebgp.Notification {
	return nil
}

func (p *passivePlugin) OnEstablished(corebgp.PeerConfig, corebgp.UpdateMessageWriter) corebgp.UpdateMessageHandler {
	return func(corebgp.PeerConfig, []byte) *corebgp.Notification {
		if p.n++; p.n%speedUpdates == 0 {
			p.tables <- struct{}{}
		}
		return nil
	}
}

func (p *passivePlugin) OnClose(corebgp.PeerConfig) {}

func receiveCore(b *testing.B, tables chan<- struct{}) netip.AddrPort {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server, err := corebgp.NewServer(addr("192.0.2.250"))
	if err != nil {
		b.Fatal(err)
	}
	peer := corebgp.PeerConfig{RemoteAddress: addr("127.0.11.20"), LocalAS: 64500, RemoteAS: 64500}
	if err := server.AddPeer(peer, &passivePlugin{tables: tables}, corebgp.WithPassive()); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve([]net.Listener{l}) }()
	b.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, corebgp.ErrServerClosed) {
			b.Error(err)
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

func receiveNothing(b *testing.B, size int, tables chan<- struct{}) netip.AddrPort {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		for err == nil {
			if _, err = io.CopyN(io.Discard, c, int64(size)); err == nil {
				tables <- struct{}{}
			}
		}
		_ = c.Close()
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}
