package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var testLimits = Limits{Message: limit, Patience: time.Minute}

// dial connects to a server.
func dial(t *testing.T, h *httptest.Server) (*Conn, error) {
	t.Helper()
	t.Cleanup(h.Close)
	u, err := url.Parse("ws" + strings.TrimPrefix(h.URL, "http") + "/v1/ws/?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	transport := h.Client().Transport.(*http.Transport).Clone()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := Dial(ctx, transport, u, testLimits)
	if err == nil {
		t.Cleanup(c.CloseNow)
	}
	return c, err
}

// receive waits for a message.
func receive(c *Conn) (string, error) {
	for {
		m, err := c.Next()
		if err != nil || m != nil {
			return string(m), err
		}
		if err := c.Fill(); err != nil {
			return "", err
		}
	}
}

// TestInterop talks with another implementation: messages of all sizes, fragments, pings, and its close frame.
func TestInterop(t *testing.T) {
	sizes := []int{1, 125, 126, 65535, 65536, limit}
	heard := make(chan string, len(sizes))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		conn.SetReadLimit(2 * limit)
		ctx := context.Background()
		go func() {
			for {
				_, b, err := conn.Read(ctx)
				if err != nil {
					return
				}
				heard <- fmt.Sprint(len(b), len(bytes.Trim(b, "x")))
			}
		}()
		for _, n := range sizes {
			_ = conn.Write(ctx, websocket.MessageText, bytes.Repeat([]byte("y"), n)) // the client finds out
		}
		fragments, err := conn.Writer(ctx, websocket.MessageBinary)
		if err != nil {
			return
		}
		for range 3 {
			_, _ = io.WriteString(fragments, strings.Repeat("z", 40000))
		}
		_ = fragments.Close()
		if err := conn.Ping(ctx); err != nil {
			return
		}
		_ = conn.Write(ctx, websocket.MessageText, []byte("your answer to the ping came"))
		_ = conn.Close(websocket.StatusGoingAway, "maintenance")
	})
	for name, server := range map[string]*httptest.Server{"plain": httptest.NewServer(handler), "TLS": httptest.NewTLSServer(handler)} {
		t.Run(name, func(t *testing.T) {
			c, err := dial(t, server)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range sizes {
				if err := c.Send(strings.Repeat("x", n)); err != nil {
					t.Fatal(err)
				}
				if got, want := <-heard, fmt.Sprint(n, 0); got != want {
					t.Errorf("the server got %s, want %s", got, want)
				}
				if got, err := receive(c); err != nil || got != strings.Repeat("y", n) {
					t.Errorf("%d octets came, %v; want %d", len(got), err, n)
				}
			}
			if got, err := receive(c); err != nil || got != strings.Repeat("z", 120000) {
				t.Errorf("%d octets in fragments, %v", len(got), err)
			}
			if got, err := receive(c); err != nil || got != "your answer to the ping came" {
				t.Errorf("%q, %v", got, err)
			}
			_, err = receive(c)
			var why *Closed
			if !errors.As(err, &why) || *why != (Closed{GoingAway, "maintenance"}) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// TestWeClose: the server hears why, answers, and what it sends in between is dropped.
func TestWeClose(t *testing.T) {
	why := make(chan error, 1)
	c, err := dial(t, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = conn.Write(context.Background(), websocket.MessageText, []byte("in between"))
		_, _, err = conn.Read(context.Background())
		why <- err
	})))
	if err != nil {
		t.Fatal(err)
	}
	c.Close(GoingAway, "so long", time.Minute)
	if m, err := receive(c); err == nil || err.Error() != "the server closed the connection: 1001 (going away): \"so long\"" {
		t.Errorf("%q, %v", m, err)
	}
	var closed websocket.CloseError
	if err := <-why; !errors.As(err, &closed) || closed != (websocket.CloseError{Code: websocket.StatusGoingAway, Reason: "so long"}) {
		t.Errorf("the server heard %v", err)
	}
	if err := c.Send("x"); err == nil {
		t.Error("something was sent after the close frame")
	}
}

