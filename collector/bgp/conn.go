package bgp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"anywatch/collector/internal/tcp"
)

const (
	readBuffer   = 64 << 10 // holds the longest message; a full table arrives in large pieces
	writeTimeout = 3 * time.Second
	openTimeout  = 30 * time.Second // how long a peer may take to send its OPEN, and to confirm ours
	lingerTime   = time.Second      // how long a peer has to read our NOTIFICATION
	fsmHold      = 65535            // the hold time that corebgp is told, in seconds: the timers are kept here
	fsmFeed      = time.Hour        // how long corebgp may hear nothing: far below its hold time
)

// handler is what a conn tells of what it reads. All is called from one goroutine, in the order of the messages.
type handler interface {
	update(at time.Time, body []byte) bool    // false: the session is to end
	refresh(at time.Time, body []byte) *fault // a ROUTE-REFRESH; a fault ends the session
	heard(at time.Time) bool                  // a message that is not an UPDATE; false: the session is to end
	idle()                                    // nothing more has come: we are about to wait
}

// conn stands between the network and corebgp. It checks the headers of messages, gives UPDATE and ROUTE-REFRESH to the session, and the rest to
// corebgp: a hand-over from goroutine to goroutine, which for each UPDATE would cost more than all else that is done with it. What corebgp
// sees is an OPEN and KEEPALIVEs; what comes in a state where it must not come is refused here, because corebgp leaves the type of the
// message out of the NOTIFICATION.
//
// The hold timer (RFC 4271 section 4.4) runs here too, because it must only run while we wait for the peer, and not while the queue of events
// is full. For the same reason the keepalives are sent from here.
type conn struct {
	net.Conn
	now     func() time.Time
	ours    time.Duration // hold time that we propose
	handler handler

	// What follows belongs to the goroutine that reads.
	br      *bufio.Reader
	state   state
	max     int           // octets of the longest message
	hold    time.Duration // how long we wait for a message; zero means for ever
	agreed  time.Duration // the hold time of the session
	pending []byte        // what corebgp has still to read of the present message
	at      time.Time     // when the octets at hand came
	fed     time.Time     // when corebgp last got a message
	theirs  peerOpen      // corebgp's goroutine reads it too, after it got the OPEN

	accepted    chan struct{} // closed when corebgp has taken the OPEN
	established chan struct{} // closed when the session is established

	writing   sync.Mutex
	farewell  atomic.Pointer[cease] // why we end the session, for the Cease that corebgp sends
	keepalive *time.Timer           // guarded by writing
	mute      error                 // why nothing may be written any more; guarded by writing

	reason  atomic.Pointer[string]
	goodbye atomic.Uint32 // a goodbye
	closing sync.Once
	closed  chan struct{}
}

// state is what we expect of the peer (RFC 4271 section 8.2.2).
type state uint8

const (
	openSent state = iota
	openConfirm
	established
)

// How a session ended.
const (
	broken   uint32 = iota // the connection broke
	notified               // by a NOTIFICATION, of either side
	final                  // by a NOTIFICATION that is not to be survived: a Hard Reset, or our own Cease
)

func newConn(c net.Conn, ours time.Duration, now func() time.Time, h handler) *conn {
	return &conn{Conn: c, br: bufio.NewReaderSize(c, readBuffer), now: now, ours: ours, handler: h, max: maxLen, hold: openTimeout,
		at: now(), accepted: make(chan struct{}), established: make(chan struct{}), closed: make(chan struct{})}
}

// RemoteAddr gives the peer's address, IPv4 as IPv4 also where the listener takes both families.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(tcp.Remote(c.Conn)) }

func (c *conn) startKeepalive(every time.Duration) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.mute != nil {
		return
	}
	c.keepalive = time.AfterFunc(every, func() {
		c.writing.Lock()
		defer c.writing.Unlock()
		if c.put(message(typeKeepalive)) == nil { // else what is wrong with the connection shows where it is read
			c.keepalive.Reset(every)
		}
	})
}

var (
	errUpdate = errors.New("anywatch never sends an UPDATE")
	errOver   = errors.New("the session is over: a NOTIFICATION was sent")
)

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
		c.notify(b[headerLen:])
		return len(b), nil
	}
	if err := c.send(out); err != nil {
		c.ended("the connection broke: " + err.Error()) // corebgp ends the session
		return 0, err
	}
	return len(b), nil
}

// notify ends the session with a NOTIFICATION of this body, unless one was sent before. A Cease of corebgp's, which gives no reason, gets ours.
func (c *conn) notify(body []byte) {
	m, why, how := message(typeNotification, body...), "we closed the session: "+describe(body), notified
	if f := c.farewell.Load(); f != nil && body[0] == codeCease {
		m, why, how = f.message(), f.text, final
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.mute != nil {
		return
	}
	if c.ended(why) {
		c.goodbye.Store(how)
	}
	_ = c.put(m) // the peer may be gone; the session is over all the same
	c.mute = errOver
}

// send writes a message between those of others.
func (c *conn) send(m []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.put(m)
}

// put writes a whole message; the lock must be held. After a message that went out in part or not at all, no other can follow.
func (c *conn) put(m []byte) error {
	if c.mute != nil {
		return c.mute
	}
	err := c.Conn.SetWriteDeadline(c.now().Add(writeTimeout))
	if err == nil {
		_, err = c.Conn.Write(m)
	}
	c.mute = err
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

// Close ends the conversation. Where a NOTIFICATION was sent, the connection itself stays until linger: to close it while the peer's messages
// wait unread would make the kernel send a reset, which may overtake the NOTIFICATION.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.closing.Do(func() {
		close(c.closed) // before the deadline, so that who has just set another one sees it
		c.writing.Lock()
		defer c.writing.Unlock()
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && errors.Is(c.mute, errOver) {
			err = errors.Join(half.CloseWrite(), c.Conn.SetReadDeadline(c.now()))
		} else {
			err = c.Conn.Close()
		}
		c.mute = net.ErrClosed
		if c.keepalive != nil {
			c.keepalive.Stop()
		}
	})
	return err
}

// linger waits until the peer has read what was sent last, and closes the connection. Nobody may read it any more.
func (c *conn) linger() {
	_ = c.Close()
	if c.Conn.SetReadDeadline(c.now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	_ = c.Conn.Close()
}
