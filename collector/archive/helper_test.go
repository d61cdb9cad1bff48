package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/collector"
	"anywatch/collector/archive"
	"anywatch/collector/route"
	"anywatch/collector/screen"
)

const t0 = 1700000000 // 2023-11-14T22:13:20Z

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// update is an UPDATE that announces 192.0.x.0/24 with the path AS64501.
func update(x int) []byte {
	attrs := slices.Concat([]byte{0x40, 1, 1, 0, 0x40, 2, 6, 2, 1}, u32(64501), []byte{0x40, 3, 4, 198, 51, 100, 9})
	body := slices.Concat(u16(0), u16(len(attrs)), attrs, []byte{24, 192, 0, byte(x)})
	return slices.Concat(bytes.Repeat([]byte{0xFF}, 16), u16(19+len(body)), []byte{2}, body)
}

// record is an MRT record of that update at a time; 192.0.2.0/24 is watched.
func record(at, x int) []byte {
	b := slices.Concat(u32(64501), u32(64999), u16(0), u16(1), []byte{198, 51, 100, 1, 203, 0, 113, 1}, update(x))
	return slices.Concat(u32(at), u16(16), u16(4), u32(len(b)), b)
}

// records are some in a row, a second apart.
func records(at, n int) (b []byte) {
	for i := range n {
		b = append(b, record(at+i, 2)...)
	}
	return b
}

// table is a TABLE_DUMP_V2 of one route of one peer, its peer index at one time and the route at another.
func table(index, entry int) []byte {
	peers := slices.Concat(u32(1), u16(0), u16(1), []byte{2}, u32(1), []byte{198, 51, 100, 1}, u32(64501))
	attrs := slices.Concat([]byte{0x40, 1, 1, 0, 0x40, 2, 6, 2, 1}, u32(64501), []byte{0x40, 3, 4, 198, 51, 100, 9})
	rib := slices.Concat(u32(0), []byte{24, 192, 0, 2}, u16(1), u16(0), u32(0), u16(len(attrs)), attrs)
	return slices.Concat(u32(index), u16(13), u16(1), u32(len(peers)), peers, u32(entry), u16(13), u16(2), u32(len(rib)), rib)
}

// line is a RIS Live line of the same route.
func line(at int) []byte {
	return fmt.Appendf(nil, `{"type":"ris_message","data":{"timestamp":%d,"peer":"198.51.100.1","peer_asn":"64501","host":"rrc00","type":"UPDATE","path":[64501],`+
		`"announcements":[{"next_hop":"198.51.100.9","prefixes":["192.0.2.0/24"]}]}}`+"\n", at)
}

// bmpUpdate is a BMP Route Monitoring message of the same route.
func bmpUpdate(at int) []byte {
	peer := slices.Concat([]byte{0, 0}, make([]byte, 8+12), []byte{198, 51, 100, 1}, u32(64501), []byte{198, 51, 100, 1}, u32(at), u32(0))
	return bmpMessage(0, peer, update(2))
}

// textFrame is an OpenBMP message with the older header around a BMP message.
func textFrame(body []byte) []byte {
	head := fmt.Sprintf("V: 1.7\nC_HASH_ID: 11111111111111111111111111111111\nT: bmp_raw\nR_HASH: 22222222222222222222222222222222\nR_IP: 198.51.100.254\nL: %d\n\n", len(body))
	return append([]byte(head), body...)
}

// exaLine is a line of ExaBGP of the same route.
func exaLine(at int) []byte {
	return fmt.Appendf(nil, `{ "exabgp": "4.0.1", "time": %d.5, "host": "h1", "pid": 1, "ppid": 1, "counter": 1, "type": "update", "neighbor": { "address": { `+
		`"local": "203.0.113.1", "peer": "198.51.100.1" }, "asn": { "local": 64999, "peer": 64501 }, "direction": "receive", "message": { "update": { "attribute": { `+
		`"origin": "igp", "as-path": [ 64501 ], "confederation-path": [] }, "announce": { "ipv4 unicast": { "198.51.100.9": [ { "nlri": "192.0.2.0/24" } ] } } } } } }`+"\n", at)
}

func bmpMessage(typ byte, body ...[]byte) []byte {
	b := slices.Concat(body...)
	return slices.Concat([]byte{3}, u32(6+len(b)), []byte{typ}, b)
}

// rig reads inputs and notes what comes out.
type rig struct {
	t        *testing.T
	deps     archive.Deps
	opt      archive.Options
	events   []string // time, vantage and kind of each, but for what introduces a vantage
	problems []string
	ticks    []time.Time
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t}
	watch := screen.NewWatch([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, []route.ASN{64500}, screen.Shortest{IPv4: 8, IPv6: 19})
	r.deps = archive.Deps{
		Registry: collector.NewRegistry(), Live: screen.NewLive(watch), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Out: collector.SinkFunc(func(_ context.Context, ev collector.Event) error {
			if ev.Kind != collector.Heard && ev.Kind != collector.PeerUp {
				r.events = append(r.events, fmt.Sprintf("%d %s %s", ev.Time.Unix()-t0, ev.Vantage.Name(), ev.Kind))
			}
			return nil
		}),
		Report: func(p archive.Problem) { r.problems = append(r.problems, p.Error()) },
		Tick:   func(at time.Time) { r.ticks = append(r.ticks, at) },
	}
	return r
}

// file writes a file and opens it.
func (r *rig) file(name string, content []byte) archive.Input {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	inputs, err := archive.Open(path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return inputs[0]
}

func (r *rig) read(inputs ...archive.Input) (archive.Stats, error) {
	return archive.Read(context.Background(), inputs, r.deps, r.opt)
}

// expect reads one content and compares what was counted.
func (r *rig) expect(content []byte, messages, updates, malformed uint64) {
	r.t.Helper()
	stats, err := r.read(r.file("input", content))
	if err != nil {
		r.t.Error(err)
	}
	if stats.Messages != messages || stats.Updates != updates || stats.Malformed != malformed {
		r.t.Errorf("counted %+v, want messages %d, updates %d, malformed %d; problems %q", stats.Tally, messages, updates, malformed, r.problems)
	}
	if len(r.problems) != int(malformed) {
		r.t.Errorf("reported %q", r.problems)
	}
}

func (r *rig) says(what string) {
	r.t.Helper()
	if !strings.Contains(strings.Join(r.problems, "\n"), what) {
		r.t.Errorf("reported %q, want %q", r.problems, what)
	}
}
