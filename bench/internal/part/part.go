// Package part holds what a benchmark runs as a process of its own: senders that must not share a core's time unseen, and the listeners and
// servers that anywatch is compared with, whose memory is to be theirs alone. A part and the benchmark talk in lines: the part says "ready" and
// "done" with some numbers, the benchmark says "go" and ends the part by closing its standard input.
package part

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
)

// part is what runs: its arguments are numbers and addresses, as its usage says.
type part struct {
	name, usage string
	run         func(ctx context.Context, t *talk, a *arguments) error
}

func parts() []part {
	return []part{
		{"discard-bgp", "LISTEN", discardBGP},
		{"gobgp", "LISTEN PEER ASN", gobgp},
		{"discard", "LISTEN CONNECTIONS", discard},
		{"decode-bmp", "LISTEN CONNECTIONS", decodeBMP},
		{"routers", "ADDRESS ROUTERS IPV4 IPV6", routers},
		{"rislive", "LISTEN IPV4 IPV6 MESSAGES HIJACKS", risLive},
		{"frames", "ADDRESS MESSAGES", frames},
		{"rpki", "FILE", measureRPKI},
	}
}

// Run runs the part that the first argument names. It returns when it has nothing more to do and in has ended, or ctx has.
func Run(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	if len(args) == 0 {
		return errors.New("no part named")
	}
	all := parts()
	i := slices.IndexFunc(all, func(p part) bool { return p.name == args[0] })
	if i < 0 {
		return fmt.Errorf("no part is called %q", args[0])
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &talk{out: out, told: make(chan string, 16)}
	go t.listen(in, cancel)
	a := &arguments{left: args[1:]}
	err := all[i].run(ctx, t, a)
	if a.err != nil {
		return fmt.Errorf("%s %s: %w", all[i].name, all[i].usage, a.err)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", all[i].name, err)
	}
	<-ctx.Done()
	return nil
}

// talk is the conversation with the benchmark.
type talk struct {
	out  io.Writer
	told chan string
}

var errEnd = errors.New("the benchmark has closed standard input")

func (t *talk) listen(in io.Reader, cancel context.CancelCauseFunc) {
	s := bufio.NewScanner(in)
	for s.Scan() {
		select {
		case t.told <- strings.TrimSpace(s.Text()):
		default: // nobody waits for so many
		}
	}
	cancel(errEnd)
}

func (t *talk) say(word string, values ...any) error {
	_, err := fmt.Fprintln(t.out, append([]any{word}, values...)...)
	return err
}

// waitGo waits for the benchmark's word to begin.
func (t *talk) waitGo(ctx context.Context) error {
	for {
		select {
		case text := <-t.told:
			if text == "go" {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// arguments are taken one after the other; the first mistake stays.
type arguments struct {
	left []string
	err  error
}

func (a *arguments) text() string {
	if len(a.left) == 0 {
		a.err = errors.New("an argument is missing")
		return ""
	}
	s := a.left[0]
	a.left = a.left[1:]
	return s
}

func (a *arguments) number() int {
	n, err := strconv.Atoi(a.text())
	if a.err == nil {
		a.err = err
	}
	return n
}

// listen listens until ctx ends, and says where.
func listen(ctx context.Context, t *talk, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return l, t.say("ready", l.Addr())
}

// accept takes one connection, which ends with ctx.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}

// acceptAll serves so many connections, each by a goroutine, and returns when all of them have ended.
func acceptAll(ctx context.Context, l net.Listener, count int, serve func(net.Conn) (int, error)) (total int, err error) {
	type result struct {
		n   int
		err error
	}
	results := make(chan result, count)
	for range count {
		conn, err := accept(ctx, l)
		if err != nil {
			return 0, err
		}
		go func() {
			n, err := serve(conn)
			results <- result{n, err}
		}()
	}
	for range count {
		r := <-results
		total += r.n
		err = errors.Join(err, r.err)
	}
	return total, err
}
