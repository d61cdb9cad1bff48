package screen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"

	"github.com/bgpfix/bgpfix/caps"
	"github.com/bgpfix/bgpfix/msg"
	"github.com/osrg/gobgp/v3/pkg/packet/bgp"

	"anywatch/collector/route"
)

// fullTable is one generated full table, 1,000,000 IPv4 and 200,000 IPv6 prefixes of realistic lengths and paths, as whole BGP messages.
type fullTable struct {
	messages [][]byte
	prefixes []netip.Prefix
}

var table = sync.OnceValue(func() fullTable {
	r := rand.New(rand.NewPCG(2026, 1))
	v4 := distinct(r, 1_000_000, draw4)
	v6 := distinct(r, 200_000, draw6)
	t := fullTable{prefixes: append(append([]netip.Prefix{}, v4...), v6...)}
	pack := func(list []netip.Prefix, v6 bool) {
		for len(list) > 0 {
			n := min(1+int(r.ExpFloat64()*4.5), len(list), 200)
			m := message{path: realisticPath(r)}
			for _, p := range list[:n] {
				if v6 {
					m.mpAnnounced = append(m.mpAnnounced, route.NLRI{Prefix: p})
				} else {
					m.announced = append(m.announced, route.NLRI{Prefix: p})
				}
			}
			t.messages = append(t.messages, whole(m))
			list = list[n:]
		}
	}
	pack(v4, false)
	pack(v6, true)
	t.messages = adjacent(t.messages)
	return t
})

// adjacent lays messages one behind the other, as they lie in a reader's buffer.
func adjacent(list [][]byte) [][]byte {
	buffer := bytes.Join(list, nil)
	for i, m := range list {
		list[i], buffer = buffer[:len(m):len(m)], buffer[len(m):]
	}
	return list
}

// whole puts the 19 octets of header and the usual attributes around a message.
func whole(m message) []byte {
	body := m.bytes(route.Encoding{})
	n := int(binary.BigEndian.Uint16(body[2:]))
	extra := attribute([]byte{0x40, 1, 1, 0, 0x40, 3, 4, 10, 0, 0, 1}, 0xC0, 8, []byte{0xFB, 0xF4, 0, 101, 0x0D, 0x1C, 0, 2})
	out := append(make([]byte, 0, 64+len(body)), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x02\x00\x00"...)
	out = binary.BigEndian.AppendUint16(out, uint16(n+len(extra)))
	out = append(append(out, extra...), body[4:]...)
	binary.BigEndian.PutUint16(out[16:], uint16(len(out)))
	return out
}

func realisticPath(r *rand.Rand) route.Path {
	asns := make([]route.ASN, 2+r.IntN(5))
	for i := range asns {
		asns[i] = route.ASN(1 + r.IntN(65000))
		if r.IntN(3) == 0 {
			asns[i] += 131072
		}
	}
	return route.SequencePath(asns...)
}

func distinct(r *rand.Rand, n int, draw func(*rand.Rand) netip.Prefix) []netip.Prefix {
	seen := make(map[netip.Prefix]bool, n)
	out := make([]netip.Prefix, 0, n)
	for len(out) < n {
		if p := draw(r); !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// draw4 follows the lengths of today's table: six in ten are /24.
func draw4(r *rand.Rand) netip.Prefix {
	lengths := [...]int{24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 16}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x01000000+r.Uint32N(0xDF000000-0x01000000))
	return netip.PrefixFrom(netip.AddrFrom4(a), lengths[r.IntN(len(lengths))]).Masked()
}

// draw6 follows them too: half are /48, in the blocks that registries allocate from.
func draw6(r *rand.Rand) netip.Prefix {
	lengths := [...]int{48, 48, 48, 48, 48, 32, 32, 29, 40, 44, 36}
	heads := [...]uint32{0x20010000, 0x24000000, 0x26000000, 0x28000000, 0x2a000000, 0x2c000000}
	var a [16]byte
	binary.BigEndian.PutUint32(a[:], heads[r.IntN(len(heads))]+r.Uint32N(1<<22))
	binary.BigEndian.PutUint32(a[4:], r.Uint32())
	return netip.PrefixFrom(netip.AddrFrom16(a), lengths[r.IntN(len(lengths))]).Masked()
}

// BenchmarkFullTable walks one full table per iteration: our screen with several watches, and the parsers of gobgp and bgpfix, which
// would have to be asked the same questions afterwards.
func BenchmarkFullTable(b *testing.B) {
	t := table()
	for _, watched := range []int{10, 10_000, 100_000} {
		r := rand.New(rand.NewPCG(7, 7))
		nets := make([]netip.Prefix, watched)
		for i := range nets {
			nets[i] = t.prefixes[r.IntN(len(t.prefixes))]
		}
		s := New(NewLive(NewWatch(nets, []route.ASN{64500, 64501}, Shortest{8, 19})))
		b.Run(fmt.Sprintf("anywatch/watched=%d", watched), func(b *testing.B) {
			ctx, res, matched := Context{Local: 64499}, Result{}, 0
			measure(b, t, func(m []byte) {
				if s.Update(m[19:], &ctx, &res); res.Matched {
					matched++
				}
			})
			b.ReportMetric(float64(matched)/float64(b.N*len(t.messages)), "matched/msg")
		})
	}
	b.Run("gobgp", func(b *testing.B) {
		measure(b, t, func(m []byte) {
			if _, err := bgp.ParseBGPMessage(m); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("bgpfix", func(b *testing.B) {
		var cp caps.Caps
		cp.Init()
		cp.Use(caps.CAP_AS4)
		x := msg.NewMsg()
		measure(b, t, func(m []byte) {
			x.Reset()
			if _, err := x.FromBytes(m); err != nil {
				b.Fatal(err)
			}
			if err := x.Parse(cp); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func measure(b *testing.B, t fullTable, one func(m []byte)) {
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range t.messages {
			one(m)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(t.prefixes))/b.Elapsed().Seconds()/1e6, "Mprefixes/s")
}
