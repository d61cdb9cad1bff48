package store

import (
	"net/netip"
	"strings"
	"time"
)

// nanos writes a time as nanoseconds since 1970; the zero time as NULL.
func nanos(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

// instant writes a time that must be there; the zero time as 0.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment reads a time that nanos wrote; nil is the zero time.
func moment(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return time.Unix(0, *n).UTC()
}

// text makes a text that every database takes: PostgreSQL refuses NUL, and what is no UTF-8.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// optional writes a text that may lack.
func optional(s *string) any {
	if s == nil {
		return nil
	}
	return text(*s)
}

// netOf writes the first address of a prefix so that the bytes sort as prefixes do: the family, and 16 bytes.
func netOf(p netip.Prefix) []byte {
	p = p.Masked()
	b := make([]byte, 17)
	if p.Addr().Is4() {
		b[0] = 4
		a := p.Addr().As4()
		copy(b[1:], a[:])
		return b
	}
	b[0] = 6
	a := p.Addr().As16()
	copy(b[1:], a[:])
	return b
}

// lastOf writes the last address of a prefix.
func lastOf(p netip.Prefix) []byte {
	b := netOf(p)
	width := p.Addr().BitLen()
	for i := p.Bits(); i < width; i++ {
		b[1+i/8] |= 0x80 >> (i % 8)
	}
	return b
}

// prefixOf reads what netOf wrote. Nonsense gives no prefix.
func prefixOf(net []byte, bits int) netip.Prefix {
	if len(net) != 17 {
		return netip.Prefix{}
	}
	if net[0] == 4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(net[1:5])), bits)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(net[1:])), bits)
}

// Match says how a prefix that is asked for relates to those that are found.
type Match uint8

// The relations.
const (
	Exactly  Match = iota
	Within         // it, and what lies inside it
	Covering       // it, and what covers it
	Related        // all of these
)

// about makes a condition on the columns net and bits.
func (m Match) about(p netip.Prefix) (string, []any) {
	within, inside := "net >= ? AND net <= ? AND bits >= ?", []any{netOf(p), lastOf(p), p.Bits()}
	switch m {
	case Within:
		return within, inside
	case Covering:
		return covering(p)
	case Related:
		covers, args := covering(p)
		return "(" + within + " OR " + covers + ")", append(inside, args...)
	}
	return "net = ? AND bits = ?", []any{netOf(p), p.Bits()}
}

// covering lists the prefixes that cover one: there are few enough to name them all.
func covering(p netip.Prefix) (string, []any) {
	var each []string
	var args []any
	for bits := p.Bits(); bits >= 0; bits-- {
		up := netip.PrefixFrom(p.Addr(), bits)
		each = append(each, "net = ? AND bits = ?")
		args = append(args, netOf(up), bits)
	}
	return "(" + strings.Join(each, " OR ") + ")", args
}
