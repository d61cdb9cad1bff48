package rtrcache_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/cmd/internal/lab/rtrcache"

	"github.com/bgpfix/bgpfix/rtr"
)

const session = 0x1234

var (
	four  = vrp("192.0.2.0/24", 24, 64500)
	six   = vrp("2001:db8:53::/48", 48, 64500)
	extra = vrp("203.0.113.0/24", 25, 64496)
)

func vrp(prefix string, maxLength int, asn uint32) rtrcache.VRP {
	return rtrcache.VRP{Prefix: netip.MustParsePrefix(prefix), MaxLength: maxLength, ASN: asn}
}

// start runs a cache with the payloads given, and gives its address.
func start(t *testing.T, vrps ...rtrcache.VRP) (*rtrcache.Cache, string) {
	t.Helper()
	c, err := rtrcache.New(session, rtrcache.DefaultTimers(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if vrps != nil {
		set(t, c, vrps...)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(l) }()
	t.Cleanup(func() {
		c.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c, l.Addr().String()
}

func set(t *testing.T, c *rtrcache.Cache, vrps ...rtrcache.VRP) {
	t.Helper()
	if err := c.Set(vrps); err != nil {
		t.Fatal(err)
	}
}

// raw is a router that speaks in hexadecimal.
type raw struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, address string) raw {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	// A guard against hanging for ever when the cache stays silent.
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return raw{t, conn}
}

func (r raw) send(pdu string) {
	r.t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(pdu, " ", ""))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// want reads as many PDUs as are given and compares each, whole.
func (r raw) want(pdus ...string) {
	r.t.Helper()
	for i, want := range pdus {
		got, err := readPDU(r.conn)
		if err != nil {
			r.t.Fatalf("PDU %d of %d: %v", i+1, len(pdus), err)
		}
		if want = strings.ReplaceAll(want, " ", ""); hex.EncodeToString(got) != want {
			r.t.Fatalf("PDU %d of %d:\n got %x\nwant %s", i+1, len(pdus), got, want)
		}
	}
}

// wantError reads an Error Report of the version and code given, that quotes the PDU given.
func (r raw) wantError(version byte, code uint16, quoted string) {
	r.t.Helper()
	got, err := readPDU(r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	if got[0] != version || got[1] != 10 || binary.BigEndian.Uint16(got[2:]) != code {
		r.t.Fatalf("got %x, want an Error Report of version %d with code %d", got, version, code)
	}
	n := binary.BigEndian.Uint32(got[8:])
	if q := hex.EncodeToString(got[12 : 12+n]); q != strings.ReplaceAll(quoted, " ", "") {
		r.t.Fatalf("the Error Report quotes %s, want %s", q, quoted)
	}
	if text := binary.BigEndian.Uint32(got[12+n:]); int(text) != len(got)-16-int(n) || text == 0 {
		r.t.Fatalf("the text of the Error Report has %d octets by its length field, and %d", text, len(got)-16-int(n))
	}
}

func (r raw) wantClosed() {
	r.t.Helper()
	if got, err := readPDU(r.conn); err != io.EOF {
		r.t.Fatalf("got %x, %v; want the session closed", got, err)
	}
}

func readPDU(r io.Reader) ([]byte, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[4:])-8)
	_, err := io.ReadFull(r, body)
	return append(head, body...), err
}

const (
	resetV0  = "00020000 00000008"
	resetV1  = "01020000 00000008"
	fourV1   = "01040000 00000014 01181800 c0000200 0000fbf4"
	sixV1    = "01060000 00000020 01303000 20010db8005300000000000000000000 0000fbf4"
	timersV1 = "0000001e 00000005 00000258"
)

func TestResetQuery(t *testing.T) {
	_, address := start(t, six, four, four)
	t.Run("version 1", func(t *testing.T) {
		r := dial(t, address)
		r.send(resetV1)
		r.want("01031234 00000008", fourV1, sixV1, "01071234 00000018 00000001"+timersV1)
	})
	t.Run("version 0 has no timers", func(t *testing.T) {
		r := dial(t, address)
		r.send(resetV0)
		r.want("00031234 00000008", "00"+fourV1[2:], "00"+sixV1[2:], "00071234 0000000c 00000001")
	})
}

func TestSerialQuery(t *testing.T) {
	c, address := start(t, four, six)
	set(t, c, four, extra)
	r := dial(t, address)
	t.Run("what changed", func(t *testing.T) {
		r.send("01011234 0000000c 00000001")
		r.want("01031234 00000008", "01060000 00000020 00"+strings.ReplaceAll(sixV1, " ", "")[18:],
			"01040000 00000014 01181900 cb007100 0000fbf0", "01071234 00000018 00000002"+timersV1)
	})
	t.Run("nothing changed", func(t *testing.T) {
		r.send("01011234 0000000c 00000002")
		r.want("01031234 00000008", "01071234 00000018 00000002"+timersV1)
	})
	t.Run("a serial that never was", func(t *testing.T) {
		r.send("01011234 0000000c 00000063")
		r.want("01080000 00000008")
	})
	t.Run("a serial long past", func(t *testing.T) {
		for n := range 20 {
			set(t, c, four, vrp("203.0.113.0/24", 24, uint32(64496+n)))
			r.want(fmt.Sprintf("01001234 0000000c %08x", n+3))
		}
		r.send("01011234 0000000c 00000001")
		r.want("01080000 00000008")
	})
}

func TestNotify(t *testing.T) {
	c, address := start(t, four)
	silent, speaking := dial(t, address), dial(t, address)
	speaking.send(resetV0)
	speaking.want("00031234 00000008", "00"+fourV1[2:], "00071234 0000000c 00000001")

	set(t, c, four) // the same again is no news
	set(t, c, four, six)
	speaking.want("00001234 0000000c 00000002")
	if got := c.Serial(); got != 2 {
		t.Errorf("serial %d after one change, want 2", got)
	}
	// A router that has not settled the version yet gets the data with its query and no notification before.
	silent.send(resetV1)
	silent.want("01031234 00000008", fourV1, sixV1, "01071234 00000018 00000002"+timersV1)
}

func TestNoData(t *testing.T) {
	c, address := start(t)
	r := dial(t, address)
	r.send(resetV1)
	r.wantError(1, 2, resetV1)
	set(t, c, four)
	r.want("01001234 0000000c 00000001")
	r.send(resetV1) // the session goes on
	r.want("01031234 00000008", fourV1, "01071234 00000018 00000001"+timersV1)
}

// TestEmptySet: no payloads at all are data too, unlike no data yet.
func TestEmptySet(t *testing.T) {
	_, address := start(t, []rtrcache.VRP{}...)
	r := dial(t, address)
	r.send(resetV1)
	r.want("01031234 00000008", "01071234 00000018 00000001"+timersV1)
}

func TestRouterAtFault(t *testing.T) {
	_, address := start(t, four)
	for _, c := range []struct {
		name, sent string
		version    byte
		code       uint16
		quoted     string
	}{
		{"a version of the future", "02020000 00000008", 1, 4, "02020000 00000008"},
		{"another session", "01014321 0000000c 00000001", 1, 0, "01014321 0000000c 00000001"},
		{"a type nobody knows", "010b0000 00000008", 1, 5, "010b0000 00000008"},
		{"a PDU that only caches send", "01071234 0000000c 00000001", 1, 3, "01071234 0000000c 00000001"},
		{"a Reset Query too long", "01020000 0000000c 00000000", 1, 0, "01020000 0000000c 00000000"},
		{"a Serial Query too short", "01011234 00000008", 1, 0, "01011234 00000008"},
		{"a length below the header", "01020000 00000007", 0, 0, "01020000 00000007"},
		{"a length beyond measure", "01020000 ffffffff", 0, 0, "01020000 ffffffff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dial(t, address)
			r.send(c.sent)
			r.wantError(c.version, c.code, c.quoted)
			r.wantClosed()
		})
	}
	t.Run("another version in the middle", func(t *testing.T) {
		r := dial(t, address)
		r.send(resetV1)
		r.want("01031234 00000008", fourV1, "01071234 00000018 00000001"+timersV1)
		r.send(resetV0)
		r.wantError(1, 8, resetV0)
		r.wantClosed()
	})
	t.Run("an Error Report gets no answer", func(t *testing.T) {
		r := dial(t, address)
		r.send("010a0000 00000010 00000000 00000000")
		r.wantClosed()
	})
}

// TestRealClient reads the cache with another implementation of the protocol, which begins with version 2 and must find its way down.
func TestRealClient(t *testing.T) {
	c, address := start(t, four, six)
	type change struct {
		add bool
		vrp rtrcache.VRP
	}
	var pending []change
	batches := make(chan []change, 4)
	client := rtr.NewClient(&rtr.Options{
		Version: rtr.VersionAuto,
		OnROA: func(add bool, p netip.Prefix, maxLength uint8, asn uint32) {
			pending = append(pending, change{add, rtrcache.VRP{Prefix: p, MaxLength: int(maxLength), ASN: asn}})
		},
		OnEndOfData: func(uint16, uint32) { batches <- pending; pending = nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		for ctx.Err() == nil { // the client ends its run where it goes one version down
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Errorf("dial: %v", err)
				return
			}
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			_ = client.Run(ctx, conn) // ends with the version refused, or with the test
			stop()
			conn.Close()
		}
	}()
	want := []change{{true, four}, {true, six}}
	if got := receive(t, batches); !slices.Equal(got, want) {
		t.Fatalf("first data: got %v, want %v", got, want)
	}
	set(t, c, four, extra)
	want = []change{{false, six}, {true, extra}}
	if got := receive(t, batches); !slices.Equal(got, want) {
		t.Fatalf("change: got %v, want %v", got, want)
	}
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatal("nothing came from the cache")
		panic("unreachable")
	}
}

func TestCloseEndsSessions(t *testing.T) {
	c, address := start(t, four)
	r := dial(t, address)
	r.send(resetV1)
	r.want("01031234 00000008", fourV1, "01071234 00000018 00000001"+timersV1)
	c.Close()
	r.wantClosed()
	if n := c.Routers(); n != 0 {
		t.Errorf("%d routers left after Close", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Serve(l); err != nil {
		t.Errorf("Serve of a closed cache: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	c, _ := start(t, four)
	for bad, says := range map[rtrcache.VRP]string{
		{}:                               "not an IPv4 or IPv6 prefix",
		vrp("192.0.2.1/24", 24, 64500):   "192.0.2.0/24 has none",
		vrp("192.0.2.0/24", 23, 64500):   "between 24 and 32",
		vrp("192.0.2.0/24", 33, 64500):   "between 24 and 32",
		vrp("::ffff:0:0/96", 128, 64500): "not an IPv4 or IPv6 prefix",
	} {
		if err := c.Set([]rtrcache.VRP{four, bad}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want an error that says %q", bad, err, says)
		}
	}
	if got := c.VRPs(); !slices.Equal(got, []rtrcache.VRP{four}) || c.Serial() != 1 {
		t.Errorf("refused payloads left %v, serial %d", got, c.Serial())
	}
	for _, bad := range []rtrcache.Timers{
		{0, time.Second, time.Hour}, {time.Hour, 0, 2 * time.Hour}, {time.Hour, time.Minute, time.Hour}, {time.Second, time.Second, time.Minute},
	} {
		if _, err := rtrcache.New(1, bad, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("timers %v were accepted", bad)
		}
	}
}
