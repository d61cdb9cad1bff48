package rislive

import (
	"encoding/binary"
	"net/netip"
)

// parsePrefix reads a prefix from its text without allocating. It takes the ordinary spellings only; what it refuses, netip.ParsePrefix may
// still take.
func parsePrefix(b []byte) (netip.Prefix, bool) {
	if addr, i := octets4(b); i > 0 && i < len(b) && b[i] == '/' {
		bits, ok := decimal(b[i+1:], 32)
		if !ok {
			return netip.Prefix{}, false
		}
		addr &= ^uint32(0) << (32 - bits)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)}), bits), true
	}
	slash := len(b) - 1
	for slash > 0 && b[slash] != '/' {
		slash--
	}
	if slash <= 0 || len(b)-slash > 4 {
		return netip.Prefix{}, false
	}
	bits, ok := decimal(b[slash+1:], 128)
	if !ok {
		return netip.Prefix{}, false
	}
	a, ok := parse6(b[:slash])
	if !ok || a.Is4In6() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, bits).Masked(), true
}

// decimal reads up to three digits without a leading zero.
func decimal(b []byte, limit int) (n int, ok bool) {
	if len(b) == 0 || len(b) > 3 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n <= limit
}

// octets4 reads the four numbers of an IPv4 address, and gives the index behind them; zero when they are not there.
func octets4(b []byte) (addr uint32, i int) {
	for n := range 4 {
		if n > 0 {
			if !at(b, i, '.') {
				return 0, 0
			}
			i++
		}
		start, v := i, uint32(0)
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			v = 10*v + uint32(b[i]-'0')
		}
		if size := i - start; size == 0 || size > 3 || v > 255 || b[start] == '0' && size > 1 {
			return 0, 0
		}
		addr = addr<<8 | v
	}
	return addr, i
}

func parse4(b []byte) (netip.Addr, bool) {
	a, i := octets4(b)
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), i > 0 && i == len(b)
}

// parse6 reads groups of hexadecimal digits, once with :: between for the zeros left out (RFC 4291 section 2.2).
func parse6(b []byte) (netip.Addr, bool) {
	var a [16]byte
	at, gap := 0, -1
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, b = 0, b[2:]
	}
	for len(b) > 0 {
		n, size := hexadecimal(b)
		if size == 0 || at == len(a) {
			return netip.Addr{}, false
		}
		binary.BigEndian.PutUint16(a[at:], n)
		at, b = at+2, b[size:]
		switch {
		case len(b) == 0:
		case len(b) >= 2 && b[0] == ':' && b[1] == ':' && gap < 0:
			gap, b = at, b[2:]
		case len(b) >= 2 && b[0] == ':' && b[1] != ':':
			b = b[1:]
		default:
			return netip.Addr{}, false
		}
	}
	if gap < 0 {
		return netip.AddrFrom16(a), at == len(a)
	}
	if at == len(a) {
		return netip.Addr{}, false
	}
	tail := at - gap
	copy(a[len(a)-tail:], a[gap:at])
	clear(a[gap:max(gap, len(a)-tail)])
	return netip.AddrFrom16(a), true
}

// hexadecimal reads up to four digits; size zero when there is none, or when there are more.
func hexadecimal(b []byte) (n uint16, size int) {
	for size < len(b) {
		var d byte
		switch c := b[size]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		default:
			return n, size
		}
		if size == 4 {
			return 0, 0
		}
		n, size = n<<4|uint16(d), size+1
	}
	return n, size
}
