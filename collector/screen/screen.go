package screen

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"anywatch/collector/route"
)

// Live holds the watch in force. A reload swaps it; every stream sees the new one with its next message.
type Live struct{ watch atomic.Pointer[Watch] }

// NewLive begins with a watch.
func NewLive(w *Watch) *Live {
	l := new(Live)
	l.Swap(w)
	return l
}

// Swap puts another watch in force.
func (l *Live) Swap(w *Watch) { l.watch.Store(w) }

// Watch gives the watch in force.
func (l *Live) Watch() *Watch { return l.watch.Load() }

// Context is what the screen must know of the sender to read its messages.
type Context struct {
	Encoding route.Encoding
	// Local is the AS that an empty AS_PATH stands for.
	Local route.ASN
	// VRF tells of a route distinguisher whether its routes are to be looked at; nil means that none are.
	VRF func(rd uint64) bool
}

// Result is what one UPDATE turned out to be. Zero it before each call, or let Update do it.
type Result struct {
	// Announced and Withdrawn count routes of all families.
	Announced, Withdrawn int
	// Matched says that the message must be decoded: it touches a watched prefix or one of our ASes.
	Matched bool
	// Ours says that one of our ASes originates what is announced. Pass the announced prefixes to Remember once they are decoded.
	Ours bool
	// EndOfRIB is the family whose initial table is complete (RFC 4724 section 2), zero when the message is none.
	EndOfRIB route.Family
	// Suspect says that the routes read like nonsense: several default routes, or host bits that are set, in one message. A session with path
	// identifiers that nobody told us of looks like this.
	Suspect bool
	// Err says that the lengths in the message contradict each other; what was counted until then stands.
	Err error
}

// What is wrong with a message. The values are shared: saying it must not cost an allocation.
var (
	ErrShort      = errors.New("the update is shorter than its lengths say")
	ErrAttributes = errors.New("a path attribute is longer than the attributes of its update")
	ErrPath       = errors.New("the AS_PATH is malformed")
	ErrRoute      = errors.New("a route is longer than its field, or its prefix length is impossible")
	ErrMP         = errors.New("MP_REACH_NLRI or MP_UNREACH_NLRI is malformed")
)

// Screen screens one stream of messages. It remembers which prefixes outside the watch our ASes originated in this stream, so that
// their withdrawal, which names no AS, is let through as well. Not for concurrent use.
type Screen struct {
	live *Live
	seen tracked
}

// New makes the screen of a stream.
func New(live *Live) *Screen { return &Screen{live: live} }

// Watch gives the watch in force.
func (s *Screen) Watch() *Watch { return s.live.Watch() }

// Touches tells whether a prefix overlaps the watch or was originated by one of our ASes in this stream before: for sources that bring
// prefixes one by one.
func (s *Screen) Touches(p netip.Prefix) bool {
	return s.live.Watch().Overlaps(p) || s.seen.has(p)
}

// Remember notes a prefix that one of our ASes originates.
func (s *Screen) Remember(p netip.Prefix) {
	if !s.live.Watch().Overlaps(p) {
		s.seen.add(p)
	}
}

// tracked is a small set of prefixes with a bitmap in front that answers for nearly all that are not in it.
type tracked struct {
	bits [64]uint64
	set  map[netip.Prefix]struct{}
}

func (t *tracked) add(p netip.Prefix) {
	if t.set == nil {
		t.set = make(map[netip.Prefix]struct{})
	}
	t.set[p] = struct{}{}
	high := uint64(0)
	if a := p.Addr(); a.Is4() {
		b := a.As4()
		high = uint64(be32(b[:]))
	} else {
		b := a.As16()
		high = be64(b[:8])
	}
	h := trackedHash(high, p.Bits())
	t.bits[h/64] |= 1 << (h % 64)
}

// may says "certainly not" about nearly all prefixes that are not in the set; high is an IPv4 address, or the upper half of an IPv6 one.
func (t *tracked) may(high uint64, bits int) bool {
	h := trackedHash(high, bits)
	return t.bits[h/64]&(1<<(h%64)) != 0
}

func trackedHash(high uint64, bits int) uint64 {
	return (high ^ uint64(bits)<<40) * 0x9E3779B97F4A7C15 >> (64 - 12)
}

func (t *tracked) has(p netip.Prefix) bool {
	_, ok := t.set[p]
	return ok
}

func (t *tracked) has4(addr uint32, bits int) bool {
	if !t.may(uint64(addr&^(1<<(32-bits)-1)), bits) {
		return false
	}
	var a [4]byte
	putBE32(a[:], addr)
	return t.has(netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked())
}

func (t *tracked) has6(high, low uint64, bits int) bool {
	if !t.may(high&^(1<<max(64-bits, 0)-1), bits) {
		return false
	}
	var a [16]byte
	putBE64(a[:8], high)
	putBE64(a[8:], low)
	return t.has(netip.PrefixFrom(netip.AddrFrom16(a), bits).Masked())
}
