package exabgp

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"anywatch/collector/route"
)

// attributes are the path attributes of an update by their names in ExaBGP.
type attributes map[string]json.RawMessage

// into decodes one attribute; false when it is absent or something else.
func (a attributes) into(name string, value any) bool {
	return a[name] != nil && json.Unmarshal(a[name], value) == nil
}

func (a attributes) text(name string) string {
	var s string
	a.into(name, &s)
	return s
}

// readAttrs reads the attributes of an update. Of those, only the path must be readable: the others say nothing about where a route leads.
func readAttrs(a attributes) (*route.Attrs, error) {
	out := &route.Attrs{Origin: route.Incomplete}
	if err := a.generic(out); err != nil {
		return nil, err
	}
	var err error
	if out.Path, err = a.path(); err != nil {
		return nil, fmt.Errorf("as-path: %w", err)
	}
	switch a.text("origin") {
	case "igp":
		out.Origin = route.IGP
	case "egp":
		out.Origin = route.EGP
	}
	out.HasMED = a.into("med", &out.MED)
	out.HasLocalPref = a.into("local-preference", &out.LocalPref)
	a.into("atomic-aggregate", &out.AtomicAggregate)
	a.communities(out)
	out.Aggregator = a.aggregator()
	out.OriginatorID, _ = netip.ParseAddr(a.text("originator-id"))
	var clusters []string
	a.into("cluster-list", &clusters)
	for _, text := range clusters {
		if id, err := netip.ParseAddr(text); err == nil {
			out.ClusterList = append(out.ClusterList, id)
		}
	}
	if a.into("otc", &out.OTC) { // ExaBGP does not name it yet; it comes as attribute-0x23
		out.HasOTC = true
	}
	return out, nil
}

func (a attributes) communities(out *route.Attrs) {
	var plain [][2]uint16
	a.into("community", &plain)
	for _, c := range plain {
		out.Communities = append(out.Communities, route.Community(uint32(c[0])<<16|uint32(c[1])))
	}
	var large [][3]uint32
	a.into("large-community", &large)
	for _, c := range large {
		out.Large = append(out.Large, route.LargeCommunity{Global: c[0], Local1: c[1], Local2: c[2]})
	}
	var extended []struct {
		Value uint64 `json:"value"`
	}
	a.into("extended-community", &extended)
	for _, c := range extended {
		var e route.ExtCommunity
		binary.BigEndian.PutUint64(e[:], c.Value)
		out.Extended = append(out.Extended, e)
	}
}

// aggregator reads "64500:192.0.2.1".
func (a attributes) aggregator() (out route.Aggregator) {
	asn, address, _ := strings.Cut(a.text("aggregator"), ":")
	by, err := route.ParseASN(asn)
	if err != nil {
		return out
	}
	at, err := netip.ParseAddr(address)
	if err != nil {
		return out
	}
	return route.Aggregator{AS: by, Address: at}
}

// generic reads the attributes that ExaBGP passes on without knowing them, "attribute-0x23-0xC0": "0x0000FBF4", from their type, flags and octets.
func (a attributes) generic(out *route.Attrs) error {
	var wire []byte
	for _, name := range slices.Sorted(maps.Keys(a)) {
		rest, ok := strings.CutPrefix(name, "attribute-0x")
		typ, flags, both := strings.Cut(rest, "-0x")
		if !ok || !both {
			continue
		}
		t, errType := strconv.ParseUint(typ, 16, 8)
		f, errFlags := strconv.ParseUint(flags, 16, 8)
		value, err := hex.DecodeString(strings.TrimPrefix(a.text(name), "0x"))
		if errType != nil || errFlags != nil || err != nil || len(value) > 0xFFFF {
			continue // told in words: of no use, and no harm
		}
		const extended = 0x10
		wire = append(wire, byte(f)|extended, byte(t))
		wire = append(binary.BigEndian.AppendUint16(wire, uint16(len(value))), value...)
	}
	if wire == nil {
		return nil
	}
	known, class, err := route.DecodeAttrs(wire, route.Encoding{})
	if class >= route.TreatAsWithdraw {
		return err
	}
	out.OTC, out.HasOTC, out.Unknown = known.OTC, known.HasOTC, known.Unknown
	return nil
}

// path reads the AS_PATH: an object of numbered segments since ExaBGP 5; before, a list of numbers, with the members of sets apart from them.
func (a attributes) path() (route.Path, error) {
	if b := a["as-path"]; len(b) > 0 && b[0] == '{' {
		return segments(b)
	}
	var p route.Path
	for _, part := range []struct {
		name string
		kind route.SegmentKind
	}{{"confederation-path", route.ConfedSequence}, {"confederation-set", route.ConfedSet}, {"as-path", route.Sequence}, {"as-set", route.Set}} {
		b := a[part.name]
		if len(b) == 0 {
			continue
		}
		var asns []route.ASN
		if err := json.Unmarshal(b, &asns); err != nil {
			return nil, err
		}
		if len(asns) > 0 {
			p = append(p, route.Segment{Kind: part.kind, ASNs: asns})
		}
	}
	return p, nil
}

// segments reads {"0": {"element": "as-sequence", "value": [3356, 64500]}, "1": …}.
func segments(b json.RawMessage) (route.Path, error) {
	var numbered map[int]struct {
		Element string      `json:"element"`
		Value   []route.ASN `json:"value"`
	}
	if err := json.Unmarshal(b, &numbered); err != nil {
		return nil, err
	}
	var p route.Path
	for _, i := range slices.Sorted(maps.Keys(numbered)) {
		s := numbered[i]
		kind, ok := map[string]route.SegmentKind{"as-sequence": route.Sequence, "as-set": route.Set,
			"as-confed-sequence": route.ConfedSequence, "as-confed-set": route.ConfedSet}[s.Element]
		if !ok {
			return nil, fmt.Errorf("segment %q is unknown", clip(s.Element))
		}
		last := len(p) - 1
		switch {
		case len(s.Value) == 0:
		case last >= 0 && kind == route.Sequence && p[last].Kind == kind: // a path of more than 255 ASes comes in several, and means one
			p[last].ASNs = append(p[last].ASNs, s.Value...)
		default:
			p = append(p, route.Segment{Kind: kind, ASNs: s.Value})
		}
	}
	return p, nil
}
