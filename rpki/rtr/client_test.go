package rtr

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	wire "github.com/bgpfix/bgpfix/rtr"
)

const (
	lan4  = "192.0.2.0/24-24 AS64500"
	lan6  = "2001:db8::/32-48 AS64501"
	other = "198.51.100.0/24-24 AS64502"
)

// loaded brings a client to hold lan4 and lan6, session 7, serial 10, version 1.
func loaded(t *testing.T, change func(*Client)) (*bench, *peer) {
	t.Helper()
	b := start(t, change)
	p := b.accept()
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), announce(lan6), end(1, 7, 10))
	b.holds(b.fresh(), lan4, lan6)
	return b, p
}

func TestLoadThenRefresh(t *testing.T) {
	b, p := loaded(t, nil)
	if s := b.last; s.Version != 1 || s.Session != 7 || s.Serial != 10 || !s.Updated.Equal(b.clock.Now()) ||
		!s.Expires.Equal(s.Updated.Add(7200*time.Second)) || s.Source().Generated != s.Updated {
		t.Errorf("status %+v", s)
	}
	before := b.last.Set
	b.clock.advance(t, 1000*time.Second)
	p.expectSerial(1, 7, 10)
	p.send(response(1, 7), end(1, 7, 10))
	if s := b.fresh(); s.Set != before || !s.Updated.Equal(b.clock.Now()) {
		t.Error("an answer without changes is another set, or confirms nothing")
	}
	b.clock.advance(t, 1000*time.Second)
	p.expectSerial(1, 7, 10)
	p.send(response(1, 7), withdraw(lan6), announce(other), end(1, 7, 11))
	b.holds(b.fresh(), lan4, other)
	if b.last.Serial != 11 {
		t.Errorf("serial %d", b.last.Serial)
	}
}

func TestAppliedWholeOrNotAtAll(t *testing.T) {
	b, p := loaded(t, nil)
	p.send(notify(1, 7, 11))
	p.expectSerial(1, 7, 10)
	p.send(response(1, 7), withdraw(lan4))
	p.Close()
	s := b.until("disconnected", func(s Status) bool { return !s.Connected })
	b.holds(s, lan4, lan6)
	if s.State != Fresh || s.Err == "" {
		t.Errorf("status %+v", s)
	}
	b.clock.advance(t, time.Second)
	p = b.accept()
	p.expectReset(1) // never a Serial Query on a new connection
	p.send(response(1, 7), announce(other), end(1, 7, 12))
	b.holds(b.until("serial 12", func(s Status) bool { return s.Serial == 12 }), other)
}

func TestSerialNotify(t *testing.T) {
	b, p := loaded(t, nil)
	p.send(notify(1, 7, 10), notify(1, 7, 11)) // the first is nothing new
	p.expectSerial(1, 7, 10)
	p.send(response(1, 7), notify(1, 7, 12), announce(other), end(1, 7, 11))
	p.expectSerial(1, 7, 11) // for the one that came in between
	p.send(response(1, 7), withdraw(other), end(1, 7, 12))
	b.until("serial 12", func(s Status) bool { return s.Serial == 12 })
	b.holds(b.last, lan4, lan6)
}

// Whatever says that the cache has begun anew leads to a full answer, and until that is complete the old data stay.
func TestBeginAnew(t *testing.T) {
	for name, provoke := range map[string]func(*peer){
		"session changes in a Serial Notify":  func(p *peer) { p.send(notify(1, 8, 1)) },
		"serial goes back in a Serial Notify": func(p *peer) { p.send(notify(1, 7, 9)) },
		"serial goes back in an End of Data": func(p *peer) {
			p.send(notify(1, 7, 11))
			p.expectSerial(1, 7, 10)
			p.send(response(1, 7), withdraw(lan4), end(1, 7, 3))
		},
		"Cache Reset": func(p *peer) {
			p.send(notify(1, 7, 11))
			p.expectSerial(1, 7, 10)
			p.send(cacheReset(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := loaded(t, nil)
			provoke(p)
			p.expectReset(1)
			b.holds(b.last, lan4, lan6)
			p.send(response(1, 8), announce(other), end(1, 8, 1))
			b.holds(b.fresh(), other)
			if b.last.Session != 8 || b.last.Serial != 1 {
				t.Errorf("status %+v", b.last)
			}
		})
	}
}

func TestSerialWrapsAround(t *testing.T) {
	b := start(t, nil)
	p := b.accept()
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), end(1, 7, 0xffffffff))
	b.fresh()
	p.send(notify(1, 7, 0))
	p.expectSerial(1, 7, 0xffffffff)
	p.send(response(1, 7), announce(lan6), end(1, 7, 0))
	b.until("serial 0", func(s Status) bool { return s.Serial == 0 && s.Set.Len() == 2 })
}

