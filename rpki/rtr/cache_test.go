package rtr

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"anywatch/collector/route"
	"anywatch/rpki"

	wire "github.com/bgpfix/bgpfix/rtr"
)

// patience is how long a test waits for what must come, before it gives up and fails.
const patience = 20 * time.Second

// clock stands still until the test moves it.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	alarms  map[chan time.Time]time.Time
	changed chan struct{} // closed when an alarm is set
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), alarms: map[chan time.Time]time.Time{}, changed: make(chan struct{})}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- c.now
		return ch, func() {}
	}
	c.alarms[ch] = c.now.Add(d)
	close(c.changed)
	c.changed = make(chan struct{})
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.alarms, ch)
	}
}

// advance waits until the client has set an alarm for exactly d from now, and moves there.
func (c *clock) advance(t *testing.T, d time.Duration) {
	t.Helper()
	guard := time.After(patience)
	for {
		c.mu.Lock()
		due, changed := c.now.Add(d), c.changed
		set := []time.Duration{}
		for ch, at := range c.alarms {
			set = append(set, at.Sub(c.now))
			if at.Equal(due) {
				c.now = due
				delete(c.alarms, ch)
				ch <- due
				c.mu.Unlock()
				return
			}
		}
		c.mu.Unlock()
		select {
		case <-changed:
		case <-guard:
			t.Fatalf("nothing is due in %s; alarms are set for %s", d, set)
		}
	}
}

// bench is a client under test and the cache that it talks to, whose part the test plays.
type bench struct {
	*testing.T
	clock    *clock
	listener net.Listener
	statuses chan Status
	last     Status
}

// start runs a client against a cache on loopback until the test ends.
func start(t *testing.T, change func(*Client)) *bench {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, clock: newClock(), listener: l, statuses: make(chan Status, 1000)}
	c := &Client{Address: l.Addr().String(), Clock: b.clock, Random: func() float64 { return 1 },
		OnChange: func(s Status) { b.statuses <- s }}
	if change != nil {
		change(c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run ended with %v", err)
		}
		l.Close()
	})
	return b
}

// until waits for a status and fails if it does not come.
func (b *bench) until(what string, is func(Status) bool) Status {
	b.Helper()
	for guard := time.After(patience); ; {
		select {
		case b.last = <-b.statuses:
			if is(b.last) {
				return b.last
			}
		case <-guard:
			b.Fatalf("no status is %s; the last: %+v", what, b.last)
		}
	}
}

func (b *bench) fresh() Status {
	b.Helper()
	return b.until("fresh", func(s Status) bool { return s.State == Fresh && s.Connected })
}

// peer is the cache's end of a connection.
type peer struct {
	*bench
	net.Conn
}

func (b *bench) accept() *peer {
	b.Helper()
	b.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := b.listener.Accept()
	if err != nil {
		b.Fatalf("the client does not connect: %v", err)
	}
	b.Cleanup(func() { conn.Close() })
	return &peer{b, conn}
}

// expect reads what the client sends and compares.
func (p *peer) expect(want []byte) {
	p.Helper()
	p.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p.Conn, got); err != nil {
		p.Fatalf("the client sends %x and then %v, want %x", got[:n], err, want)
	}
	if !bytes.Equal(got, want) {
		p.Fatalf("the client sends %x, want %x", got, want)
	}
}

// expectError reads an Error Report and compares its code; then the client must close.
func (p *peer) expectError(code uint16) {
	p.Helper()
	p.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(p.Conn)
	if err != nil {
		p.Fatalf("the client does not close: %v", err)
	}
	if len(got) < headerSize || got[1] != wire.PDUErrorReport || binary.BigEndian.Uint16(got[2:]) != code {
		p.Fatalf("the client sends %x, want an Error Report with code %d", got, code)
	}
}

func (p *peer) expectReset(version byte) { p.Helper(); p.expect(query(version, true, 0, 0)) }

func (p *peer) expectSerial(version byte, session uint16, serial uint32) {
	p.Helper()
	p.expect(query(version, false, session, serial))
}

func (p *peer) send(pdus ...[]byte) {
	p.Helper()
	if _, err := p.Write(slices.Concat(pdus...)); err != nil {
		p.Fatal(err)
	}
}

// The PDUs, built by hand.

func head(version, kind byte, session uint16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{version, kind}, session)
	b = binary.BigEndian.AppendUint32(b, uint32(8+len(body)))
	return append(b, body...)
}

func be(n ...uint32) []byte {
	var b []byte
	for _, n := range n {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func response(version byte, session uint16) []byte { return head(version, 3, session) }
func cacheReset(version byte) []byte               { return head(version, 8, 0) }

func notify(version byte, session uint16, serial uint32) []byte {
	return head(version, 0, session, be(serial)...)
}

func end(version byte, session uint16, serial uint32) []byte {
	if version == 0 {
		return head(0, 7, session, be(serial)...)
	}
	return head(version, 7, session, be(serial, 1000, 300, 7200)...)
}

func prefix(version, flag byte, text string) []byte {
	v := vrp(text)
	kind, addr := byte(4), v.Prefix.Addr().AsSlice()
	if v.Prefix.Addr().Is6() {
		kind = 6
	}
	body := append([]byte{flag, byte(v.Prefix.Bits()), v.MaxLength, 0}, addr...)
	return head(version, kind, 0, append(body, be(uint32(v.ASN))...)...)
}

func announce(text string) []byte { return prefix(1, 1, text) }
func withdraw(text string) []byte { return prefix(1, 0, text) }

func aspa(flag byte, customer uint32, providers ...uint32) []byte {
	return head(2, 11, uint16(flag)<<8, be(append([]uint32{customer}, providers...)...)...)
}

func errorReport(version byte, code uint16, text string) []byte {
	return report(version, &protocolError{code: code, text: text})
}

// vrp reads "192.0.2.0/24-25 AS64500"; without its maxLength it is that of the prefix.
func vrp(text string) rpki.VRP {
	var v rpki.VRP
	span, asn, _ := bytes.Cut([]byte(text), []byte(" "))
	pfx, most, limited := bytes.Cut(span, []byte("-"))
	v.Prefix = netip.MustParsePrefix(string(pfx))
	v.MaxLength = uint8(v.Prefix.Bits())
	if limited {
		n := 0
		for _, c := range most {
			n = n*10 + int(c-'0')
		}
		v.MaxLength = uint8(n)
	}
	a, err := route.ParseASN(string(asn))
	if err != nil {
		panic(err)
	}
	v.ASN = a
	return v
}

func (b *bench) holds(s Status, want ...string) {
	b.Helper()
	var got []string
	for v := range s.Set.All() {
		got = append(got, v.String())
	}
	if !slices.Equal(got, want) {
		b.Fatalf("the copy holds %q, want %q", got, want)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
