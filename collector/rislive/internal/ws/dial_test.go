package ws

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestAccept is the example of RFC 6455 section 1.3.
func TestAccept(t *testing.T) {
	if got := accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

// answering sends the same answer to each handshake; KEY stands for what belongs to the key.
func answering(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "KEY", accept(r.Header.Get("Sec-WebSocket-Key"))))
	}
}

const good = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n"

// TestHandshake: what a server may answer, and what is said of one that answers otherwise. The rest of the address stays a secret.
func TestHandshake(t *testing.T) {
	for _, c := range []struct{ name, answer, says string }{
		{"right", good, ""},
		{"right, with the first message right behind", good + "\x81\x05hello", ""},
		{"busy", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 15\r\n\r\ncome back later", `503 Service Unavailable instead of a websocket: "come back later"`},
		{"no websocket", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", `answered 200 OK instead of a websocket: "hello"`},
		{"another protocol", strings.Replace(good, "WebSocket", "h2c", 1), "another protocol"},
		{"no upgrade", strings.Replace(good, "keep-alive, Upgrade", "keep-alive", 1), "another protocol"},
		{"another's key", strings.Replace(good, "KEY", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 1), "Sec-WebSocket-Accept"},
		{"no key", strings.Replace(good, "Sec-WebSocket-Accept: KEY\r\n", "", 1), "Sec-WebSocket-Accept"},
		{"compression", strings.Replace(good, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1), "did not offer"},
		{"a subprotocol", strings.Replace(good, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", 1), "did not offer"},
		{"no HTTP", "SSH-2.0-OpenSSH\r\n", "malformed HTTP"},
		{"nothing", "", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := dial(t, httptest.NewServer(answering(c.answer)))
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says == "" && strings.HasSuffix(c.answer, "hello"):
				if m, err := receive(conn); m != "hello" || err != nil {
					t.Errorf("%q, %v", m, err)
				}
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "connecting to 127.0.0.1:")):
				t.Errorf("said %v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the secret is out: %v", err)
			}
		})
	}
}

// TestRequest: what the server is asked (RFC 6455 section 4.1), with name and password where the address has them.
func TestRequest(t *testing.T) {
	var got *http.Request
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		answering(good)(w, r)
	}))
	defer h.Close()
	u, _ := url.Parse("ws://noc:secret@" + strings.TrimPrefix(h.URL, "http://") + "/v1/ws/?client=noc")
	c, err := Dial(context.Background(), &http.Transport{}, u, testLimits)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	if got.Method != "GET" || got.URL.String() != "/v1/ws/?client=noc" || got.Host != u.Host {
		t.Errorf("asked %s %s of %s", got.Method, got.URL, got.Host)
	}
	if name, password, _ := got.BasicAuth(); name != "noc" || password != "secret" {
		t.Errorf("as %s, %s", name, password)
	}
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Extensions": "", "User-Agent": "anywatch"} {
		if h := got.Header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	if n := len(got.Header.Get("Sec-WebSocket-Key")); n != 24 {
		t.Errorf("a key of %d characters", n)
	}
}

// TestRedirects are followed, to the scheme of a websocket too, a few times, and never to where all can read along.
func TestRedirects(t *testing.T) {
	there := httptest.NewServer(answering(good + "\x81\x05hello"))
	defer there.Close()
	to := func(url string) http.Handler { return http.RedirectHandler(url, http.StatusTemporaryRedirect) }
	for _, location := range []string{there.URL, "ws" + strings.TrimPrefix(there.URL, "http")} {
		c, err := dial(t, httptest.NewServer(to(location)))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := receive(c); m != "hello" || err != nil {
			t.Errorf("%q, %v", m, err)
		}
	}
	if _, err := dial(t, httptest.NewServer(to("/again"))); err == nil || !strings.Contains(err.Error(), "five are enough") {
		t.Errorf("round and round: %v", err)
	}
	if _, err := dial(t, httptest.NewTLSServer(to(there.URL))); err == nil || !strings.Contains(err.Error(), "without encryption") {
		t.Errorf("from TLS to plain: %v", err)
	}
}

// TestDialErrors: no server, a certificate of nobody we know, and no time left; none tells the secret in the address.
func TestDialErrors(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tls := httptest.NewUnstartedServer(answering(good))
	tls.Config.ErrorLog = nil
	tls.StartTLS()
	defer tls.Close()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx       context.Context
		url, says string
	}{
		{context.Background(), "ws://" + closed.Addr().String(), "refused"},
		{context.Background(), "wss" + strings.TrimPrefix(tls.URL, "https"), "certificate"},
		{ended, "ws://" + silent.Addr().String(), "canceled"},
	} {
		u, _ := url.Parse(c.url + "/?token=secret")
		u.User = url.UserPassword("noc", "secret")
		if _, err := Dial(c.ctx, &http.Transport{}, u, testLimits); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.url, err)
		}
	}
}

// TestMasked: frames of ours, of all sizes, are what RFC 6455 section 5.2 draws.
func TestMasked(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for n, header := range map[int]string{0: "\x81\x80", 125: "\x81\xFD", 126: "\x81\xFE\x00\x7E", 65535: "\x81\xFE\xFF\xFF", 65536: "\x81\xFF\x00\x00\x00\x00\x00\x01\x00\x00"} {
		b := masked(nil, opText, make([]byte, n), key)
		want := append([]byte(header+"\x01\x02\x03\x04"), bytes.Repeat(key[:], n/4+1)[:n]...)
		if !bytes.Equal(b, want) {
			t.Errorf("%d octets: %x…", n, b[:min(len(b), 20)])
		}
	}
}