// Faults of the cache end the connection with an Error Report, and cost no data.
func TestProtocolErrors(t *testing.T) {
	asked := notify(1, 7, 11)
	for name, c := range map[string]struct {
		send [][]byte // after a Serial Notify has made the client ask
		code uint16
	}{
		"another version":            {[][]byte{response(0, 7)}, wire.ErrUnexpVersion},
		"higher version":             {[][]byte{response(2, 7)}, wire.ErrUnexpVersion},
		"another session":            {[][]byte{response(1, 8)}, wire.ErrCorruptData},
		"another session at the end": {[][]byte{response(1, 7), end(1, 8, 11)}, wire.ErrCorruptData},
		"two responses":              {[][]byte{response(1, 7), response(1, 7)}, wire.ErrCorruptData},
		"prefix without a response":  {[][]byte{announce(other)}, wire.ErrCorruptData},
		"end without a response":     {[][]byte{end(1, 7, 11)}, wire.ErrCorruptData},
		"reset within an answer":     {[][]byte{response(1, 7), cacheReset(1)}, wire.ErrCorruptData},
		"withdrawal of the unknown":  {[][]byte{response(1, 7), withdraw(other)}, wire.ErrWithdrawUnk},
		"withdrawn twice":            {[][]byte{response(1, 7), withdraw(lan4), withdraw(lan4)}, wire.ErrWithdrawUnk},
		"announced again":            {[][]byte{response(1, 7), announce(lan4)}, wire.ErrDupAnnounce},
		"ASPA in version 1":          {[][]byte{response(1, 7), head(1, 11, 1<<8, be(1, 2)...)}, wire.ErrUnsupPDUType},
		"unknown type":               {[][]byte{response(1, 7), head(1, 99, 0)}, wire.ErrUnsupPDUType},
		"a query":                    {[][]byte{query(1, true, 0, 0)}, wire.ErrUnsupPDUType},
		"too short":                  {[][]byte{{1, 4, 0, 0, 0, 0, 0, 7}}, wire.ErrCorruptData},
		"too long":                   {[][]byte{{1, 4, 0, 0, 0xff, 0xff, 0xff, 0xff}}, wire.ErrCorruptData},
		"prefix of odd length":       {[][]byte{response(1, 7), head(1, 4, 0, be(1, 2)...)}, wire.ErrCorruptData},
		"prefix of 33 bits":          {[][]byte{response(1, 7), head(1, 4, 0, 1, 33, 33, 0, 10, 0, 0, 0, 0, 0, 0, 1)}, wire.ErrCorruptData},
		"maxLength below the length": {[][]byte{response(1, 7), head(1, 4, 0, 1, 24, 23, 0, 10, 0, 0, 0, 0, 0, 0, 1)}, wire.ErrCorruptData},
		"maxLength of 33":            {[][]byte{response(1, 7), head(1, 4, 0, 1, 24, 33, 0, 10, 0, 0, 0, 0, 0, 0, 1)}, wire.ErrCorruptData},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := loaded(t, nil)
			p.send(asked)
			p.expectSerial(1, 7, 10)
			p.send(c.send...)
			p.expectError(c.code)
			s := b.until("disconnected", func(s Status) bool { return !s.Connected })
			b.holds(s, lan4, lan6)
			if !strings.Contains(s.Err, "breaks the protocol") {
				t.Errorf("Err is %q", s.Err)
			}
			b.clock.advance(t, time.Second)
			b.accept().expectReset(1)
		})
	}
}

func TestWithdrawalInFullAnswer(t *testing.T) {
	b := start(t, nil)
	p := b.accept()
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), withdraw(lan4), end(1, 7, 1))
	p.expectError(wire.ErrCorruptData)
}

// Caches are known to send a VRP twice that two trust anchors assert.
func TestDuplicateInFullAnswer(t *testing.T) {
	b := start(t, nil)
	p := b.accept()
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), announce(lan4), end(1, 7, 1))
	b.holds(b.fresh(), lan4)
}

func TestCacheResetToResetQuery(t *testing.T) {
	b := start(t, nil)
	p := b.accept()
	p.expectReset(1)
	p.send(cacheReset(1))
	p.expectError(wire.ErrCorruptData) // and not another Reset Query, for ever
}

