package bgp

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"time"

	"anywatch/collector"
	"anywatch/collector/route"
)

// census knows which routes a session announces now: prefix and path identifier of each, as a 64-bit hash, so that the count is exact but for a
// chance of 1 in 30 million with a million routes. It costs about 16 octets a route and is only kept where there is a limit. A nil census
// counts nothing.
type census struct {
	seed   uint64
	now    [3]hashes  // by family
	again  [3]*hashes // what was announced since a table began to be shown again
	limit  int
	passed bool // that the limit was passed, was told
	near   bool // that it is near, was logged
}

func newCensus(limit int) *census { return &census{seed: rand.Uint64(), limit: limit} }

func (c *census) size() int { return c.now[route.IPv4].n + c.now[route.IPv6].n }

// begin starts the count of a family that is shown again; end makes it the one that counts, and keep drops it.
func (c *census) begin(f route.Family) {
	if c != nil {
		c.again[f] = new(hashes)
	}
}

func (c *census) end(f route.Family) {
	if c != nil && c.again[f] != nil {
		c.now[f], c.again[f] = *c.again[f], nil
	}
}

func (c *census) keep(f route.Family) {
	if c != nil {
		c.again[f] = nil
	}
}

func (c *census) add(f route.Family, h uint64) {
	c.now[f].add(h)
	if c.again[f] != nil {
		c.again[f].add(h)
	}
}

func (c *census) remove(f route.Family, h uint64) {
	c.now[f].remove(h)
	if c.again[f] != nil {
		c.again[f].remove(h)
	}
}

// update counts what an UPDATE announces and withdraws. Of one that is treated as a withdrawal, all routes are gone; one that can't be read
// changes nothing.
func (c *census) update(body []byte, addPath route.Family, class route.Class) {
	if class == route.Unreadable || len(body) < 4 {
		return
	}
	n := int(binary.BigEndian.Uint16(body))
	if len(body) < 4+n {
		return
	}
	a := int(binary.BigEndian.Uint16(body[2+n:]))
	if len(body) < 4+n+a {
		return
	}
	announce := c.add
	if class == route.TreatAsWithdraw {
		announce = c.remove
	}
	c.walk(body[2:2+n], route.IPv4, addPath, c.remove)
	reach, unreach := multiprotocol(body[4+n : 4+n+a])
	c.unicast(unreach, 3, addPath, c.remove)
	c.walk(body[4+n+a:], route.IPv4, addPath, announce)
	if len(reach) >= 5 {
		c.unicast(reach, 5+int(reach[3]), addPath, announce)
	}
}

// multiprotocol finds MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 sections 3 and 4), of each the first one.
func multiprotocol(attrs []byte) (reach, unreach []byte) {
	for len(attrs) >= 3 {
		head, n := 3, int(attrs[2])
		if attrs[0]&0x10 != 0 { // extended length
			if len(attrs) < 4 {
				return
			}
			head, n = 4, int(binary.BigEndian.Uint16(attrs[2:]))
		}
		if len(attrs) < head+n {
			return
		}
		value := attrs[head : head+n]
		switch {
		case attrs[1] == 14 && reach == nil:
			reach = value
		case attrs[1] == 15 && unreach == nil:
			unreach = value
		}
		attrs = attrs[head+n:]
	}
	return
}

// unicast walks the routes of an MP attribute, which begin at an octet of it, when they are unicast ones.
func (c *census) unicast(value []byte, at int, addPath route.Family, do func(route.Family, uint64)) {
	if len(value) < at || value[0] != 0 || value[1] != 1 && value[1] != 2 || value[2] != 1 {
		return
	}
	c.walk(value[at:], route.Family(value[1]), addPath, do)
}

