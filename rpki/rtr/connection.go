package rtr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	wire "github.com/bgpfix/bgpfix/rtr"
)

// connection is one connection to the cache, from its first query to its end.
type connection struct {
	*runner
	conn    net.Conn
	pdus    chan pdu
	done    chan struct{}
	readErr error // good once pdus is closed

	version uint8 // of the queries, and of all PDUs once agreed
	heard   bool  // the cache has sent something
	agreed  bool
	began   time.Time

	known    bool      // session and serial number are those of the last End of Data on this connection
	full     bool      // the query under way, or the next, is a Reset Query
	deadline time.Time // for the answer to the query under way; zero when there is none
	next     time.Time // for the next query, when none is under way
	answer   *answer   // what came of the answer so far; nil before Cache Response
	notified *pdu      // a Serial Notify that came during an answer
}

// connection connects, and keeps the copy as long as the connection lasts.
func (r *runner) connection(ctx context.Context) error {
	c := &connection{runner: r, version: r.version, pdus: make(chan pdu, 1024), done: make(chan struct{}), began: r.Clock.Now()}
	err := c.open(ctx)
	if err == nil {
		go c.read()
		err = c.keep(ctx)
		c.close()
	}
	if ctx.Err() != nil {
		return err
	}
	r.status.Connected = false
	if lower := (*downgrade)(nil); !errors.As(err, &lower) {
		r.status.Err = err.Error()
	}
	if c.known && r.Clock.Now().Sub(c.began) >= steadyAfter {
		r.failures = 0
	}
	r.age()
	r.publish()
	return err
}

func (c *connection) open(ctx context.Context) (err error) {
	c.conn, err = c.Dial(ctx)
	return err
}

// close ends the connection and waits for the reader to be gone.
func (c *connection) close() {
	close(c.done)
	c.conn.Close()
	for range c.pdus {
	}
}

// read hands on what the cache sends until the connection ends.
func (c *connection) read() {
	defer close(c.pdus)
	in := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		p, err := readPDU(in)
		if err != nil {
			c.readErr = err
			return
		}
		select {
		case c.pdus <- p:
		case <-c.done:
			return
		}
	}
}

// keep handles what comes and what is due, in the order in which it happens.
func (c *connection) keep(ctx context.Context) error {
	if err := c.ask(true); err != nil {
		return err
	}
	var armed time.Time
	var alarm <-chan time.Time
	stop := func() {}
	defer func() { stop() }()
	for {
		if due := earliest(c.due(), earliest(c.deadline, c.next)); !due.Equal(armed) {
			stop()
			alarm, stop = c.Clock.After(due.Sub(c.Clock.Now()))
			armed = due
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p, open := <-c.pdus:
			if !open {
				return c.ended()
			}
			err = c.handle(p)
		case <-alarm:
			armed = time.Time{}
			err = c.tick()
		}
		if err != nil {
			return c.withoutASPA(c.reject(err))
		}
	}
}

// withoutASPA goes back to version 1 when a cache sends ASPAs in another form than that of the draft: older caches do, whose drafts had
// other forms. What they say of origins must not be lost with it.
func (c *connection) withoutASPA(err error) error {
	if fault := (*protocolError)(nil); c.version == 2 && errors.As(err, &fault) && fault.aspa {
		return &downgrade{to: 1, why: err.Error() + "; going on without ASPAs"}
	}
	return err
}

// ended explains the end of the connection.
func (c *connection) ended() error {
	if fault := (*protocolError)(nil); errors.As(c.readErr, &fault) {
		return c.withoutASPA(c.reject(fault))
	}
	err := fmt.Errorf("the connection ended: %w", c.readErr)
	if !c.heard {
		return c.lost(err, c.version)
	}
	return err
}

// reject tells the cache what it did wrong (RFC 8210 section 5.11); an Error Report is never answered with one.
func (c *connection) reject(err error) error {
	if fault := (*protocolError)(nil); errors.As(err, &fault) {
		c.conn.Write(report(c.version, fault))
	}
	return err
}

// ask sends a query.
func (c *connection) ask(full bool) error {
	c.full = full || !c.known
	c.answer, c.next = nil, time.Time{}
	c.deadline = c.Clock.Now().Add(answerTimeout)
	_, err := c.conn.Write(query(c.version, c.full, c.status.Session, c.status.Serial))
	return err
}

// tick does what is due.
func (c *connection) tick() error {
	c.age()
	now := c.Clock.Now()
	switch {
	case c.known && c.status.State == Expired:
		return errors.New("the VRPs expired before the cache confirmed them; beginning anew")
	case !c.deadline.IsZero() && !now.Before(c.deadline):
		return &refusal{why: fmt.Sprintf("the cache has not completed its answer within %s", answerTimeout)}
	case !c.next.IsZero() && !now.Before(c.next):
		return c.ask(false)
	}
	return nil
}