func TestStaleThenExpired(t *testing.T) {
	b, p := loaded(t, nil)
	b.listener.Close()
	p.Close()
	b.until("disconnected", func(s Status) bool { return !s.Connected })
	since := b.last.Updated
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 249} { // seconds; 300 is the Retry interval
		b.clock.advance(t, pause*time.Second)
	}
	s := b.until("stale", func(s Status) bool { return s.State == Stale })
	if at := since.Add(1060 * time.Second); !s.Since.Equal(at) {
		t.Errorf("stale since %s, want %s", s.Since, at)
	}
	b.holds(s, lan4, lan6)
	b.clock.advance(t, 51*time.Second)
	for range 20 {
		b.clock.advance(t, 300*time.Second)
	}
	b.clock.advance(t, 89*time.Second)
	s = b.until("expired", func(s Status) bool { return s.State == Expired })
	if at := since.Add(7200 * time.Second); s.Set != nil || !s.Since.Equal(at) {
		t.Errorf("expired at %s, want %s, with %v", s.Since, at, s.Set)
	}
}

// A cache that is connected and does not answer is left after a while, and the data expire all the same.
func TestSilentCache(t *testing.T) {
	b, p := loaded(t, nil)
	b.clock.advance(t, 1000*time.Second)
	p.expectSerial(1, 7, 10)
	b.clock.advance(t, 60*time.Second)
	b.until("stale", func(s Status) bool { return s.State == Stale })
	b.clock.advance(t, 240*time.Second)
	s := b.until("disconnected", func(s Status) bool { return !s.Connected })
	if !strings.Contains(s.Err, "not completed its answer") {
		t.Errorf("Err is %q", s.Err)
	}
	b.clock.advance(t, 300*time.Second) // its Retry interval
	p = b.accept()
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), end(1, 7, 11))
	b.holds(b.fresh(), lan4)
}

func TestNoDataAvailable(t *testing.T) {
	b := start(t, nil)
	p := b.accept()
	p.expectReset(1)
	p.send(errorReport(1, wire.ErrNoData, "starting"))
	b.until("without data", func(s Status) bool { return s.Connected && s.State == Waiting && s.Err != "" })
	b.clock.advance(t, time.Second)
	p.expectReset(1)
	p.send(errorReport(1, wire.ErrNoData, "starting"))
	b.clock.advance(t, 2*time.Second)
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), end(1, 7, 10))
	b.holds(b.fresh(), lan4)

	p.send(notify(1, 7, 11))
	p.expectSerial(1, 7, 10)
	p.send(errorReport(1, wire.ErrNoData, ""))
	s := b.until("without data", func(s Status) bool { return s.Err != "" })
	b.holds(s, lan4)
	b.clock.advance(t, 300*time.Second) // by now the Retry interval is known
	p.expectReset(1)
}

func TestErrorReportEndsTheConnection(t *testing.T) {
	b, p := loaded(t, nil)
	p.send(errorReport(1, wire.ErrInternal, "disk \x00 full"))
	s := b.until("disconnected", func(s Status) bool { return !s.Connected })
	if !strings.Contains(s.Err, `disk \x00 full`) {
		t.Errorf("Err is %q", s.Err)
	}
	if n, _ := p.Read(make([]byte, 100)); n > 0 {
		t.Error("an Error Report was answered")
	}
	b.clock.advance(t, 300*time.Second)
	b.accept().expectReset(1)
}

func TestVersionRefused(t *testing.T) {
	b := start(t, func(c *Client) { c.MaxVersion = 2 })
	p := b.accept()
	p.expectReset(2)
	p.send(errorReport(0, wire.ErrUnsupVersion, ""))
	p.Close()
	p = b.accept() // at once, and in the version of the report
	p.expectReset(0)
	p.send(response(0, 7), prefix(0, 1, lan4), end(0, 7, 1))
	if s := b.fresh(); s.Version != 0 || !s.Expires.Equal(s.Updated.Add(2*time.Hour)) {
		t.Errorf("status %+v", s)
	}
	b.clock.advance(t, time.Hour) // version 0 does not tell its intervals
	p.expectSerial(0, 7, 1)
}

func TestVersionAnsweredLower(t *testing.T) {
	b := start(t, func(c *Client) { c.MaxVersion = 2 })
	p := b.accept()
	p.expectReset(2)
	p.send(notify(0, 3, 3), notify(2, 3, 3)) // before the version is agreed they mean nothing
	p.send(response(1, 7), announce(lan4), end(1, 7, 1))
	if s := b.fresh(); s.Version != 1 {
		t.Errorf("status %+v", s)
	}
	p.send(notify(1, 7, 2))
	p.expectSerial(1, 7, 1)
}

