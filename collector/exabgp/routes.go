package exabgp

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"anywatch/collector/route"
)

// routes are what an update announces and withdraws, one part for each next hop.
type routes struct {
	parts  []route.Update
	others int // routes of families that are not read
}

// read reads an update. Families and next hops come in the order of their names, so that the same line always gives the same events.
func (r *routes) read(u *update) error {
	var withdrawn []route.NLRI
	for _, name := range slices.Sorted(maps.Keys(u.Withdraw)) {
		list, err := r.list(name, u.Withdraw[name])
		if err != nil {
			return err
		}
		withdrawn = append(withdrawn, list...)
	}
	if err := r.announced(u); err != nil {
		return err
	}
	r.globalFirst()
	switch {
	case len(withdrawn) == 0:
	case len(r.parts) == 0:
		r.parts = []route.Update{{Withdrawn: withdrawn}}
	default:
		r.parts[0].Withdrawn = withdrawn
	}
	return nil
}

func (r *routes) announced(u *update) error {
	var attrs *route.Attrs
	for _, name := range slices.Sorted(maps.Keys(u.Announce)) {
		hops := u.Announce[name]
		for _, hop := range slices.Sorted(maps.Keys(hops)) {
			list, err := r.list(name, hops[hop])
			if err != nil {
				return err
			}
			if len(list) == 0 {
				continue
			}
			if attrs == nil {
				if attrs, err = readAttrs(u.Attribute); err != nil {
					return err
				}
			}
			own := *attrs
			own.NextHop = nextHop(hop)
			r.parts = append(r.parts, route.Update{Announced: list, Attrs: &own})
		}
	}
	return nil
}

// nextHop reads a next hop; "null" and what else is no address give none.
func nextHop(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a.Unmap().WithZone("")
}

// list reads the routes of a family: texts, objects with "nlri" in them, or, from before ExaBGP 4.0.1, one object with the prefixes as its keys.
func (r *routes) list(family string, b json.RawMessage) ([]route.NLRI, error) {
	elements, err := elements(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(family), err)
	}
	if f, _ := familyOf(family); f == 0 {
		r.others += len(elements)
		return nil, nil
	}
	out := make([]route.NLRI, 0, len(elements))
	for _, e := range elements {
		n, err := readNLRI(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", family, err)
		}
		out = append(out, n)
	}
	return out, nil
}

func elements(b json.RawMessage) (list []json.RawMessage, err error) {
	if len(b) == 0 || b[0] != '{' {
		return list, json.Unmarshal(b, &list)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		quoted, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		list = append(list, quoted)
	}
	return list, nil
}

func readNLRI(b json.RawMessage) (n route.NLRI, err error) {
	var o struct {
		NLRI string `json:"nlri"`
		Path string `json:"path-information"`
	}
	if len(b) > 0 && b[0] == '"' {
		err = json.Unmarshal(b, &o.NLRI)
	} else {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		return n, err
	}
	p, err := netip.ParsePrefix(o.NLRI)
	if err != nil || p.Addr().Is4In6() {
		return n, fmt.Errorf("%q is no prefix", clip(o.NLRI))
	}
	n.Prefix = p.Masked()
	if o.Path == "" {
		return n, nil
	}
	id, err := netip.ParseAddr(o.Path) // four octets, written as an address
	if err != nil || !id.Is4() {
		return n, fmt.Errorf("%q is no path identifier", clip(o.Path))
	}
	octets := id.As4()
	n.PathID = binary.BigEndian.Uint32(octets[:])
	return n, nil
}

// globalFirst leaves out routes with a link-local next hop that the update also announces with a global one: ExaBGP lists both next hops of one route
// (RFC 2545 section 3) as two.
func (r *routes) globalFirst() {
	global := make(map[route.NLRI]bool)
	for _, part := range r.parts {
		if !part.Attrs.NextHop.IsLinkLocalUnicast() {
			for _, n := range part.Announced {
				global[n] = true
			}
		}
	}
	kept := r.parts[:0]
	for _, part := range r.parts {
		if part.Attrs.NextHop.IsLinkLocalUnicast() {
			part.Announced = slices.DeleteFunc(part.Announced, func(n route.NLRI) bool { return global[n] })
		}
		if len(part.Announced) > 0 {
			kept = append(kept, part)
		}
	}
	r.parts = kept
}