func (c *connection) handle(p pdu) error {
	c.heard, c.silent = true, 0
	if p.kind == wire.PDUErrorReport {
		return c.reported(p)
	}
	if pass, err := c.agree(p); !pass {
		return err
	}
	switch p.kind {
	case wire.PDUSerialNotify:
		return c.notify(p)
	case wire.PDUCacheResponse:
		return c.response(p)
	case wire.PDUCacheReset:
		return c.reset()
	case wire.PDUEndOfData:
		return c.end(p)
	case wire.PDUAspa, wire.PDURouterKey:
		if p.kind == wire.PDUAspa && c.version < 2 || c.version < 1 {
			return &protocolError{code: wire.ErrUnsupPDUType, text: fmt.Sprintf("PDUs of type %d are not of version %d", p.kind, c.version)}
		}
	}
	if c.answer == nil {
		return corrupt("a PDU of type %d comes outside of an answer", p.kind)
	}
	if p.kind == wire.PDURouterKey {
		return nil
	}
	return c.answer.add(p)
}

// agree settles the version with the first PDU that counts (RFC 8210 section 7): a cache that only knows a lower one answers in
// that. What comes before is a Serial Notify at most, and ignored. From then on every PDU must have the version.
func (c *connection) agree(p pdu) (pass bool, err error) {
	switch {
	case c.agreed && p.version != c.version, p.version > c.version && p.kind != wire.PDUSerialNotify:
		return false, &protocolError{code: wire.ErrUnexpVersion, text: fmt.Sprintf("a PDU of version %d, where %d was agreed or asked for", p.version, c.version)}
	case c.agreed:
		return true, nil
	case p.kind == wire.PDUSerialNotify:
		return false, nil
	}
	c.agreed, c.version = true, p.version
	c.answered = max(c.answered, p.version+1)
	c.status.Connected, c.status.Version = true, p.version
	c.publish()
	return true, nil
}

// notify follows RFC 8210 section 5.2.
func (c *connection) notify(p pdu) error {
	switch {
	case !c.deadline.IsZero():
		c.notified = &p // looked at when the answer is complete
		return nil
	case c.known && p.session == c.status.Session && p.serial == c.status.Serial:
		return nil
	case c.known && p.session == c.status.Session && older(c.status.Serial, p.serial):
		return c.ask(false)
	}
	c.Log.Info("the cache has begun anew; asking for all", "session", p.session, "serial", p.serial)
	return c.ask(true)
}

func (c *connection) response(p pdu) error {
	switch {
	case c.deadline.IsZero() || c.answer != nil:
		return corrupt("a Cache Response that nobody asked for")
	case !c.full && p.session != c.status.Session:
		return corrupt("a Cache Response of session %d to a query of session %d", p.session, c.status.Session)
	}
	c.answer = newAnswer(c.full, p.session, c.status.Set)
	return nil
}

// reset follows RFC 8210 section 5.9: the cache can't tell the difference, so the whole is asked for. The data of before stay.
func (c *connection) reset() error {
	if c.deadline.IsZero() || c.full || c.answer != nil {
		return corrupt("a Cache Reset that answers no Serial Query")
	}
	return c.ask(true)
}

// end follows RFC 8210 section 5.8: now the answer takes effect.
func (c *connection) end(p pdu) error {
	a := c.answer
	switch {
	case a == nil:
		return corrupt("an End of Data that ends nothing")
	case p.session != a.session:
		return corrupt("an End of Data of session %d ends an answer of session %d", p.session, a.session)
	case !a.full && older(p.serial, c.status.Serial):
		c.Log.Warn("the serial number of the cache went back; asking for all", "from", c.status.Serial, "to", p.serial)
		return c.ask(true)
	}
	set, err := a.set()
	if err != nil {
		return corrupt("%v", err)
	}
	if a.again > 0 {
		c.Log.Warn("the cache sent VRPs more than once", "count", a.again)
	}
	c.known, c.answer, c.deadline = true, nil, time.Time{}
	c.next = c.Clock.Now().Add(p.intervals.refresh)
	c.accept(set, p)
	if n := c.notified; n != nil {
		c.notified = nil
		return c.notify(*n)
	}
	return nil
}

// reported follows RFC 8210 section 12.
func (c *connection) reported(p pdu) error {
	why := fmt.Sprintf("the cache reports error %d", p.session)
	if p.text != "" {
		why += fmt.Sprintf(": %.200q", p.text)
	}
	switch {
	case p.session == wire.ErrNoData:
		wait := c.askAgain(c.backoff())
		c.Log.Warn("the cache has no data yet", "again_in", wait)
		c.status.Err = "the cache has no data yet"
		c.status.Connected = true
		c.answer, c.deadline, c.known = nil, time.Time{}, false
		c.next = c.Clock.Now().Add(wait)
		c.publish()
		return nil
	case p.session == wire.ErrUnsupVersion && !c.agreed && c.version > 0:
		return &downgrade{to: min(p.version, c.version-1), why: why}
	}
	return &refusal{why: why}
}
