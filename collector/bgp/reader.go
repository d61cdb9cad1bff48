package bgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"time"
)

// Read gives corebgp its messages, one after the other.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		m, err := c.next()
		if err != nil {
			return 0, c.lost(err)
		}
		c.pending, c.fed = m, c.at
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// next reads messages until there is one for corebgp.
func (c *conn) next() ([]byte, error) {
	for {
		m, err := c.message()
		if err != nil {
			return nil, err
		}
		pass, err := c.handle(m)
		if err != nil {
			return nil, err
		}
		if _, err := c.br.Discard(len(m)); err != nil || pass != nil {
			return pass, err
		}
	}
}

// message gives the next message as a whole, as it lies in the buffer, once its header is found right.
func (c *conn) message() ([]byte, error) {
	head, err := c.wait(headerLen)
	if err != nil {
		return nil, err
	}
	if f := c.check(head); f != nil {
		return nil, f
	}
	return c.wait(int(binary.BigEndian.Uint16(head[16:])))
}

// check looks at a header. RFC 4271 section 6.1, in its order: the marker, the length, the type. "The Data field MUST contain the erroneous
// Length field", or "the erroneous Type field". RFC 8654 section 4 leaves OPEN and KEEPALIVE as short as they were.
func (c *conn) check(head []byte) *fault {
	if binary.BigEndian.Uint64(head) != math.MaxUint64 || binary.BigEndian.Uint64(head[8:]) != math.MaxUint64 {
		return &fault{code: codeHeader, subcode: headerNotSynchronized}
	}
	n, least, most := int(binary.BigEndian.Uint16(head[16:])), headerLen, c.max
	known := true
	switch head[18] {
	case typeOpen:
		least, most = headerLen+10, maxLen
	case typeUpdate:
		least = headerLen + 4
	case typeNotification:
		least = headerLen + 2
	case typeKeepalive:
		most = headerLen
	case typeRouteRefresh:
	default:
		known = false
	}
	switch {
	case n < least || n > most:
		return &fault{codeHeader, headerBadLength, append([]byte(nil), head[16:18]...)}
	case !known:
		return &fault{codeHeader, headerBadType, []byte{head[18]}}
	}
	return nil
}

// wait waits until n octets are there. The hold timer runs only when there is something to wait for.
func (c *conn) wait(n int) ([]byte, error) {
	if c.br.Buffered() >= n {
		return c.br.Peek(n)
	}
	c.handler.idle()
	var until time.Time // none
	if c.hold > 0 {
		until = c.now().Add(c.hold)
	}
	if err := c.Conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	select {
	case <-c.closed: // the deadline that woke us is gone
		return nil, net.ErrClosed
	default:
	}
	b, err := c.br.Peek(n)
	c.at = c.now()
	if errors.Is(err, io.EOF) && len(b) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// handle does what a message asks for in the state that the session is in, and gives what corebgp has to see of it.
func (c *conn) handle(m []byte) (pass []byte, err error) {
	typ, body := m[18], m[headerLen:]
	if typ != typeUpdate && !c.handler.heard(c.at) {
		return nil, c.stopped()
	}
	if typ == typeNotification {
		return c.notification(body), nil
	}
	switch c.state {
	case openSent:
		return c.inOpenSent(typ, body)
	case openConfirm:
		return c.inOpenConfirm(typ)
	}
	return c.inEstablished(typ, body)
}

// unexpected is the fault of a message that must not come now (RFC 6608 section 4): "The Data field is a 1-octet, unsigned integer that
// indicates the type of the unexpected message." The subcodes count as the states do.
func (c *conn) unexpected(typ byte) error {
	return &fault{codeFSM, byte(c.state) + 1, []byte{typ}}
}

func (c *conn) inOpenSent(typ byte, body []byte) ([]byte, error) {
	if typ != typeOpen {
		return nil, c.unexpected(typ)
	}
	theirs, wrong := parseOpen(body)
	if wrong != nil {
		return nil, wrong
	}
	// The smaller hold time of both proposals counts, zero means none (RFC 4271 section 4.2).
	if c.agreed = min(c.ours, theirs.hold); c.agreed > 0 {
		c.hold = c.agreed
	}
	if theirs.extended { // and so are we: we always offer it
		c.max = maxExtendedLen
	}
	c.theirs, c.state = theirs, openConfirm
	return theirs.forCore(), nil
}

// inOpenConfirm waits for corebgp to take the OPEN, so that what comes right behind one that is refused is not answered as well.
func (c *conn) inOpenConfirm(typ byte) ([]byte, error) {
	if err := c.await(c.accepted); err != nil {
		return nil, err
	}
	if typ != typeKeepalive {
		return nil, c.unexpected(typ)
	}
	c.state, c.hold = established, c.agreed
	return message(typeKeepalive), nil
}

// accept is called by corebgp when it takes the OPEN.
func (c *conn) accept() {
	if c.agreed > 0 {
		c.startKeepalive(c.agreed / 3)
	}
	close(c.accepted)
}

// inEstablished waits for corebgp to establish the session, which it does when it gets the KEEPALIVE: the peer may send its routes right
// behind that.
func (c *conn) inEstablished(typ byte, body []byte) ([]byte, error) {
	if err := c.await(c.established); err != nil {
		return nil, err
	}
	switch typ {
	case typeUpdate:
		if !c.handler.update(c.at, body) {
			return nil, c.stopped()
		}
		// A peer that is busy need not send KEEPALIVEs (RFC 4271 section 4.4), and corebgp would take it for dead.
		if c.at.Sub(c.fed) > fsmFeed {
			return message(typeKeepalive), nil
		}
		return nil, nil
	case typeKeepalive:
		return message(typeKeepalive), nil
	case typeRouteRefresh:
		if f := c.handler.refresh(c.at, body); f != nil {
			return nil, f
		}
		return nil, nil
	}
	return nil, c.unexpected(typ)
}

// await waits for something that corebgp does next, or for the end.
func (c *conn) await(done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

// stopped waits for corebgp to say goodbye: a session that is told to end while it hands on a message does not end before that.
func (c *conn) stopped() error {
	<-c.closed
	return net.ErrClosed
}

// notification notes why the peer ended the session; corebgp only sees that it did.
func (c *conn) notification(body []byte) []byte {
	if c.ended("the peer closed the session: " + describe(body)) {
		how := notified
		if hardReset(body) {
			how = final
		}
		c.goodbye.Store(how)
	}
	return message(typeNotification, body[:2]...)
}

// lost notes why nothing is read any more, and tells the peer where that is its fault. RFC 4271 section 6.5: when the hold timer expires, "the
// NOTIFICATION message with the Hold Timer Expired Error Code is sent and the BGP connection is closed".
func (c *conn) lost(err error) error {
	var wrong *fault
	switch {
	case errors.As(err, &wrong):
		c.notify(wrong.body())
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.over():
		what := fmt.Sprintf("the hold timer expired: nothing came from the peer for %v", c.hold)
		if c.state == openSent {
			what = fmt.Sprintf("the peer sent no OPEN within %v", c.hold)
		}
		if c.ended(what) {
			c.goodbye.Store(notified)
		}
		c.notify([]byte{codeHoldTimer, 0})
	case errors.Is(err, io.EOF):
		c.ended("the peer closed the connection")
	default:
		c.ended("the connection broke: " + err.Error())
	}
	return err
}

// over tells whether the conversation was ended from our side.
func (c *conn) over() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}