// pipe is a connection whose other end is in the test's hands.
func pipe(t *testing.T) (*Conn, net.Conn) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return newConn(near, testLimits), far
}

// TestViolationIsTold: the server gets a close frame with the code, and then nothing more is read.
func TestViolationIsTold(t *testing.T) {
	for _, bad := range []struct {
		stream []byte
		code   uint16
	}{
		{[]byte{fin | 0x40 | 1, 0}, Protocol}, {[]byte{fin | 1, 127, 0, 0, 0, 0, 1, 0, 0, 0}, TooBig}, {frame(fin|8, "\x03\xE8\xFF"), BadText}, {frame(fin|8, "\x03"), Protocol},
	} {
		c, far := pipe(t)
		go func() { _, _ = far.Write(slices.Concat(text("a"), bad.stream, text("b"))) }()
		told := make(chan []byte, 1)
		go func() {
			b := make([]byte, 200)
			n, _ := far.Read(b)
			told <- b[:n]
		}()
		if m, err := receive(c); m != "a" || err != nil {
			t.Errorf("%q, %v", m, err)
		}
		_, err := receive(c)
		var v *Violation
		if !errors.As(err, &v) || v.Code != bad.code {
			t.Errorf("%x: %v, want %d", bad.stream, err, bad.code)
			continue
		}
		b := <-told
		if op, payload := unmask(t, b); op != opClose || string(payload) != string([]byte{byte(v.Code >> 8), byte(v.Code)})+v.Text {
			t.Errorf("%x: the server was told %d %q", bad.stream, op, payload)
		}
		if again := c.Fill(); again != err {
			t.Errorf("then %v", again)
		}
		if m, again := c.Next(); m != nil || again != err {
			t.Errorf("then %q, %v", m, again)
		}
	}
}

// unmask reads a short frame of ours.
func unmask(t *testing.T, b []byte) (opcode, []byte) {
	if len(b) < 6 || b[0]&0xF0 != fin || b[1]&0x80 == 0 || int(b[1]&0x7F) != len(b)-6 {
		t.Fatalf("no masked frame: %x", b)
	}
	for i := range b[6:] {
		b[6+i] ^= b[2+i%4]
	}
	return opcode(b[0] & 15), b[6:]
}

// TestPing: the answer has the octets of the question, and two questions get two answers, between fragments too.
func TestPing(t *testing.T) {
	c, far := pipe(t)
	go func() {
		_, _ = far.Write(slices.Concat(frame(1, "a"), frame(fin|9, "one"), frame(fin|9, ""), frame(fin|10, "unasked"), frame(fin, "b")))
	}()
	told := make(chan []byte, 2)
	go func() {
		for range 2 {
			b := make([]byte, 200)
			n, _ := far.Read(b)
			told <- b[:n]
		}
	}()
	if m, err := receive(c); m != "ab" || err != nil {
		t.Errorf("%q, %v", m, err)
	}
	for _, want := range []string{"one", ""} {
		if op, payload := unmask(t, <-told); op != opPong || string(payload) != want {
			t.Errorf("answered %d %q, want %q", op, payload, want)
		}
	}
}

// TestPatience: a server that takes nothing does not hold us for ever, and one that does not answer a close frame neither.
func TestPatience(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := newConn(near, Limits{Message: limit, Patience: time.Millisecond})
	if err := c.Send("hello"); err == nil {
		t.Error("something was sent to nobody")
	}
	c, _ = pipe(t)
	c.Close(Normal, "", time.Millisecond)
	if _, err := receive(c); err == nil {
		t.Error("it did not end")
	}
}

// TestLostConnection: the end of the stream is an error, also in the middle of a frame, after the whole messages.
func TestLostConnection(t *testing.T) {
	c, far := pipe(t)
	go func() {
		_, _ = far.Write(slices.Concat(text("a"), text("bcd")[:3]))
		far.Close()
	}()
	if m, err := receive(c); m != "a" || err != nil {
		t.Errorf("%q, %v", m, err)
	}
	if m, err := receive(c); m != "" || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", m, err)
	}
}