func TestSilentCloseMeansLowerVersion(t *testing.T) {
	b := start(t, func(c *Client) { c.MaxVersion = 2 })
	for _, version := range []byte{2, 1} {
		p := b.accept()
		p.expectReset(version)
		p.Close()
	}
	p := b.accept()
	p.expectReset(0)
	p.Close()
	b.clock.advance(t, time.Second) // then from the top
	b.accept().expectReset(2)
}

// A cache that has answered in the version before is more likely to be restarting.
func TestSilentCloseOfKnownCache(t *testing.T) {
	b, p := loaded(t, nil)
	p.Close()
	b.clock.advance(t, time.Second)
	p = b.accept()
	p.expectReset(1)
	p.Close()
	b.clock.advance(t, 2*time.Second)
	p = b.accept()
	p.expectReset(1)
	p.Close()
	b.accept().expectReset(0)
}

func TestASPA(t *testing.T) {
	b := start(t, func(c *Client) { c.MaxVersion = 2 })
	p := b.accept()
	p.expectReset(2)
	p.send(response(2, 7), aspa(1, 64500, 1, 2), aspa(1, 64501, 3), prefix(2, 1, lan4), head(2, 9, 1<<8, make([]byte, 60)...), end(2, 7, 1))
	s := b.fresh()
	if a, _ := s.Set.ASPA(64500); len(a.Providers) != 2 || len(s.Set.ASPAs()) != 2 {
		t.Fatalf("ASPAs %v", s.Set.ASPAs())
	}
	p.send(notify(2, 7, 2))
	p.expectSerial(2, 7, 1)
	p.send(response(2, 7), aspa(1, 64500, 5), aspa(0, 64501), end(2, 7, 2))
	s = b.until("serial 2", func(s Status) bool { return s.Serial == 2 })
	if a, _ := s.Set.ASPA(64500); len(a.Providers) != 1 || a.Providers[0] != 5 || len(s.Set.ASPAs()) != 1 || s.Set.Len() != 1 {
		t.Fatalf("an announcement does not replace: %v", s.Set.ASPAs())
	}
	p.send(notify(2, 7, 3))
	p.expectSerial(2, 7, 2)
	p.send(response(2, 7), aspa(0, 64501))
	p.expectError(wire.ErrWithdrawUnk)
}

// A cache whose ASPAs are in the form of an older draft, with flags and a count before the customer, is asked for VRPs alone.
func TestASPAOfOlderDraft(t *testing.T) {
	b := start(t, func(c *Client) { c.MaxVersion = 2 })
	p := b.accept()
	p.expectReset(2)
	p.send(response(2, 7), prefix(2, 1, lan4), unhex(t, "020b000000000018010000020000fde90000fbf40000fbf5"), end(2, 7, 1))
	p.expectError(wire.ErrASPAProvList)
	p = b.accept() // at once
	p.expectReset(1)
	p.send(response(1, 7), announce(lan4), end(1, 7, 1))
	if s := b.fresh(); s.Version != 1 || s.Err != "" {
		t.Errorf("status %+v", s)
	}
}

func TestBackoff(t *testing.T) {
	failed := errors.New("no route")
	attempts := make(chan struct{}, 100)
	b := start(t, func(c *Client) {
		c.Dial = func(context.Context) (net.Conn, error) { attempts <- struct{}{}; return nil, failed }
		c.Random = func() float64 { return 0.5 }
	})
	for _, seconds := range []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600} {
		<-attempts
		b.clock.advance(t, time.Duration(seconds*0.75*float64(time.Second)))
	}
	if s := b.until("failed", func(s Status) bool { return s.Err != "" }); s.State != Waiting || s.Connected {
		t.Errorf("status %+v", s)
	}
}

// A connection that has proved steady begins the doubling anew.
func TestBackoffBeginsAnew(t *testing.T) {
	b := start(t, nil)
	for range 3 {
		p := b.accept()
		p.expectReset(1)
		p.send(response(1, 7), announce(lan4), end(1, 7, 10))
		b.fresh()
		b.clock.advance(t, 1000*time.Second)
		p.expectSerial(1, 7, 10)
		p.Close()
		b.clock.advance(t, time.Second)
	}
	b.accept().expectReset(1)
}
