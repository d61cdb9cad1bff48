package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// router is one end of a BGP session made by hand: it knows to the byte what it sends and what it is sent.
type router struct {
	t       *testing.T
	conn    net.Conn
	addPath bool

	mu   sync.Mutex
	came []bgpMessage // since the session was established, keepalives left out
	over bool         // nothing more will come
}

// bgpMessage is one BGP message without its header.
type bgpMessage struct {
	typ  byte
	body []byte
}

// connect opens a session from an address of the station to a BGP speaker. It carries both families with Add-Path; the hold time is zero, so that
// nobody needs keepalives (RFC 4271 section 4.2).
func (s *station) connect(host byte, to string, asn uint32) *router {
	s.t.Helper()
	return s.open(host, to, asn, true)
}

func (s *station) open(host byte, to string, asn uint32, addPath bool) *router {
	s.t.Helper()
	var conn net.Conn
	eventually(s.t, to+" takes a BGP connection", func() (ok bool) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.host(host))}, Timeout: patience}
		var err error
		conn, err = d.Dial("tcp", to)
		return err == nil
	})
	r := &router{t: s.t, conn: conn, addPath: addPath}
	s.t.Cleanup(func() {
		_ = conn.Close()
		if s.t.Failed() {
			s.t.Logf("the router at %s was sent, and did not expect: %x", s.host(host), r.came)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	r.send(openMessage(asn, s.host(host), addPath))
	for _, want := range []byte{bgp.BGP_MSG_OPEN, bgp.BGP_MSG_KEEPALIVE} {
		if m, err := readMessage(in); err != nil || m.typ != want {
			s.t.Fatalf("a message of type %d came, %x, expected %d: %v", m.typ, m.body, want, err)
		}
		if want == bgp.BGP_MSG_OPEN {
			r.send(bgp.NewBGPKeepAliveMessage())
		}
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		s.t.Fatal(err)
	}
	go r.listen(in)
	return r
}

func openMessage(asn uint32, id string, addPath bool) *bgp.BGPMessage {
	list := []bgp.ParameterCapabilityInterface{
		bgp.NewCapMultiProtocol(bgp.RF_IPv4_UC), bgp.NewCapMultiProtocol(bgp.RF_IPv6_UC), bgp.NewCapFourOctetASNumber(asn), bgp.NewCapRouteRefresh(),
	}
	if addPath {
		list = append(list, bgp.NewCapAddPath([]*bgp.CapAddPathTuple{
			bgp.NewCapAddPathTuple(bgp.RF_IPv4_UC, bgp.BGP_ADD_PATH_SEND), bgp.NewCapAddPathTuple(bgp.RF_IPv6_UC, bgp.BGP_ADD_PATH_SEND),
		}))
	}
	return bgp.NewBGPOpenMessage(uint16(min(asn, bgp.AS_TRANS)), 0, id, []bgp.OptionParameterInterface{bgp.NewOptionParameterCapability(list)})
}

func readMessage(in io.Reader) (bgpMessage, error) {
	var h [bgp.BGP_HEADER_LENGTH]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return bgpMessage{}, err
	}
	m := bgpMessage{h[18], make([]byte, int(binary.BigEndian.Uint16(h[16:]))-len(h))}
	_, err := io.ReadFull(in, m.body)
	return m, err
}

// listen keeps what comes until nothing does any more.
func (r *router) listen(in io.Reader) {
	for {
		m, err := readMessage(in)
		r.mu.Lock()
		if err != nil {
			r.over = true
			r.mu.Unlock()
			return
		}
		if m.typ != bgp.BGP_MSG_KEEPALIVE {
			r.came = append(r.came, m)
		}
		r.mu.Unlock()
	}
}

// send sends a message, with path identifiers where the session has Add-Path, and gives its bytes.
func (r *router) send(m *bgp.BGPMessage) []byte {
	r.t.Helper()
	options := &bgp.MarshallingOption{}
	if r.addPath {
		options.AddPath = map[bgp.RouteFamily]bgp.BGPAddPathMode{bgp.RF_IPv4_UC: bgp.BGP_ADD_PATH_SEND, bgp.RF_IPv6_UC: bgp.BGP_ADD_PATH_SEND}
	}
	b, err := m.Serialize(options)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

// announce announces a prefix under a path identifier, with exactly this AS path, and gives the bytes of the UPDATE.
func (r *router) announce(id uint32, prefix string, path ...uint32) []byte {
	r.t.Helper()
	n := netip.MustParsePrefix(prefix)
	attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeOrigin(bgp.BGP_ORIGIN_ATTR_TYPE_IGP), asPath(path)}
	if n.Addr().Is6() {
		nlri := bgp.NewIPv6AddrPrefix(uint8(n.Bits()), n.Addr().String())
		nlri.SetPathLocalIdentifier(id)
		attrs = append(attrs, bgp.NewPathAttributeMpReachNLRI("2001:db8:ffff::1", []bgp.AddrPrefixInterface{nlri}))
		return r.send(bgp.NewBGPUpdateMessage(nil, attrs, nil))
	}
	nlri := bgp.NewIPAddrPrefix(uint8(n.Bits()), n.Addr().String())
	nlri.SetPathLocalIdentifier(id)
	attrs = append(attrs, bgp.NewPathAttributeNextHop("10.64.0.1"))
	return r.send(bgp.NewBGPUpdateMessage(nil, attrs, []*bgp.IPAddrPrefix{nlri}))
}

// withdraw takes a path of a prefix back, and gives the bytes of the UPDATE.
func (r *router) withdraw(id uint32, prefix string) []byte {
	r.t.Helper()
	n := netip.MustParsePrefix(prefix)
	if n.Addr().Is6() {
		nlri := bgp.NewIPv6AddrPrefix(uint8(n.Bits()), n.Addr().String())
		nlri.SetPathLocalIdentifier(id)
		attrs := []bgp.PathAttributeInterface{bgp.NewPathAttributeMpUnreachNLRI([]bgp.AddrPrefixInterface{nlri})}
		return r.send(bgp.NewBGPUpdateMessage(nil, attrs, nil))
	}
	nlri := bgp.NewIPAddrPrefix(uint8(n.Bits()), n.Addr().String())
	nlri.SetPathLocalIdentifier(id)
	return r.send(bgp.NewBGPUpdateMessage([]*bgp.IPAddrPrefix{nlri}, nil, nil))
}

// endOfRIB says that the tables of both families are complete (RFC 4724 section 2), and gives the bytes of the two UPDATEs.
func (r *router) endOfRIB() [][]byte {
	r.t.Helper()
	return [][]byte{r.send(bgp.NewEndOfRib(bgp.RF_IPv4_UC)), r.send(bgp.NewEndOfRib(bgp.RF_IPv6_UC))}
}

// expect waits for a message of a type and takes it, and all before it, out of what came.
func (r *router) expect(typ byte) []byte {
	r.t.Helper()
	var body []byte
	eventually(r.t, "a BGP message comes that is awaited", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, m := range r.came {
			if m.typ == typ {
				body, r.came = m.body, r.came[i+1:]
				return true
			}
		}
		if r.over {
			r.t.Fatalf("the session is over, and no message of type %d came", typ)
		}
		return false
	})
	return body
}

// expectCease waits for a NOTIFICATION that says Cease with a subcode (RFC 4486) and, unless it is empty, a text (RFC 9003).
func (r *router) expectCease(subcode byte, text string) {
	r.t.Helper()
	want := []byte{bgp.BGP_ERROR_CEASE, subcode}
	if text != "" {
		want = append(append(want, byte(len(text))), text...)
	}
	if got := r.expect(bgp.BGP_MSG_NOTIFICATION); !bytes.Equal(got, want) {
		r.t.Errorf("the NOTIFICATION is %q, expected %q", got, want)
	}
	eventually(r.t, "the connection is closed", r.isOver)
}

func (r *router) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// kept checks that the session goes on, and that nothing but requests for the table came.
func (r *router) kept() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		r.t.Error("the session is over")
	}
	for _, m := range r.came {
		if m.typ != bgp.BGP_MSG_ROUTE_REFRESH {
			r.t.Errorf("a message of type %d came: %x", m.typ, m.body)
		}
	}
}
