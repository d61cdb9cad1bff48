package compliance

import (
	"cmp"
	"net/netip"
	"slices"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// wants is what one origin announces or may announce: what its ROAs ought to authorise, and nothing besides (RFC 9319 section 5).
type wants struct {
	in     *audit
	needed map[netip.Prefix]bool // configured: a ROA has to be there
	kept   map[netip.Prefix]bool // announced and allowed, also where nobody declared it: a ROA that is there stays
	trees  []*Watched            // declared up to a length: a ROA may be as wide, and needn't
}

func (in *audit) wantsOf(asn route.ASN) *wants {
	w := &wants{in: in, needed: make(map[netip.Prefix]bool), kept: make(map[netip.Prefix]bool)}
	for i := range in.Watched {
		p := &in.Watched[i]
		if p.Use == Never || !slices.Contains(p.Origins, asn) {
			continue
		}
		w.needed[p.Prefix] = true
		for _, q := range p.Listed {
			w.needed[q] = w.needed[q] || in.judge(q) == p
		}
		if p.UpTo > p.Prefix.Bits() {
			w.trees = append(w.trees, p)
		}
	}
	for _, a := range in.Seen {
		if judge := in.judge(a.Prefix); judge != nil && judge.allows(asn) && a.Origin == asn && len(a.Set) == 0 {
			w.kept[a.Prefix] = true
			w.needed[a.Prefix] = w.needed[a.Prefix] || judge.declares(a.Prefix)
		}
	}
	for _, a := range in.Planned {
		if judge := in.judge(a.Prefix); a.Origin == asn && (judge == nil || judge.Use != Never) {
			w.needed[a.Prefix] = true
		}
	}
	return w
}

func (w *wants) has(p netip.Prefix) bool {
	if w.needed[p] || w.kept[p] {
		return true
	}
	judge := w.in.judge(p)
	return judge != nil && slices.Contains(w.trees, judge) && p.Bits() <= judge.UpTo
}

// tree tells whether all from a prefix down to a length was declared as a whole: no other watch inside has a say.
func (w *wants) tree(p netip.Prefix, upTo int) bool {
	judge := w.in.judge(p)
	if judge == nil || upTo > judge.UpTo || !slices.Contains(w.trees, judge) {
		return false
	}
	for inner := range w.in.trie.Subnets(p) {
		if inner != judge.Prefix {
			return false
		}
	}
	return true
}

// all tells whether everything from a prefix down to a length is wanted. It goes down the left side first and ends at the first prefix
// that isn't, so it takes no more steps than there are wanted prefixes.
func (w *wants) all(p netip.Prefix, upTo int) bool {
	if w.tree(p, upTo) {
		return true
	}
	if !w.has(p) {
		return false
	}
	if p.Bits() >= upTo {
		return true
	}
	left, right := halves(p)
	return w.all(left, upTo) && w.all(right, upTo)
}

// widest gives the greatest maxLength, below that of the VRP, with which it authorises only what is wanted; false when there is none.
func (w *wants) widest(v rpki.VRP) (int, bool) {
	for n := int(v.MaxLength) - 1; n >= v.Prefix.Bits(); n-- {
		if w.all(v.Prefix, n) {
			return n, true
		}
	}
	return 0, false
}

// list gives what must be authorised, in address order.
func (w *wants) list(also func(netip.Prefix) bool) []netip.Prefix {
	var out []netip.Prefix
	for p, needed := range w.needed {
		if needed {
			out = append(out, p)
		}
	}
	for p := range w.kept {
		if !w.needed[p] && also(p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, comparePrefixes)
	return out
}

func halves(p netip.Prefix) (left, right netip.Prefix) {
	bits := p.Bits() + 1
	left = netip.PrefixFrom(p.Addr(), bits)
	if p.Addr().Is4() {
		a := p.Addr().As4()
		a[(bits-1)/8] |= 0x80 >> ((bits - 1) % 8)
		return left, netip.PrefixFrom(netip.AddrFrom4(a), bits)
	}
	a := p.Addr().As16()
	a[(bits-1)/8] |= 0x80 >> ((bits - 1) % 8)
	return left, netip.PrefixFrom(netip.AddrFrom16(a), bits)
}

// comparePrefixes orders by family, address and length.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(cmp.Compare(a.Addr().BitLen(), b.Addr().BitLen()), a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// authorises tells whether a VRP makes an announcement by its AS valid.
func authorises(v rpki.VRP, p netip.Prefix) bool {
	return covers(v.Prefix, p) && p.Bits() <= int(v.MaxLength)
}
