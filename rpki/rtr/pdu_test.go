package rtr

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	wire "github.com/bgpfix/bgpfix/rtr"
)

func read(b []byte) (pdu, error) { return readPDU(bufio.NewReader(bytes.NewReader(b))) }

// The octets are written out, so that this checks the layout and not the helpers of the other tests.
func TestReadPDU(t *testing.T) {
	p, err := read(unhex(t, "0104000000000014"+"01181900"+"c0000200"+"0000fbf4"))
	if err != nil || !p.announce || p.vrp.String() != "192.0.2.0/24-25 AS64500" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = read(unhex(t, "0106000000000020"+"00203000"+"20010db8000000000000000000000000"+"0000fbf5"))
	if err != nil || p.announce || p.vrp.String() != "2001:db8::/32-48 AS64501" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = read(unhex(t, "0104000000000014"+"01181800"+"c0000207"+"0000fbf4")) // host bits are no part of a prefix
	if err != nil || p.vrp.Prefix.String() != "192.0.2.0/24" {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = read(unhex(t, "020b010000000014"+"0000fbf4"+"00000001"+"00000002"))
	if err != nil || !p.announce || p.aspa.Customer != 64500 || len(p.aspa.Providers) != 2 || p.aspa.Providers[1] != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = read(unhex(t, "010a000200000017"+"00000004"+"deadbeef"+"00000003"+"6f6f70"))
	if err != nil || p.session != wire.ErrNoData || p.text != "oop" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := read(unhex(t, "0104000000000014"+"0118")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
	if _, err := read(unhex(t, "0104000000000014")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off after the header: %v", err)
	}
}

func TestIntervals(t *testing.T) {
	for _, c := range []struct{ refresh, retry, expire, wantRefresh, wantRetry, wantExpire uint32 }{
		{1000, 300, 7200, 1000, 300, 7200},
		{0, 0, 0, 1, 1, 600},
		{1, 1, 600, 1, 1, 600},
		{86400, 7200, 172800, 86400, 7200, 172800},
		{86401, 7201, 172801, 86400, 7200, 172800},
		{1 << 31, 1 << 31, 1 << 31, 86400, 7200, 172800},
		{3600, 600, 600, 3600, 600, 3601}, // Expire must be the longest
		{1, 7200, 600, 1, 7200, 7201},
	} {
		p, err := read(head(1, 7, 1, be(5, c.refresh, c.retry, c.expire)...))
		want := intervals{time.Duration(c.wantRefresh) * time.Second, time.Duration(c.wantRetry) * time.Second, time.Duration(c.wantExpire) * time.Second}
		if err != nil || p.serial != 5 || p.intervals != want {
			t.Errorf("%+v: %+v, %v", c, p.intervals, err)
		}
	}
	if p, err := read(head(0, 7, 1, be(5)...)); err != nil || p.intervals != usualIntervals() {
		t.Errorf("version 0: %+v, %v", p, err)
	}
	if _, err := read(head(1, 7, 1, be(5)...)); err == nil {
		t.Error("an End of Data of version 0 passes as one of version 1")
	}
}

func TestASPAFaults(t *testing.T) {
	for name, raw := range map[string][]byte{
		"AS0 beside others":         aspa(1, 64500, 0, 1),
		"nobody":                    aspa(1, 64500),
		"withdrawal with providers": aspa(0, 64500, 1),
		"customer AS0":              aspa(1, 0, 1),
	} {
		var fault *protocolError
		if _, err := read(raw); !errors.As(err, &fault) || fault.code != wire.ErrASPAProvList {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := read(aspa(1, 64500, 0)); err != nil || len(p.aspa.Providers) != 1 {
		t.Errorf("AS0 alone: %+v, %v", p, err)
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		want bool
	}{{1, 2, true}, {2, 1, false}, {5, 5, false}, {0xffffffff, 0, true}, {0, 0xffffffff, false}} {
		if older(c.a, c.b) != c.want {
			t.Errorf("older(%d, %d) is not %v", c.a, c.b, c.want)
		}
	}
}

// FuzzPDU feeds a stream of messages: nothing may panic, nothing impossible may come out, and every fault can be reported.
func FuzzPDU(f *testing.F) {
	for _, seed := range [][]byte{
		response(1, 7), cacheReset(1), notify(1, 7, 1), end(0, 1, 2), end(1, 1, 2), announce(lan4), withdraw(lan6),
		aspa(1, 64500, 1, 2), aspa(0, 64500), errorReport(1, 2, "no data"), head(1, 9, 1, make([]byte, 60)...),
		{1, 4, 0, 0, 0xff, 0xff, 0xff, 0xff}, {1, 10, 0, 0, 0, 0, 0, 13, 0xff, 0xff, 0xff, 0xff, 1},
	} {
		f.Add(seed)
		f.Add(append(seed, seed...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := bufio.NewReader(bytes.NewReader(raw))
		for {
			p, err := readPDU(in)
			if err != nil {
				if fault := (*protocolError)(nil); errors.As(err, &fault) {
					if back, err := read(report(1, fault)); err != nil || back.text != fault.text || back.session != fault.code {
						t.Fatalf("the report about %q reads as %+v, %v", fault.text, back, err)
					}
				}
				return
			}
			if p.vrp.Prefix.IsValid() && p.vrp.Check() != nil {
				t.Fatalf("an impossible VRP: %v", p.vrp.Check())
			}
			if p.kind == wire.PDUEndOfData && (p.intervals.expire <= p.intervals.refresh || p.intervals.retry <= 0) {
				t.Fatalf("impossible intervals: %+v", p.intervals)
			}
		}
	})
}
