package rislive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// The slow way: a message decoded by encoding/json. Its objects are kept as maps, because keys differ by case.

type object map[string]json.RawMessage

// text gives a string; "" when it is absent or something else.
func (o object) text(key string) string {
	var s string
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// slow reads a message with all that JSON allows. It never reads "raw": the quick way has done that, or it can't be read.
func (d *Decoder) slow(ctx context.Context, line []byte, arrived time.Time) error {
	err := d.decode(ctx, line, arrived)
	var bad *Malformed
	if errors.As(err, &bad) {
		d.in.Tally.Malformed++
	}
	return err
}

func (d *Decoder) decode(ctx context.Context, line []byte, arrived time.Time) error {
	var top object
	if err := json.Unmarshal(line, &top); err != nil {
		return &Malformed{err}
	}
	msg, err := d.unwrap(top)
	if err != nil || msg == nil {
		return err
	}
	switch kind := msg.text("type"); kind {
	case "UPDATE":
		return d.update(ctx, msg, arrived)
	case "RIS_PEER_STATE", "STATE":
		return d.peerState(ctx, msg, arrived)
	case "OPEN", "NOTIFICATION", "KEEPALIVE":
		d.time(msg["timestamp"], arrived)
		return nil
	default:
		return &Malformed{fmt.Errorf("type %q is neither a BGP message nor anything that RIS Live says", clip([]byte(kind)))}
	}
}

// unwrap takes the envelope off. It gives nil for what the server says of itself.
func (d *Decoder) unwrap(top object) (object, error) {
	kind := top.text("type")
	data, wrapped := top["data"]
	switch {
	case kind == "ris_message" && wrapped:
		var msg object
		if err := json.Unmarshal(data, &msg); err != nil {
			return nil, &Malformed{err}
		}
		if msg == nil {
			return nil, &Malformed{errors.New("its data is null")}
		}
		return msg, nil
	case kind == "pong", strings.HasPrefix(kind, "ris_") && kind != "ris_message":
		d.talk = kind
		if kind == "ris_error" {
			d.talk += ": " + string(clip(data))
		}
		return nil, nil
	case wrapped:
		return nil, &Malformed{fmt.Errorf("envelope of type %q", clip([]byte(kind)))}
	}
	return top, nil
}

// peerOf finds who a message is from.
func (d *Decoder) peerOf(msg object) (*peer, error) {
	p, err := d.peer([]byte(msg.text("peer")), []byte(msg.text("peer_asn")), []byte(msg.text("host")))
	if err != nil {
		return nil, &Malformed{err}
	}
	return p, nil
}

func (d *Decoder) peerState(ctx context.Context, msg object, arrived time.Time) error {
	p, err := d.peerOf(msg)
	if err != nil {
		return err
	}
	ev := collector.Event{Time: d.time(msg["timestamp"], arrived), Vantage: p.vantage}
	switch state := msg.text("state"); state {
	case "up", "connected":
		ev.Kind, ev.Reason = collector.PeerUp, "RIS: "+state
	case "down":
		ev.Kind, ev.Reason = collector.PeerDown, "RIS: down"
	default:
		return &Malformed{fmt.Errorf("peer state %q is none of up, connected, down", clip([]byte(state)))}
	}
	if p.ignored {
		return nil
	}
	return d.in.Out.Emit(ctx, ev)
}

func (d *Decoder) update(ctx context.Context, msg object, arrived time.Time) error {
	p, err := d.peerOf(msg)
	if err != nil {
		return err
	}
	u, err := readUpdate(msg)
	if err != nil {
		return &Malformed{err}
	}
	t := d.time(msg["timestamp"], arrived)
	if p.ignored {
		n := 0
		for _, part := range u.parts {
			n += len(part.Announced) + len(part.Withdrawn)
		}
		d.count(n)
		return nil
	}
	if err := d.in.Decoded(ctx, p.vantage, t, u.parts); err != nil || !u.endOfRIB {
		return err
	}
	family := u.family
	if family == 0 {
		family = route.FamilyOf(netip.PrefixFrom(p.vantage.Peer, 0))
	}
	return d.in.Out.Emit(ctx, collector.Event{Kind: collector.EndOfRIB, Time: t, Vantage: p.vantage, Family: family})
}

// update is what an UPDATE says: routes by their next hops, and whether it ends the initial table of a family.
type update struct {
	parts    []route.Update
	endOfRIB bool
	family   route.Family
}

// readUpdate reads path, attributes, announcements and withdrawals.
func readUpdate(msg object) (u update, err error) {
	var withdrawals []string
	if err := get(msg, "withdrawals", &withdrawals); err != nil {
		return u, err
	}
	var withdrawn []route.NLRI
	if withdrawn, err = u.routes(withdrawals, 0); err != nil {
		return u, err
	}
	var list []object
	if err := get(msg, "announcements", &list); err != nil {
		return u, err
	}
	attrs, err := readAttrs(msg)
	if err != nil {
		return u, err
	}
	for _, a := range list {
		if err := u.announcement(a, attrs); err != nil {
			return u, err
		}
	}
	u.globalFirst()
	switch {
	case len(withdrawn) == 0:
	case len(u.parts) == 0:
		u.parts = []route.Update{{Withdrawn: withdrawn}}
	default:
		u.parts[0].Withdrawn = withdrawn
	}
	return u, nil
}

// get decodes one key; absent and null leave the zero value.
func get(msg object, key string, into any) error {
	if msg[key] == nil {
		return nil
	}
	if err := json.Unmarshal(msg[key], into); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// announcement reads the prefixes of one next hop.
func (u *update) announcement(a object, attrs *route.Attrs) error {
	var prefixes []string
	if err := get(a, "prefixes", &prefixes); err != nil {
		return err
	}
	// With IPv6, the global address comes first, a link-local one may follow: "2001:db8::1,fe80::1".
	first, _, _ := strings.Cut(a.text("next_hop"), ",")
	hop, _ := netip.ParseAddr(strings.TrimSpace(first))
	var family route.Family
	if hop.IsValid() {
		family = route.FamilyOf(netip.PrefixFrom(hop, 0))
	}
	announced, err := u.routes(prefixes, family)
	if err != nil || len(announced) == 0 {
		return err
	}
	own := *attrs
	own.NextHop = hop.Unmap().WithZone("")
	u.parts = append(u.parts, route.Update{Announced: announced, Attrs: &own})
	return nil
}

// routes reads prefixes. The word "eor" among them is an End-of-RIB.
func (u *update) routes(texts []string, family route.Family) ([]route.NLRI, error) {
	var out []route.NLRI
	for _, text := range texts {
		if text == "eor" {
			u.endOfRIB, u.family = true, family
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is no prefix", clip([]byte(text)))
		}
		out = append(out, route.NLRI{Prefix: p.Masked()})
	}
	return out, nil
}

// globalFirst leaves out routes with a link-local next hop that the message also announces with a global one: older messages list both
// next hops of one route as two announcements.
func (u *update) globalFirst() {
	global := make(map[netip.Prefix]bool)
	for _, part := range u.parts {
		if !part.Attrs.NextHop.IsLinkLocalUnicast() {
			for _, n := range part.Announced {
				global[n.Prefix] = true
			}
		}
	}
	kept := u.parts[:0]
	for _, part := range u.parts {
		if part.Attrs.NextHop.IsLinkLocalUnicast() {
			var alone []route.NLRI
			for _, n := range part.Announced {
				if !global[n.Prefix] {
					alone = append(alone, n)
				}
			}
			if part.Announced = alone; len(alone) == 0 {
				continue
			}
		}
		kept = append(kept, part)
	}
	u.parts = kept
}

// readAttrs reads the attributes that the decoded form has. Of those, only the path must be readable: the others say nothing about where a
// route leads.
func readAttrs(msg object) (*route.Attrs, error) {
	path, err := readPath(msg["path"])
	if err != nil {
		return nil, err
	}
	a := &route.Attrs{Path: path, Origin: route.Incomplete}
	switch strings.ToLower(msg.text("origin")) {
	case "igp":
		a.Origin = route.IGP
	case "egp":
		a.Origin = route.EGP
	}
	a.HasMED = msg["med"] != nil && json.Unmarshal(msg["med"], &a.MED) == nil
	var communities [][2]uint16
	if get(msg, "community", &communities) == nil {
		for _, c := range communities {
			a.Communities = append(a.Communities, route.Community(uint32(c[0])<<16|uint32(c[1])))
		}
	}
	asn, address, _ := strings.Cut(msg.text("aggregator"), ":")
	if by, err := route.ParseASN(asn); err == nil {
		if at, err := netip.ParseAddr(address); err == nil {
			a.Aggregator = route.Aggregator{AS: by, Address: at}
		}
	}
	return a, nil
}

// readPath reads AS numbers, with lists among them for AS_SETs.
func readPath(b json.RawMessage) (route.Path, error) {
	var elements []json.RawMessage
	if len(b) > 0 {
		if err := json.Unmarshal(b, &elements); err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
	}
	var p route.Path
	for _, e := range elements {
		if len(e) > 0 && e[0] == '[' {
			var set []route.ASN
			if err := json.Unmarshal(e, &set); err != nil {
				return nil, fmt.Errorf("path: %w", err)
			}
			if len(set) > 0 {
				p = append(p, route.Segment{Kind: route.Set, ASNs: set})
			}
			continue
		}
		asn, ok := parseASN(bytes.TrimSpace(e))
		if !ok {
			return nil, fmt.Errorf("path: %q is no AS number", clip(e))
		}
		if n := len(p); n > 0 && p[n-1].Kind == route.Sequence {
			p[n-1].ASNs = append(p[n-1].ASNs, asn)
		} else {
			p = append(p, route.Segment{Kind: route.Sequence, ASNs: []route.ASN{asn}})
		}
	}
	return p, nil
}
