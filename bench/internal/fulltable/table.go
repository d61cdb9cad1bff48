// Package fulltable makes the routes that the benchmarks send: one full table of today's size and shape, always the same for the same numbers,
// as BGP UPDATEs, as an MRT file, as messages of RIS Live. Nothing in it overlaps the prefixes that the benchmarks watch.
package fulltable

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"anywatch/bench/internal/wire"
)

// The sender of the table: its AS is the first of every path, its next hops are those of every route. The next hop is not a loopback address
// because GoBGP takes no route with such a one.
const SenderAS = 65020

// NextHop4 and NextHop6 are the next hops of all routes.
func NextHop4() netip.Addr { return netip.AddrFrom4([4]byte{10, 64, 20, 20}) }

// NextHop6 is the IPv6 next hop, of the documentation's block (RFC 3849).
func NextHop6() netip.Addr { return netip.MustParseAddr("2001:db8:ffff::20") }

// Group is what one UPDATE announces: prefixes of one family that share their attributes.
type Group struct {
	Path        []uint32 // 2 to 6 ASes, the sender's first
	MED         int      // below zero: none
	Communities []uint32
	Large       [][3]uint32
	Prefixes    []netip.Prefix
}

// IPv6 tells the family of the prefixes.
func (g *Group) IPv6() bool { return g.Prefixes[0].Addr().Is6() }

// Table is a full table.
type Table struct {
	Groups   []Group
	Prefixes int // in all groups together, each once
}

// generator draws a table.
type generator struct {
	*rand.Rand
	seen map[netip.Prefix]struct{}
}

// New makes a table with so many prefixes of each family. The same numbers give the same table.
func New(ipv4, ipv6 int) *Table {
	g := generator{rand.New(rand.NewPCG(2026, 11)), make(map[netip.Prefix]struct{}, ipv4+ipv6)}
	t := &Table{Prefixes: ipv4 + ipv6, Groups: make([]Group, 0, (ipv4+ipv6)/5)}
	for _, family := range []struct {
		count int
		draw  func() netip.Prefix
	}{{ipv4, g.prefix4}, {ipv6, g.prefix6}} {
		for left := family.count; left > 0; {
			group := g.attributes()
			group.Prefixes = make([]netip.Prefix, min(g.size(), left))
			for i := range group.Prefixes {
				group.Prefixes[i] = g.fresh(family.draw)
			}
			left -= len(group.Prefixes)
			t.Groups = append(t.Groups, group)
		}
	}
	return t
}

// maxGroup keeps every UPDATE below 4,096 octets.
const maxGroup = 100

// size draws how many prefixes share their attributes: mostly few, five and a half in the mean.
func (g generator) size() int {
	n := 1
	for n < maxGroup && g.IntN(11) < 9 {
		n++
	}
	return n
}

func (g generator) attributes() Group {
	a := Group{Path: []uint32{SenderAS}, MED: -1}
	for range g.IntN(5) {
		a.Path = append(a.Path, 1000+g.Uint32N(4000))
	}
	origin := 5000 + g.Uint32N(58000)
	if g.IntN(4) == 0 {
		origin = 196608 + g.Uint32N(80000) // beyond two octets
	}
	a.Path = append(a.Path, origin)
	for range g.IntN(13) {
		a.Communities = append(a.Communities, (1000+g.Uint32N(30))<<16|g.Uint32N(5000))
	}
	if g.IntN(4) == 0 {
		a.MED = g.IntN(200)
	}
	if g.IntN(15) == 0 {
		for range 1 + g.IntN(3) {
			a.Large = append(a.Large, [3]uint32{200000 + g.Uint32N(50), g.Uint32N(100), g.Uint32N(100)})
		}
	}
	return a
}

// fresh draws until a prefix comes that was not there yet.
func (g generator) fresh(draw func() netip.Prefix) netip.Prefix {
	for {
		p := draw()
		if _, taken := g.seen[p]; !taken {
			g.seen[p] = struct{}{}
			return p
		}
	}
}

// prefix4 follows the lengths of today's table: more than half are /24. It leaves out what nobody announces, and 100.64.0.0/10, which is
// what the benchmarks watch.
func (g generator) prefix4() netip.Prefix {
	lengths := [...]int{24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 23, 23, 22, 22, 22, 21, 20, 20, 19, 18, 16}
	for {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], g.Uint32())
		switch o := a[0]; {
		case o == 0, o == 10, o == 100, o == 127, o == 169, o == 172, o == 192, o == 198, o == 203, o >= 224:
			continue
		}
		return netip.PrefixFrom(netip.AddrFrom4(a), lengths[g.IntN(len(lengths))]).Masked()
	}
}

// prefix6 follows them too: nearly half are /48, in the blocks that the registries allocate from.
func (g generator) prefix6() netip.Prefix {
	lengths := [...]int{48, 48, 48, 48, 48, 48, 48, 48, 44, 44, 40, 40, 36, 36, 32, 32, 32, 29, 46, 47}
	heads := [...]uint16{0x2400, 0x2403, 0x2404, 0x2600, 0x2602, 0x2604, 0x2620, 0x2800, 0x2804, 0x2a00, 0x2a02, 0x2a06, 0x2a0c, 0x2c0f}
	var a [16]byte
	binary.BigEndian.PutUint16(a[:], heads[g.IntN(len(heads))])
	binary.BigEndian.PutUint32(a[2:], g.Uint32())
	return netip.PrefixFrom(netip.AddrFrom16(a), lengths[g.IntN(len(lengths))]).Masked()
}

// Watched is the nth prefix that the benchmarks watch, 100.64.n/256.n%256/24 (RFC 6598), n below 16,384. Nothing in a table touches it.
func Watched(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(64 + n>>8), byte(n), 0}), 24)
}

// Hijacker is an AS that none of the watched prefixes may come from.
const Hijacker = 64666

// update gives the group as the wire package takes it.
func (g *Group) update() wire.Update {
	u := wire.Update{Path: g.Path, MED: g.MED, Communities: g.Communities, Large: g.Large, Announced: g.Prefixes, NextHop: NextHop4()}
	if g.IPv6() {
		u.NextHop = NextHop6()
	}
	return u
}

// Updates gives the table as whole BGP UPDATEs, which lie one behind the other in one piece of memory, as in a reader's buffer.
func (t *Table) Updates() [][]byte {
	var b []byte
	ends := make([]int, len(t.Groups))
	for i := range t.Groups {
		b = t.Groups[i].update().Append(b)
		ends[i] = len(b)
	}
	out, start := make([][]byte, len(ends)), 0
	for i, end := range ends {
		out[i] = b[start:end:end]
		start = end
	}
	return out
}

// Stream gives the table as BGP UPDATEs in one piece.
func (t *Table) Stream() []byte {
	var b []byte
	for i := range t.Groups {
		b = t.Groups[i].update().Append(b)
	}
	return b
}

// Hijack is the UPDATE in which the hijacker announces the nth watched prefix.
func Hijack(n int) []byte {
	return wire.Update{Path: []uint32{SenderAS, 3320, Hijacker}, MED: -1, Announced: []netip.Prefix{Watched(n)}, NextHop: NextHop4()}.Append(nil)
}
