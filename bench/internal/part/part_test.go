package part

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/proc"
	"anywatch/bench/internal/wire"
)

// running is a part that runs in the test's own process.
type running struct {
	t     *testing.T
	stdin *io.PipeWriter
	lines chan string
	ended chan error
}

func start(t *testing.T, args ...any) *running {
	t.Helper()
	var list []string
	for _, a := range args {
		list = append(list, fmt.Sprint(a))
	}
	in, stdin := io.Pipe()
	out, stdout := io.Pipe()
	r := &running{t, stdin, make(chan string, 100), make(chan error, 1)}
	go func() {
		err := Run(context.Background(), in, stdout, list)
		stdout.Close()
		r.ended <- err
	}()
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	return r
}

// expect gives what follows a word that the part says.
func (r *running) expect(word string) string {
	r.t.Helper()
	for {
		select {
		case l, ok := <-r.lines:
			if !ok {
				r.t.Fatalf("ended without %q: %v", word, <-r.ended)
			}
			if rest, ok := strings.CutPrefix(l, word); ok {
				return strings.TrimSpace(rest)
			}
		case <-time.After(time.Minute):
			r.t.Fatalf("no %q", word)
		}
	}
}

func (r *running) say(text string) {
	if _, err := io.WriteString(r.stdin, text+"\n"); err != nil {
		r.t.Fatal(err)
	}
}

// end closes standard input, upon which every part ends without complaint.
func (r *running) end() {
	r.t.Helper()
	r.stdin.Close()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Error(err)
		}
	case <-time.After(time.Minute):
		r.t.Fatal("does not end")
	}
}

const (
	few4 = 2000
	few6 = 500
)

func sendTable(t *testing.T, to string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := wire.Dial(ctx, netip.MustParseAddr("127.77.1.1"), netip.MustParseAddrPort(to), fulltable.SenderAS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := s.Write(append(fulltable.New(few4, few6).Stream(), wire.EndOfRIB()...)); err != nil {
		t.Fatal(err)
	}
}

func TestDiscardBGP(t *testing.T) {
	r := start(t, "discard-bgp", "127.0.0.1:0")
	sendTable(t, r.expect("ready"))
	r.expect("done")
	r.end()
}

// TestMain makes of the test's program a part, when it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "part" {
		if err := Run(context.Background(), os.Stdin, os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// GoBGP says how many routes it has: all that the generator made. It gets a process of its own, because two of its servers in one process have
// a data race between them.
func TestGoBGP(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	at, err := proc.FreePort(netip.MustParseAddr("127.77.1.2"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := proc.Start(ctx, os.Args[0], "part", "gobgp", at.String(), "127.77.1.1", fmt.Sprint(fulltable.SenderAS))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if _, _, err := p.Expect(ctx, "ready"); err != nil {
		t.Fatal(err)
	}
	sendTable(t, at.String())
	if got, _, err := p.Expect(ctx, "done"); err != nil || len(got) != 1 || got[0] != fmt.Sprint(few4+few6) {
		t.Errorf("%v routes of %d: %v", got, few4+few6, err)
	}
}

func TestRouters(t *testing.T) {
	const count = 3
	listener := start(t, "decode-bmp", "127.0.0.1:0", count)
	senders := start(t, "routers", listener.expect("ready"), count, few4, few6)
	var messages, octets int
	if _, err := fmt.Sscan(senders.expect("ready"), &messages, &octets); err != nil {
		t.Fatal(err)
	}
	if want := count * (len(fulltable.New(few4, few6).Groups) + 4); messages != want { // name, peer, two ends of tables
		t.Errorf("%d messages, want %d", messages, want)
	}
	senders.say("go")
	senders.expect("done")
	if got := listener.expect("done"); got != fmt.Sprint(count*(few4+few6)) {
		t.Errorf("%s prefixes of %d", got, count*(few4+few6))
	}
	senders.end()
	listener.end()
}

func TestDiscardCountsOctets(t *testing.T) {
	listener := start(t, "discard", "127.0.0.1:0", 2)
	senders := start(t, "routers", listener.expect("ready"), 2, few4, few6)
	var messages, octets, got int
	if _, err := fmt.Sscan(senders.expect("ready"), &messages, &octets); err != nil {
		t.Fatal(err)
	}
	senders.say("go")
	if _, err := fmt.Sscan(listener.expect("done"), &got); err != nil || got <= octets || got > octets+2*500 {
		t.Errorf("%d octets; the tables alone have %d: %v", got, octets, err)
	}
	senders.end()
	listener.end()
}

// The client reads exactly as many messages as the server says that it sent.
func TestRISLive(t *testing.T) {
	server := start(t, "rislive", "127.0.0.1:0", few4, few6, 3*BatchMessages, 5)
	client := start(t, "frames", server.expect("ready"), 3*BatchMessages+5)
	client.expect("ready")
	server.say("go")
	if got := server.expect("done"); got != fmt.Sprintf("%d 5", 3*BatchMessages+5) {
		t.Errorf("sent %s", got)
	}
	client.expect("done")
	client.end()
	server.end()
}

func TestRPKI(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vrps.json")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := fulltable.New(few4, few6).WriteVRPs(f, 1000)
	if err != nil || n != 1000 || f.Close() != nil {
		t.Fatalf("%d VRPs: %v", n, err)
	}
	r := start(t, "rpki", file)
	var seconds, memory, watched, dump float64
	if _, err := fmt.Sscan(r.expect("load"), &seconds, &n, &memory); err != nil || n != 1000 || seconds <= 0 {
		t.Errorf("loaded %d in %v s: %v", n, seconds, err)
	}
	if _, err := fmt.Sscan(r.expect("anywatch"), &watched, &dump); err != nil || watched <= 0 || dump <= 0 {
		t.Errorf("look-ups in %v and %v s: %v", watched, dump, err)
	}
	r.expect("done")
	r.end()
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "no part named"},
		{"nothing", `no part is called "nothing"`},
		{"discard 127.0.0.1:0", "discard LISTEN CONNECTIONS: an argument is missing"},
		{"discard 127.0.0.1:0 many", `discard LISTEN CONNECTIONS: strconv.Atoi: parsing "many": invalid syntax`},
		{"frames 127.0.0.1:1 5", "frames: "},
	} {
		in, stdin := io.Pipe()
		err := Run(context.Background(), in, io.Discard, strings.Fields(c.args))
		stdin.Close()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.args, err, c.want)
		}
	}
}
