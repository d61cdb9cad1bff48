package rtrcache

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/osrg/gobgp/v3/pkg/packet/rtr"
)

const (
	announce = rtr.ANNOUNCEMENT
	withdraw = rtr.WITHDRAWAL
)

var errNoData = errors.New("this cache has no data yet; ask again")

// router is the session with one router.
type router struct {
	cache *Cache
	conn  net.Conn
	news  chan struct{} // holds one token while there is something to notify
	gone  chan struct{}

	mu      sync.Mutex // orders writes, and guards what follows
	version int        // -1 until the router's first PDU settles it
}

func newRouter(c *Cache, conn net.Conn) *router {
	return &router{cache: c, conn: conn, news: make(chan struct{}, 1), gone: make(chan struct{}), version: -1}
}

// tell says that the data changed. It never waits for the router.
func (r *router) tell() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// serve runs the session until either side ends it.
func (r *router) serve() {
	var notifier sync.WaitGroup
	notifier.Go(r.notify)
	defer notifier.Wait()
	defer r.conn.Close()
	defer close(r.gone)
	in := bufio.NewReader(r.conn)
	for {
		p, err := readPDU(in)
		if err == nil {
			err = r.handle(p)
		} else if errors.Is(err, errPDULength) {
			err = &failure{rtr.CORRUPT_DATA, err.Error(), p}
		}
		if err != nil {
			r.end(err)
			return
		}
	}
}

// end reports a router's fault to it: RFC 8210 section 10, "the session MUST be terminated".
func (r *router) end(err error) {
	if f := (*failure)(nil); errors.As(err, &f) {
		r.cache.log.Debug("RTR session ended with an error", slog.String("router", r.conn.RemoteAddr().String()), slog.Any("error", f))
		// The router is going away either way: a failed write changes nothing.
		_ = r.reply(func(a *answer) { a.failed(f) })
	}
}

// handle acts on one PDU.
func (r *router) handle(p pdu) error {
	if err := r.settle(p); err != nil {
		return err
	}
	switch p.kind() {
	case rtr.RTR_RESET_QUERY:
		if len(p) != rtr.RTR_RESET_QUERY_LEN {
			return &failure{rtr.CORRUPT_DATA, "a Reset Query has 8 octets", p}
		}
		return r.query(p, r.cache.everything)
	case rtr.RTR_SERIAL_QUERY:
		if len(p) != rtr.RTR_SERIAL_QUERY_LEN {
			return &failure{rtr.CORRUPT_DATA, "a Serial Query has 12 octets", p}
		}
		// RFC 8210 section 5.1: the party that finds the session number not to be the one it holds "MUST immediately terminate the
		// session with an Error Report PDU with code 0".
		if p.session() != r.cache.session {
			return &failure{rtr.CORRUPT_DATA, "the session number is of another life of this cache; start with a Reset Query", p}
		}
		return r.query(p, func(a *answer) error { return r.cache.since(p.serial(), a) })
	case rtr.RTR_ERROR_REPORT:
		return errors.New("the router reported an error") // never answered with another report
	case rtr.RTR_SERIAL_NOTIFY, rtr.RTR_CACHE_RESPONSE, rtr.RTR_IPV4_PREFIX, rtr.RTR_IPV6_PREFIX, rtr.RTR_END_OF_DATA, rtr.RTR_CACHE_RESET:
		return &failure{rtr.INVALID_REQUEST, fmt.Sprintf("PDU type %d comes from caches, not from routers", p.kind()), p}
	}
	return &failure{rtr.UNSUPPORTED_PDU_TYPE, fmt.Sprintf("PDU type %d is not known here", p.kind()), p}
}

// settle fixes the protocol version with the first PDU (RFC 8210 section 7) and holds the router to it.
func (r *router) settle(p pdu) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := int(p.version())
	switch {
	case r.version < 0 && v > maxVersion:
		r.version = maxVersion
		return &failure{rtr.UNSUPPORTED_PROTOCOL_VERSION, fmt.Sprintf("version %d is not spoken here; 0 and 1 are", v), p}
	case r.version < 0:
		r.version = v
	case r.version != v:
		return &failure{unexpectedVersion, fmt.Sprintf("this session began with version %d and goes on with %d", r.version, v), p}
	}
	return nil
}

// query replies to a router's question. Having no data is the one fault that does not end a session: RFC 8210 section 12, code 2.
func (r *router) query(p pdu, fill func(*answer) error) error {
	return r.reply(func(a *answer) {
		if err := fill(a); err != nil {
			a.failed(&failure{rtr.NO_DATA_AVAILABLE, err.Error(), p})
		}
	})
}

// reply writes what fill puts together. The lock is held all the while, so that a notification comes before or after a reply, not in it.
func (r *router) reply(fill func(*answer)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := answer{version: uint8(max(r.version, 0)), session: r.cache.session}
	fill(&a)
	_, err := r.conn.Write(a.buf)
	return err
}

// notify sends a Serial Notify for each change (RFC 8210 section 5.2), not before the router has spoken: until then no version is settled.
func (r *router) notify() {
	for {
		select {
		case <-r.gone:
			return
		case <-r.news:
		}
		if err := r.sendNotify(); err != nil {
			r.conn.Close() // makes the reading side end the session
			return
		}
	}
}

func (r *router) sendNotify() error {
	serial := r.cache.Serial()
	return r.reply(func(a *answer) {
		if r.version >= 0 {
			a.add(rtr.NewRTRSerialNotify(a.session, serial))
		}
	})
}
