package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"anywatch/bench/internal/figure"
	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/proc"
	"anywatch/bench/internal/wire"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		args    string
		want    string // of the cases
		repeats int
		err     string
	}{
		{"", strings.Join(names(), " "), 3, ""},
		{"-quick", strings.Join(names(), " "), 1, ""},
		{"-quick -repeats 2 -only mrt,bmp", "bmp mrt", 2, ""},
		{"-only mtr", "", 0, "-only mtr: there are bgp, bmp"},
		{"-repeats -1", "", 0, "-repeats -1"},
		{"mrt", "", 0, `"mrt" is no option`},
	} {
		o, err := parseOptions(strings.Fields(c.args), io.Discard)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%q: error %v", c.args, err)
			}
			continue
		}
		list, failed := chosen(o.only)
		var got []string
		for _, e := range list {
			got = append(got, e.name)
		}
		if err != nil || failed != nil || strings.Join(got, " ") != c.want || o.repeats != c.repeats {
			t.Errorf("%q: %v, %d repeats, %v", c.args, got, o.repeats, errors.Join(err, failed))
		}
	}
}

func TestRing(t *testing.T) {
	r := newRing([][]byte{[]byte("a"), []byte("bb"), []byte("ccc")})
	var got []string
	for _, most := range []int{2, 2, 1, 1, 5} {
		piece, n := r.take(most)
		got = append(got, strings.Repeat("|", n)+string(piece))
	}
	if want := []string{"||abb", "|ccc", "|a", "|bb", "|ccc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Every single message is sent once and in order, each as one write of its own, and the noise comes as whole messages.
func TestPace(t *testing.T) {
	var w writes
	singles := [][]byte{[]byte("1"), []byte("2"), []byte("3")}
	p := pace{noise: newRing([][]byte{[]byte("n")}), rate: 50_000, every: 3 * time.Millisecond, settle: 10 * time.Millisecond}
	sent, err := p.send(context.Background(), &w, singles)
	if err != nil || len(sent.at) != 3 || sent.rate <= 0 {
		t.Fatalf("%+v, %v", sent, err)
	}
	var alone []string
	for _, x := range w {
		if strings.Trim(x, "n") != "" {
			alone = append(alone, x)
		}
	}
	if strings.Join(alone, " ") != "1 2 3" || w[0][0] != 'n' || w[len(w)-1][0] != 'n' {
		t.Errorf("written %q among %d pieces", alone, len(w))
	}
	if !slices.IsSortedFunc(sent.at, time.Time.Compare) {
		t.Errorf("sent at %v", sent.at)
	}
}

type writes []string

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}

func TestMissingAlternativeIsNoFailure(t *testing.T) {
	b := &bench{options: options{repeats: 2}, progress: io.Discard}
	rows := []figure.Row{{What: "a: time"}, {What: "a: memory"}}
	n := 0.0
	ours := func(context.Context) ([]float64, error) { n++; return []float64{n, 10 * n}, nil }
	err := b.compare(context.Background(), rows, ours,
		comparison{other{name: "absent"}, func(context.Context) ([]float64, error) { return nil, &proc.Missing{Program: "x", Package: "y"} }},
		comparison{other{name: "slow", once: true}, func(context.Context) ([]float64, error) { return []float64{7}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rows[0].Ours, figure.Sample{1, 2}) || !slices.Equal(rows[1].Ours, figure.Sample{10, 20}) {
		t.Errorf("ours %v, %v", rows[0].Ours, rows[1].Ours)
	}
	if a := rows[1].Alternatives; len(a) != 1 || a[0].Note != "not installed (Debian package y)" {
		t.Errorf("memory: %+v", a)
	}
	if a := rows[0].Alternatives; len(a) != 2 || !slices.Equal(a[1].Sample, figure.Sample{7}) || a[1].Note != "one run" {
		t.Errorf("time: %+v", a)
	}
	broken := errors.New("broken")
	if err := b.ours(context.Background(), rows, func(context.Context) ([]float64, error) { return nil, broken }); err != broken {
		t.Errorf("error %v", err)
	}
}

// The relay notes the first UPDATE and changes nothing.
func TestRelay(t *testing.T) {
	receiver, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	local := netip.MustParseAddr("127.77.2.1")
	r, err := newRelay(netip.MustParseAddrPort("127.0.0.1:0"), local)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.serve(ctx, receiver.Addr().(*net.TCPAddr).AddrPort())
	}()
	sender, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := receiver.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); from != local {
		t.Errorf("it comes from %v", from)
	}
	hello := append(wire.Open(1, local, 0), wire.Keepalive()...)
	table := append(fulltable.New(20_000, 0).Stream(), wire.EndOfRIB()...)
	go func() {
		_, _ = sender.Write(hello)
		_, _ = sender.Write(table)
		_ = sender.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, append(hello, table...)) {
		t.Errorf("%d octets of %d arrived: %v", len(got), len(hello)+len(table), err)
	}
	if at := <-r.first; at.IsZero() {
		t.Error("no first UPDATE")
	}
	cancel()
	<-done
	sender.Close()
}

func TestRoutersOctetsAndPrefixesAreTold(t *testing.T) {
	b := &bench{size: sizes{ipv4: 10, ipv6: 2}}
	for _, c := range []struct {
		said string
		ok   bool
	}{{"24", true}, {"23", false}, {"500", true}, {"512", true}, {"499", false}, {"x", false}} {
		if err := b.allThere([]string{c.said}, 2, 500); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.said, err)
		}
	}
}

func TestMachine(t *testing.T) {
	if m := machine(); !strings.Contains(m, "cores") || !strings.Contains(m, "go1") {
		t.Error(m)
	}
	if field("/no/such/file", "model name") != "" {
		t.Error("a value out of nothing")
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_200_000: "1,200,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
