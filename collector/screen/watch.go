package screen

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"anywatch/collector/route"
)

// Watch is what the screen looks for, compiled once and never changed: watched prefixes, our ASes, and how short a covering
// prefix may be to be of interest.
type Watch struct {
	exact    bart.Lite
	filter4  *filter4
	filter6  *filter6
	asns     asnSet
	shortest Shortest
}

// Shortest bounds covering prefixes: an announcement shorter than this which covers a watched prefix is nobody's hijack (a default
// route, say) and does not match.
type Shortest struct{ IPv4, IPv6 uint8 }

// NewWatch compiles a watch. The prefixes must be masked and valid.
func NewWatch(prefixes []netip.Prefix, asns []route.ASN, shortest Shortest) *Watch {
	w := &Watch{filter4: new(filter4), filter6: newFilter6(len(prefixes)), asns: newASNSet(asns), shortest: shortest}
	for _, p := range prefixes {
		w.exact.Insert(p)
		if p.Addr().Is4() {
			w.filter4.add(p)
		} else {
			w.filter6.add(p)
		}
	}
	return w
}

// Overlaps tells whether a prefix equals, covers or lies inside a watched prefix; covering ones only down to the shortest length.
func (w *Watch) Overlaps(p netip.Prefix) bool {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return w.overlaps4(be32(a[:]), p.Bits())
	}
	a := p.Addr().As16()
	return w.overlaps6(be64(a[:8]), be64(a[8:]), p.Bits())
}

// Ours tells whether the AS is one of ours.
func (w *Watch) Ours(asn route.ASN) bool { return w.asns.has(uint32(asn)) }

func (w *Watch) overlaps4(addr uint32, bits int) bool {
	if bits >= int(w.shortest.IPv4) {
		if may := w.filter4.may(addr, bits); !may || bits <= 24 {
			return may
		}
	}
	var a [4]byte
	putBE32(a[:], addr)
	return w.certain(netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked(), w.shortest.IPv4)
}

func (w *Watch) overlaps6(high, low uint64, bits int) bool {
	if bits >= int(w.shortest.IPv6) && !w.filter6.may(high, bits) {
		return false
	}
	var a [16]byte
	putBE64(a[:8], high)
	putBE64(a[8:], low)
	return w.certain(netip.PrefixFrom(netip.AddrFrom16(a), bits).Masked(), w.shortest.IPv6)
}

// certain asks the trie. Too short a prefix matches only when a watched one covers or equals it.
func (w *Watch) certain(p netip.Prefix, shortest uint8) bool {
	if p.Bits() < int(shortest) {
		_, found := w.exact.LookupPrefixLPM(p)
		return found
	}
	return w.exact.OverlapsPrefix(p)
}

// asnSet holds our AS numbers: a bitmap by their low six bits says no to nearly all others at once.
type asnSet struct {
	bloom uint64
	list  []uint32
}

func newASNSet(asns []route.ASN) asnSet {
	var s asnSet
	for _, a := range asns {
		s.bloom |= 1 << (a & 63)
		s.list = append(s.list, uint32(a))
	}
	return s
}

func (s *asnSet) has(asn uint32) bool {
	if s.bloom&(1<<(asn&63)) == 0 {
		return false
	}
	for _, a := range s.list {
		if a == asn {
			return true
		}
	}
	return false
}
