package rislive

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"anywatch/collector"
	"anywatch/collector/rislive/internal/ws"
)

// frame is a message as one unmasked websocket text frame (RFC 6455 section 5.2).
func frame(text string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(len(text))), text...)
}

// batch is how many messages the sender writes at once, and batches how many different ones it has.
const batch, batches = 400, 16

// noise makes batches of messages that nobody watches, of about 300 octets, as the collectors send them: paths, communities and peers of all lengths.
func noise() (out [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	for range batches {
		var b []byte
		for range batch {
			b = append(b, frame(heardOf(r, fmt.Sprintf("20.%d.%d.0/%d", r.IntN(256), r.IntN(256), 19+r.IntN(6)), 1000+r.IntN(60000)))...)
		}
		out = append(out, b)
	}
	return out
}

// heardOf is a message about a prefix and its origin.
func heardOf(r *rand.Rand, prefix string, origin int) string {
	peer := r.IntN(300)
	path, communities := fmt.Sprint(60000+peer), ""
	for range 1 + r.IntN(4) {
		path += fmt.Sprintf(",%d", 1000+r.IntN(60000))
	}
	for i := range r.IntN(2) {
		communities += fmt.Sprintf(",[%d,%d]", 1000+r.IntN(60000), i*r.IntN(3000))
	}
	address := fmt.Sprintf("198.51.100.%d", peer%256)
	return fmt.Sprintf(`{"type":"ris_message","data":{"timestamp":17000000%02d.%d,"peer":"%s","peer_asn":"%d","id":"%s-018bcfe5687b%04x","host":"rrc%02d","type":"UPDATE",`+
		`"path":[%s,%d],"community":[%s],"origin":"IGP","announcements":[{"next_hop":"%s","prefixes":["%s"]}],"withdrawals":[]}}`,
		r.IntN(60), r.IntN(99), address, 60000+peer, address, r.IntN(65536), peer/100, path, origin, strings.TrimPrefix(communities, ","), address, prefix)
}

// hidden are the hijacks among the noise.
var hidden = []string{"192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/26", "192.0.0.0/16", "192.0.2.77/32"}

// speaking answers a websocket handshake and then lets a test write what it likes.
func speaking(say func(io.Writer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		accept := base64.StdEncoding.EncodeToString(sum[:])
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept+"\r\n\r\n")
		say(conn)
		_, _ = io.Copy(io.Discard, conn) // until the client goes
	}
}

// batching sends so many messages, at least, in batches, each in one write as a busy server does, with the hijacks at equal distances and the
// last of them at the very end.
func batching(noise [][]byte, n int) http.HandlerFunc {
	return speaking(func(w io.Writer) {
		random := rand.New(rand.NewPCG(3, 4))
		for _, prefix := range hidden {
			for i := range rounds(n) {
				if _, err := w.Write(noise[i%len(noise)]); err != nil {
					return
				}
			}
			_, _ = w.Write(frame(heardOf(random, prefix, 64666)))
		}
	})
}

// rounds is how many batches stand before each hijack when there are to be so many messages in all.
func rounds(n int) int { return max(n/batch/len(hidden), 1) }

func total(n int) int { return (rounds(n)*batch + 1) * len(hidden) }

// BenchmarkStream takes messages of about 300 octets over a websocket from a sender in the same process that batches its writes: frames alone
// with the library that this package does without, frames alone with our own reader, and the whole source, which has to find five hijacks.
func BenchmarkStream(b *testing.B) {
	noise := noise()
	size := 0
	for _, n := range noise {
		size += len(n)
	}
	for _, c := range []struct {
		name string
		read func(b *testing.B, url string, n int)
	}{{"library", readByLibrary}, {"frames", readFrames}, {"source", readBySource}} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(batching(noise, b.N))
			defer server.Close()
			b.ResetTimer()
			c.read(b, "ws"+strings.TrimPrefix(server.URL, "http"), total(b.N))
			b.StopTimer()
			b.ReportMetric(float64(total(b.N))/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(size)/batch/batches-4, "octets/message")
		})
	}
}

func readByLibrary(b *testing.B, url string, n int) {
	conn, _, err := websocket.Dial(context.Background(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.CloseNow()
	buf := make([]byte, 4096)
	for range n {
		_, r, err := conn.Reader(context.Background())
		for err == nil {
			_, err = r.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

func readFrames(b *testing.B, server string, n int) {
	u, err := url.Parse(server)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := ws.Dial(context.Background(), &http.Transport{}, u, ws.Limits{Message: maxMessage, Patience: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.CloseNow()
	for n > 0 {
		if err := conn.Fill(); err != nil {
			b.Fatal(err)
		}
		for {
			m, err := conn.Next()
			if err != nil {
				b.Fatal(err)
			}
			if m == nil {
				break
			}
			n--
		}
	}
}

func readBySource(b *testing.B, url string, n int) {
	counters := new(collector.Counters)
	src, err := New(watchedFew(url), Deps{Live: testWatch(), Registry: collector.NewRegistry(), Counters: counters, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(1700000060, 0) }})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var found []string
	err = src.Run(ctx, collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
		if ev.Kind == collector.Routes {
			found = append(found, ev.Updates[0].Announced[0].Prefix.String())
			if len(found) == len(hidden) {
				b.StopTimer()
				stop()
			}
		}
		return nil
	}))
	if err != context.Canceled || !slices.Equal(found, hidden) || counters.Messages.Load() != uint64(n) {
		b.Fatalf("found %q among %d messages of %d: %v", found, counters.Messages.Load(), n, err)
	}
}

// BenchmarkNoise reads messages that nobody watches, and of which none is like the other.
func BenchmarkNoise(b *testing.B) {
	var lines [][]byte
	for _, n := range noise() {
		for ; len(n) > 0; n = n[4+len(lines[len(lines)-1]):] {
			lines = append(lines, n[4:4+int(binary.BigEndian.Uint16(n[2:]))])
		}
	}
	r, ctx := newRig(b, testWatch()), context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := r.decoder.Line(ctx, lines[i%len(lines)], arrival); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// TestHiddenHijacks: the benchmark's stream, once, with all that is counted.
func TestHiddenHijacks(t *testing.T) {
	noise := noise()
	r := newRig(t, testWatch())
	for _, b := range noise {
		for len(b) > 0 {
			n := int(binary.BigEndian.Uint16(b[2:]))
			r.line(string(b[4 : 4+n]))
			b = b[4+n:]
		}
	}
	if got, want := r.in.Tally, (collector.Tally{Messages: batch * batches, Updates: batch * batches, Prefixes: batch * batches, Skipped: batch * batches}); got != want || len(r.events) > 0 {
		t.Errorf("the noise is none: %+v, %q", got, r.events)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, prefix := range hidden {
		r.line(heardOf(random, prefix, 64666))
	}
	if len(r.events) != len(hidden) || !bytes.Contains([]byte(r.events[0]), []byte("64666")) {
		t.Errorf("hijacks found: %q", r.events)
	}
}
