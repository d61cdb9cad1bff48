package fulltable

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// risPeers is how many peers the messages come from, in turn.
const risPeers = 50

// RISLive gives the first messages of the table as RIS Live sends them, without the raw octets: about 300 octets each, of peers that take
// turns, all with the same time. An UPDATE that would be much longer is cut short.
func (t *Table) RISLive(count int, at time.Time) [][]byte {
	out := make([][]byte, 0, count)
	for i := 0; len(out) < count; i++ {
		g := t.Groups[i*31%len(t.Groups)] // both families in turn, in the shares that they have
		g.Prefixes = g.Prefixes[:min(len(g.Prefixes), 2)]
		g.Communities = g.Communities[:min(len(g.Communities), 1)]
		out = append(out, risMessage(&g, i%risPeers, at))
	}
	return out
}

// RISHijack is the message in which a peer shows the hijacker's announcement of the nth watched prefix.
func RISHijack(n int, at time.Time) []byte {
	return risMessage(&Group{Path: []uint32{SenderAS, 3320, Hijacker}, Prefixes: []netip.Prefix{Watched(n)}}, n%risPeers, at)
}

func risMessage(g *Group, peer int, at time.Time) []byte {
	hop := NextHop4()
	if g.IPv6() {
		hop = NextHop6()
	}
	asn := SenderAS + peer
	b := fmt.Appendf(nil, `{"type":"ris_message","data":{"timestamp":%d.%02d,"peer":"10.64.22.%d","peer_asn":"%d","id":"10.64.22.%d-%016x","host":"rrc%02d","type":"UPDATE","path":[%d`,
		at.Unix(), peer, 1+peer, asn, 1+peer, at.UnixNano(), peer%24, asn)
	for _, a := range g.Path[1:] {
		b = strconv.AppendUint(append(b, ','), uint64(a), 10)
	}
	b = append(b, `],"community":[`...)
	for i, c := range g.Communities {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "[%d,%d]", c>>16, c&0xffff)
	}
	b = fmt.Appendf(b, `],"origin":"IGP","announcements":[{"next_hop":"%s","prefixes":[`, hop)
	for i, p := range g.Prefixes {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q", p)
	}
	return append(b, `]}],"withdrawals":[]}}`...)
}