// walk does something with the hash of each route.
func (c *census) walk(b []byte, f route.Family, addPath route.Family, do func(route.Family, uint64)) {
	size := 32
	if f == route.IPv6 {
		size = 128
	}
	for len(b) > 0 {
		id := uint64(0)
		if addPath&f != 0 {
			if len(b) < 5 {
				return
			}
			id, b = uint64(binary.BigEndian.Uint32(b)), b[4:]
		}
		n := int(b[0])
		octets := (n + 7) / 8
		if n > size || len(b) < 1+octets {
			return
		}
		var addr [16]byte
		copy(addr[:], b[1:1+octets])
		high, low := masked(binary.BigEndian.Uint64(addr[:]), binary.BigEndian.Uint64(addr[8:]), n)
		do(f, mix(mix(high^c.seed, low^0x9E3779B97F4A7C15)^c.seed, id<<8|uint64(n)^0xC2B2AE3D27D4EB4F))
		b = b[1+octets:]
	}
}

// masked clears what is set behind the length of a prefix.
func masked(high, low uint64, n int) (uint64, uint64) {
	if n < 64 {
		return high &^ (1<<(64-n) - 1), 0
	}
	return high, low &^ (1<<(128-n) - 1)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// setLimit puts another limit in force, zero for none. Who begins to count in the middle of a session needs the whole table: the peer is asked
// for it.
func (s *session) setLimit(limit int) {
	if old := s.limit.Swap(int64(limit)); old != 0 || limit == 0 || !s.up.Load() {
		return
	}
	if err := s.askAgain(); err != nil {
		s.src.deps.Log.Warn("max_prefixes: what was announced before is not counted until the session begins anew", "neighbor", s.name(), "error", err)
	}
}

// adopt takes a changed limit over, in the goroutine that reads.
func (s *session) adopt(at time.Time) bool {
	limit := int(s.limit.Load())
	switch {
	case s.routes == nil && limit == 0 || s.routes != nil && s.routes.limit == limit:
		return true
	case s.routes == nil:
		s.routes = newCensus(limit)
		return true
	case limit == 0:
		told := s.routes.passed
		s.routes = nil
		return !told || s.tellLimit(at, 0, 0)
	}
	n, told := s.routes.size(), s.routes.passed
	s.routes.limit, s.routes.passed, s.routes.near = limit, n > limit, false
	return !told && n <= limit || s.tellLimit(at, n, limit)
}

// count counts an UPDATE, where there is a limit, and tells when the limit is passed, and when 90 % of it hold again. At 75 % the log says so.
func (s *session) count(at time.Time, body []byte, class route.Class) bool {
	if s.routes == nil && s.limit.Load() == 0 {
		return true
	}
	if !s.adopt(at) {
		return false
	}
	c := s.routes
	if c == nil {
		return true
	}
	c.update(body, s.addPath, class)
	return s.judge(at)
}

func (s *session) judge(at time.Time) bool {
	c := s.routes
	n := c.size()
	switch {
	case n > c.limit && !c.passed:
		c.passed, c.near = true, true
		s.src.deps.Log.Warn("the neighbor announces more prefixes than it should (max_prefixes); the session goes on",
			"neighbor", s.name(), "prefixes", n, "limit", c.limit)
		return s.tellLimit(at, n, c.limit)
	case c.passed && n <= c.limit/10*9+c.limit%10*9/10:
		c.passed = false
		s.src.deps.Log.Info("the neighbor announces no more prefixes than it should", "neighbor", s.name(), "prefixes", n, "limit", c.limit)
		return s.tellLimit(at, n, c.limit)
	case !c.near && n > c.limit/4*3+c.limit%4*3/4:
		c.near = true
		s.src.deps.Log.Warn("the neighbor announces more than 75 % of the prefixes that it may (max_prefixes)",
			"neighbor", s.name(), "prefixes", n, "limit", c.limit)
	}
	return true
}

func (s *session) tellLimit(at time.Time, n, limit int) bool {
	return s.in.Out.Emit(s.ctx, collector.Event{Kind: collector.PrefixLimit, Time: at, Vantage: s.vantage, Prefixes: n, Limit: limit}) == nil
}
