// Package open reads what a BGP speaker says of itself in its OPEN message (RFC 4271 section 4.2): its AS, its hold time, and its
// capabilities (RFC 5492). It is tolerant: a capability that can't be read counts as absent, because a monitor that refuses a session over
// one sees nothing at all.
package open

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"anywatch/collector/route"
)

// Capability codes (IANA, Capability Codes).
const (
	Multiprotocol        = 1  // RFC 4760
	RouteRefresh         = 2  // RFC 2918
	Role                 = 9  // RFC 9234
	GracefulRestart      = 64 // RFC 4724
	FourOctetAS          = 65 // RFC 6793
	AddPath              = 69 // RFC 7911
	EnhancedRouteRefresh = 70 // RFC 7313
	LongLivedRestart     = 71 // RFC 9494
	ciscoRouteRefresh    = 128
)

// Families are sets of address families, one set for each kind of route that is read.
type Families struct{ Unicast, Labelled, VPN route.Family }

// And gives the families that stand in both sets.
func (f Families) And(g Families) Families {
	return Families{f.Unicast & g.Unicast, f.Labelled & g.Labelled, f.VPN & g.VPN}
}

// Or gives the families that stand in either set.
func (f Families) Or(g Families) Families {
	return Families{f.Unicast | g.Unicast, f.Labelled | g.Labelled, f.VPN | g.VPN}
}

// add puts one AFI and SAFI into the set; what is not read is left out.
func (f *Families) add(afi uint16, safi uint8) {
	if afi != 1 && afi != 2 {
		return
	}
	switch fam := route.Family(afi); safi {
	case 1:
		f.Unicast |= fam
	case 4:
		f.Labelled |= fam
	case 128:
		f.VPN |= fam
	}
}

// Capabilities are what a speaker can do.
type Capabilities struct {
	ASN           route.ASN // of the 4-octet AS capability
	FourOctet     bool
	Multiprotocol bool     // some multiprotocol capability was given: without any, the session carries IPv4 unicast (RFC 4760 section 8)
	Families      Families // of the multiprotocol capabilities
	Send, Receive Families // Add-Path: what it is able to send and to receive several paths of

	RouteRefresh, EnhancedRefresh bool

	Restart         bool // graceful restart is offered
	RestartTime     time.Duration
	RestartFamilies Families // whose forwarding it can preserve; none means that only End-of-RIB is meant
	LongLived       bool
	Role            uint8 // RFC 9234 section 4.1, when HasRole
	HasRole         bool
}

// Add takes one capability over. Of one that is given twice with different values, both count, as RFC 5492 section 4 has it.
func (c *Capabilities) Add(code uint8, value []byte) {
	switch code {
	case Multiprotocol:
		if len(value) == 4 {
			c.Multiprotocol = true
			c.Families.add(binary.BigEndian.Uint16(value), value[3])
		}
	case RouteRefresh, ciscoRouteRefresh:
		c.RouteRefresh = true
	case EnhancedRouteRefresh:
		c.EnhancedRefresh = true
	case FourOctetAS:
		if len(value) == 4 {
			c.FourOctet, c.ASN = true, route.ASN(binary.BigEndian.Uint32(value))
		}
	case AddPath:
		c.addPath(value)
	case GracefulRestart:
		c.restart(value)
	case LongLivedRestart:
		c.LongLived = true
	case Role:
		if len(value) == 1 {
			c.HasRole, c.Role = true, value[0]
		}
	}
}

// addPath reads AFI, SAFI and Send/Receive (RFC 7911 section 4): 1 able to receive, 2 able to send, 3 both; "any other value […] SHOULD be
// ignored".
func (c *Capabilities) addPath(b []byte) {
	for ; len(b) >= 4; b = b[4:] {
		afi, safi, mode := binary.BigEndian.Uint16(b), b[2], b[3]
		if mode > 3 {
			continue
		}
		if mode&1 != 0 {
			c.Receive.add(afi, safi)
		}
		if mode&2 != 0 {
			c.Send.add(afi, safi)
		}
	}
}

// restart reads the graceful restart capability (RFC 4724 section 3): 4 bits of flags, 12 bits of seconds, then AFI, SAFI and flags each.
func (c *Capabilities) restart(b []byte) {
	if len(b) < 2 {
		return
	}
	c.Restart = true
	c.RestartTime = time.Duration(binary.BigEndian.Uint16(b)&0x0FFF) * time.Second
	for b = b[2:]; len(b) >= 4; b = b[4:] {
		c.RestartFamilies.add(binary.BigEndian.Uint16(b), b[2])
	}
}

// Carried gives the unicast families that a session between two speakers carries.
func Carried(a, b Capabilities) Families { return a.families().And(b.families()) }

func (c *Capabilities) families() Families {
	if !c.Multiprotocol {
		return Families{Unicast: route.IPv4}
	}
	return c.Families
}

// Message is an OPEN.
type Message struct {
	ASN      route.ASN // the 4-octet one where it is given
	HoldTime time.Duration
	BGPID    netip.Addr
	Capabilities
}

// HeaderLen is the length of a BGP message's header: marker, length, type (RFC 4271 section 4.1).
const HeaderLen = 19

// What makes an OPEN unreadable.
var (
	ErrShort   = errors.New("the OPEN is shorter than its fixed part of 29 octets")
	ErrMessage = errors.New("it is not a BGP OPEN message")
)

// Split takes the OPEN message at the head of b off, header included; rest is what follows it.
func Split(b []byte) (m Message, rest []byte, err error) {
	if len(b) < HeaderLen+10 {
		return m, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[16:]))
	if n < HeaderLen+10 || n > len(b) || b[18] != 1 {
		return m, nil, ErrMessage
	}
	m, err = Parse(b[HeaderLen:n])
	return m, b[n:], err
}

// Parse reads the body of an OPEN, what follows its header.
func Parse(b []byte) (m Message, err error) {
	if len(b) < 10 {
		return m, ErrShort
	}
	m.ASN = route.ASN(binary.BigEndian.Uint16(b[1:]))
	m.HoldTime = time.Duration(binary.BigEndian.Uint16(b[3:])) * time.Second
	m.BGPID = netip.AddrFrom4([4]byte(b[5:9]))
	m.parameters(b[9:])
	if m.FourOctet {
		m.ASN = m.Capabilities.ASN
	}
	return m, nil
}

// parameters walks the optional parameters. RFC 9072 section 2: a first length and type of 255 tell that lengths take two octets.
func (m *Message) parameters(b []byte) {
	extended := len(b) >= 4 && b[0] == 255 && b[1] == 255
	head := 2
	if extended {
		b, head = b[4:], 3
	} else {
		b = b[1:]
	}
	for len(b) >= head {
		n := int(b[1])
		if extended {
			n = int(binary.BigEndian.Uint16(b[1:]))
		}
		if len(b) < head+n {
			return
		}
		if b[0] == 2 {
			m.capabilities(b[head : head+n])
		}
		b = b[head+n:]
	}
}

func (m *Message) capabilities(b []byte) {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		n := 2 + int(b[1])
		m.Add(b[0], b[2:n])
		b = b[n:]
	}
}
