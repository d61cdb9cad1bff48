package bgp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/collector/internal/tcp"
)

const (
	readBuffer   = 64 << 10 // a full table arrives in large pieces: reading it message by message would cost two system calls each
	writeTimeout = 3 * time.Second
	openTimeout  = 30 * time.Second // how long a peer may take to send its OPEN
	fsmHold      = 65535            // the hold time that corebgp is told, in seconds: the timers are kept here
)

// conn stands between the network and corebgp. It understands just enough of the messages that pass to keep the session's timers, to know
// why the session ended, and to take out what corebgp can't read.
//
// The hold timer (RFC 4271 section 4.4) runs here and not in corebgp, because it must only run while we wait for the peer: corebgp handles
// an UPDATE and its timers in one goroutine, and a queue that is full for long would look to it like a peer that fell silent. For the same
// reason the keepalives are sent from here.
type conn struct {
	net.Conn
	br   *bufio.Reader
	now  func() time.Time
	ours time.Duration // hold time that we propose

	left    int    // octets of the present message that corebgp has not read yet
	pending []byte // the present message, where it is not passed on as it came
	hold    time.Duration
	opened  bool   // the peer's OPEN has come
	others  func() // called for each message that is not an UPDATE

	writing   sync.Mutex
	farewell  atomic.Pointer[cease] // why we end the session, for the Cease that corebgp sends
	keepalive *time.Timer           // guarded by writing
	shut      bool                  // guarded by writing

	reason  atomic.Pointer[string]
	formal  atomic.Bool // the session ended by a NOTIFICATION, of either side
	closing sync.Once
	closed  chan struct{}
}

func newConn(c net.Conn, ours time.Duration, now func() time.Time, others func()) *conn {
	return &conn{Conn: c, br: bufio.NewReaderSize(c, readBuffer), now: now, ours: ours, hold: openTimeout, others: others, closed: make(chan struct{})}
}

// RemoteAddr gives the peer's address, IPv4 as IPv4 also where the listener takes both families.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(tcp.Remote(c.Conn)) }

// Read gives corebgp the messages, one after the other.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 && len(c.pending) == 0 {
		if err := c.next(); err != nil {
			return 0, c.lost(err)
		}
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	n, err := c.br.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		err = c.lost(err)
	}
	return n, err
}

// next finds the next message for corebgp. It is there as a whole, unless it claims a length that no message has, which is for corebgp to
// refuse.
func (c *conn) next() error {
	for {
		head, err := c.wait(headerLen)
		if err != nil {
			return err
		}
		n, typ := int(binary.BigEndian.Uint16(head[16:])), head[18]
		if n < headerLen || n > maxLen {
			c.left = headerLen
			return nil
		}
		m, err := c.wait(n)
		if err != nil {
			return err
		}
		if typ != typeUpdate {
			c.others()
		}
		switch typ {
		case typeOpen:
			c.open(m)
		case typeNotification:
			c.formal.Store(true)
			c.ended("the peer closed the session: " + describe(m[headerLen:]))
		case typeRouteRefresh:
			// We announce nothing, so there is nothing to announce again.
			if _, err := c.br.Discard(n); err != nil {
				return err
			}
			continue
		}
		if len(c.pending) == 0 {
			c.left = n
		}
		return nil
	}
}

// wait waits until n octets are there. The hold timer runs only when there is something to wait for.
func (c *conn) wait(n int) ([]byte, error) {
	if c.br.Buffered() < n {
		var until time.Time // none
		if c.hold > 0 {
			until = c.now().Add(c.hold)
		}
		if err := c.Conn.SetReadDeadline(until); err != nil {
			return nil, err
		}
	}
	b, err := c.br.Peek(n)
	if errors.Is(err, io.EOF) && len(b) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// open reads the hold time of the peer's OPEN and starts the timers of this session: the smaller of both proposals, zero for none (RFC 4271
// section 4.2). corebgp is told of a hold time that never matters; one or two seconds it must see, to refuse them.
func (c *conn) open(m []byte) {
	if c.opened || len(m) < headerLen+10 {
		return
	}
	c.opened = true
	theirs := time.Duration(binary.BigEndian.Uint16(m[headerLen+3:])) * time.Second
	if theirs == time.Second || theirs == 2*time.Second {
		return
	}
	c.hold = min(c.ours, theirs)
	c.pending = append([]byte(nil), m...)
	binary.BigEndian.PutUint16(c.pending[headerLen+3:], fsmHold)
	if _, err := c.br.Discard(len(m)); err != nil {
		return
	}
	if c.hold > 0 {
		c.startKeepalive(c.hold / 3)
	}
}

func (c *conn) startKeepalive(every time.Duration) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.shut {
		return
	}
	c.keepalive = time.AfterFunc(every, func() {
		c.writing.Lock()
		defer c.writing.Unlock()
		if c.shut || c.put(message(typeKeepalive)) != nil {
			return // what is wrong with the connection shows where it is read
		}
		c.keepalive.Reset(every)
	})
}

var errUpdate = errors.New("anywatch never sends an UPDATE")

// Write sends a message of corebgp's, which always writes one as a whole.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) < headerLen {
		return 0, io.ErrShortWrite
	}
	out := b
	switch b[18] {
	case typeUpdate:
		return 0, errUpdate
	case typeOpen:
		out = append([]byte(nil), b...)
		binary.BigEndian.PutUint16(out[headerLen+3:], uint16(c.ours/time.Second))
	case typeNotification:
		out = c.notification(b)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.put(out); err != nil {
		return 0, err
	}
	if b[18] == typeNotification {
		c.formal.Store(true)
	}
	return len(b), nil
}

// notification notes why the session ends, and puts our reason into a Cease that has none.
func (c *conn) notification(b []byte) []byte {
	f := c.farewell.Load()
	if f != nil && len(b) >= headerLen+2 && b[headerLen] == codeCease {
		c.ended(f.text)
		return f.message()
	}
	c.ended("we closed the session: " + describe(b[headerLen:]))
	return b
}

// send writes a message of our own between those of corebgp.
func (c *conn) send(m []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.put(m)
}

// put writes a whole message; the lock must be held.
func (c *conn) put(m []byte) error {
	if err := c.Conn.SetWriteDeadline(c.now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.Conn.Write(m)
	return err
}

// lost notes why nothing can be read any more. RFC 4271 section 6.5: when the hold timer expires, "the NOTIFICATION message with the Hold Timer
// Expired Error Code is sent and the BGP connection is closed".
func (c *conn) lost(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		what := fmt.Sprintf("the hold timer expired: nothing came from the peer for %v", c.hold)
		if !c.opened {
			what = fmt.Sprintf("the peer sent no OPEN within %v", c.hold)
		}
		if c.ended(what) {
			_ = c.send(message(typeNotification, codeHoldTimer, 0)) // the peer may be gone; the session is over all the same
		}
	case errors.Is(err, io.EOF):
		c.ended("the peer closed the connection")
	default:
		c.ended("the connection broke: " + err.Error())
	}
	return err
}

// ended notes why the session ends; the first to know is right. It tells whether it was the first.
func (c *conn) ended(why string) bool { return c.reason.CompareAndSwap(nil, &why) }

// why is the reason for which the session ended.
func (c *conn) why() string {
	if r := c.reason.Load(); r != nil {
		return *r
	}
	return "the connection was closed"
}

// Close ends the connection.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		err = c.Conn.Close()
		c.writing.Lock()
		defer c.writing.Unlock()
		c.shut = true
		if c.keepalive != nil {
			c.keepalive.Stop()
		}
		close(c.closed)
	})
	return err
}
