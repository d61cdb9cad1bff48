package rislive

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"anywatch/collector"
)

// frame is a message as one unmasked websocket text frame (RFC 6455 section 5.2).
func frame(text string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(len(text))), text...)
}

// batching answers a websocket handshake and then sends the batch so many times, each in one write, as a busy server does.
func batching(batch []byte, times int, last []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		accept := base64.StdEncoding.EncodeToString(sum[:])
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept+"\r\n\r\n")
		for range times {
			if _, err := conn.Write(batch); err != nil {
				return
			}
		}
		_, _ = conn.Write(last)
		_, _ = io.Copy(io.Discard, conn) // until the client goes
	}
}

// BenchmarkSource takes messages of about 300 octets over a websocket from a server that batches its writes, until the one that is watched comes.
func BenchmarkSource(b *testing.B) {
	const size = 1000
	batch := bytes.Repeat(frame(announcing("203.0.113.0/24", "[64501,3356,174,64502,200000,65000]")), size)
	server := httptest.NewServer(batching(batch, b.N/size+1, frame(announcing("192.0.2.0/24", "[64501]"))))
	defer server.Close()
	cfg := watchedFew("ws" + strings.TrimPrefix(server.URL, "http"))
	c := &clock{t: arrival}
	src, err := New(cfg, Deps{Live: testWatch(), Registry: collector.NewRegistry(), Counters: new(collector.Counters), Log: slog.New(slog.DiscardHandler), Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b.ResetTimer()
	err = src.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Routes {
			stop()
		}
		return nil
	}))
	b.ReportMetric(float64(b.N/size*size+size)/b.Elapsed().Seconds(), "messages/s")
	if err != context.Canceled {
		b.Fatal(err)
	}
}
