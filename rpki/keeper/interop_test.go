//go:build interop

package keeper

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"anywatch/rpki"
)

// stay is StayRTR on loopback, which serves a file.
type stay struct {
	*testing.T
	dir, file string
	tcp, tls  string // addresses
	process   *exec.Cmd
}

func newStay(t *testing.T, text string) *stay {
	t.Helper()
	dir := t.TempDir()
	s := &stay{T: t, dir: dir, file: put(t, dir+"/vrps.json", text).Path, tcp: free(t), tls: free(t)}
	certify(t, dir)
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *stay) start() {
	s.Helper()
	s.process = exec.Command("stayrtr", "-bind", s.tcp, "-tls.bind", s.tls, "-tls.cert", s.dir+"/cert.pem", "-tls.key", s.dir+"/key.pem",
		"-metrics.addr", "127.0.0.1:0", "-cache", s.file, "-refresh", "1", "-checktime=false", "-protocol", "2")
	s.process.Dir = s.dir
	out := new(bytes.Buffer)
	s.process.Stdout, s.process.Stderr = out, out
	if err := s.process.Start(); err != nil {
		s.Fatalf("StayRTR of Debian's package stayrtr is needed: %v", err)
	}
	s.Cleanup(func() {
		if s.Failed() {
			s.Logf("StayRTR says:\n%s", out)
		}
	})
}

// kill ends it as a machine that fails does.
func (s *stay) kill() {
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGKILL)
		_ = s.process.Wait()
		s.process = nil
	}
}

// free gives an address that nobody uses.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// live runs a keeper on the time of the machine.
func live(t *testing.T, c Config) *bench {
	t.Helper()
	b := &bench{T: t, told: make(chan rpki.Snapshot, 10000)}
	b.Keeper = New(Options{OnChange: func(s rpki.Snapshot) { b.told <- s }})
	b.configure(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Keeper.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return b
}

func has(n int, vrps ...string) func(rpki.Snapshot) bool {
	return func(s rpki.Snapshot) bool {
		return s.Sources[n].State == rpki.SourceFresh && slices.Equal(texts(slices.Collect(s.Table.All())), vrps)
	}
}

const withASPA = `{"roas": [{"prefix": "192.0.2.0/24", "maxLength": 24, "asn": 1, "ta": "lab"}],
	"provider_authorizations": {"ipv4": [{"customer_asid": 65001, "providers": [64500]}], "ipv6": []}}`

// A cache whose file changes, that is killed and begins anew.
func TestStayRTR(t *testing.T) {
	for name, cache := range map[string]func(*stay) Cache{
		"TCP": func(s *stay) Cache { return Cache{Address: s.tcp} },
		"TLS": func(s *stay) Cache { return Cache{Address: s.tls, TLS: true, CA: s.dir + "/cert.pem"} },
		"TLS name": func(s *stay) Cache {
			return Cache{Address: s.tls, TLS: true, CA: s.dir + "/cert.pem", ServerName: "rtr.example.net"}
		},
		"version 2": func(s *stay) Cache { return Cache{Address: s.tcp, Version: 2} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStay(t, roas(t, "192.0.2.0/24 1", "2001:db8::/32 1"))
			c := cache(s)
			b := live(t, Config{Caches: []Cache{c}, MaxAge: time.Hour, MaxDrop: 0.5})
			got := b.until("two VRPs", has(0, "192.0.2.0/24 1", "2001:db8::/32 1"))
			if want := max(c.Version, 1); got.Sources[0].Version != want {
				t.Errorf("version %d, want %d", got.Sources[0].Version, want)
			}
			put(t, s.file, roas(t, "192.0.2.0/24 1", "198.51.100.0/24 2"))
			got = b.until("the change", has(0, "192.0.2.0/24 1", "198.51.100.0/24 2"))
			if len(got.Added) != 1 || len(got.Removed) != 1 {
				t.Errorf("added %v, removed %v", got.Added, got.Removed)
			}
			s.kill()
			got = b.until("a lost cache", func(s rpki.Snapshot) bool { return s.Sources[0].Err != "" })
			if !has(0, "192.0.2.0/24 1", "198.51.100.0/24 2")(got) {
				t.Errorf("without its cache: %+v", got)
			}
			put(t, s.file, roas(t, "192.0.2.0/24 1", "198.51.100.0/24 3", "203.0.113.0/24 3"))
			s.start()
			b.until("the new life", has(0, "192.0.2.0/24 1", "198.51.100.0/24 3", "203.0.113.0/24 3"))
		})
	}
}

// Its ASPAs are in the form of an older draft. That must not cost the VRPs.
func TestStayRTRWithASPA(t *testing.T) {
	s := newStay(t, withASPA)
	b := live(t, Config{Caches: []Cache{{Address: s.tcp, Version: 2}}})
	if got := b.until("its VRP", has(0, "192.0.2.0/24 1")); got.Sources[0].Version != 1 || got.Sources[0].ASPAs != 0 {
		t.Errorf("%+v", got.Sources[0])
	}
}

// A certificate that nobody we trust has signed is refused.
func TestStayRTRUntrusted(t *testing.T) {
	s := newStay(t, roas(t, "192.0.2.0/24 1"))
	b := live(t, Config{Caches: []Cache{{Address: s.tls, TLS: true}}})
	got := b.until("a refusal", func(s rpki.Snapshot) bool {
		return s.Sources[0].Err != "" && !strings.Contains(s.Sources[0].Err, "refused")
	})
	if !strings.Contains(got.Sources[0].Err, "certificate") || got.Table != nil {
		t.Errorf("%+v", got.Sources[0])
	}
}

// Two caches, of which the first goes away and the second differs.
func TestStayRTRTwice(t *testing.T) {
	one := newStay(t, roas(t, "192.0.2.0/24 1", "198.51.100.0/24 1"))
	two := newStay(t, roas(t, "192.0.2.0/24 1", "198.51.100.0/24 2"))
	b := live(t, Config{Caches: []Cache{{Address: one.tcp}, {Address: two.tcp}}, MaxAge: time.Hour, MaxDrop: 0.5})
	got := b.until("a difference", func(s rpki.Snapshot) bool { return len(s.Differences) == 1 && s.Sources[0].InUse })
	if d := got.Differences[0]; d.Missing != 1 || d.Extra != 1 || d.Used != "cache "+one.tcp || d.Other != "cache "+two.tcp || len(d.Examples) != 2 {
		t.Errorf("difference %+v", d)
	}
	put(t, two.file, roas(t, "192.0.2.0/24 1", "198.51.100.0/24 1"))
	b.until("no difference", func(s rpki.Snapshot) bool { return len(s.Differences) == 0 })
	c := b.book.config
	c.Caches = c.Caches[1:]
	b.configure(c)
	b.until("the second alone", func(s rpki.Snapshot) bool {
		return len(s.Sources) == 1 && has(0, "192.0.2.0/24 1", "198.51.100.0/24 1")(s)
	})
}
