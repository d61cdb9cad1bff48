package ws

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits bound a connection. All are needed.
type Limits struct {
	Message  int           // the longest message that is taken, in octets
	Patience time.Duration // how long the server may take to accept what is sent
}

// Dial makes a connection by the opening handshake (RFC 6455 section 4.1). The URL has the scheme ws or wss; ctx bounds the handshake only. The
// transport makes the network connection, through a proxy and with TLS where needed. Errors name the server, and nothing more of the
// URL: the rest of it may be a secret.
func Dial(ctx context.Context, transport *http.Transport, to *url.URL, limits Limits) (*Conn, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	key := base64.StdEncoding.EncodeToString(random[:])
	u := plain(to)
	req := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Key": {key}, "User-Agent": {"anywatch"},
	}}).WithContext(ctx)
	client := &http.Client{Transport: transport, CheckRedirect: redirect}
	resp, err := client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, fmt.Errorf("connecting to %s: %w", to.Host, err)
	}
	if err := accepted(resp, key); err != nil {
		_ = resp.Body.Close() // nothing more is wanted of it
		return nil, fmt.Errorf("connecting to %s: %w", to.Host, err)
	}
	stream, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		return nil, fmt.Errorf("connecting to %s: the connection can't be written to", to.Host)
	}
	return newConn(stream, limits), nil
}

// plain gives the URL under which HTTP knows a websocket.
func plain(u *url.URL) *url.URL {
	v := *u
	switch v.Scheme {
	case "ws":
		v.Scheme = "http"
	case "wss":
		v.Scheme = "https"
	}
	return &v
}

// redirect follows a server that sends us elsewhere, though never from an encrypted connection to one that is not.
func redirect(req *http.Request, via []*http.Request) error {
	req.URL = plain(req.URL)
	switch last := via[len(via)-1]; {
	case len(via) >= 5:
		return errors.New("the server sends us from one place to the next; five are enough")
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("the server sends us to %s without encryption", req.URL.Host)
	}
	return nil
}

// accepted checks the server's half of the handshake (RFC 6455 section 4.1, the list at its end).
func accepted(resp *http.Response, key string) error {
	h := resp.Header
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		says, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // it helps people; without it the status has to
		return fmt.Errorf("the server answered %s instead of a websocket: %q", resp.Status, strings.TrimSpace(string(says)))
	case !token(h, "Upgrade", "websocket") || !token(h, "Connection", "upgrade"):
		return errors.New("the server switched to another protocol than a websocket")
	case h.Get("Sec-WebSocket-Accept") != accept(key):
		return errors.New("the server's Sec-WebSocket-Accept does not belong to our key; something in between answered for it")
	case h.Get("Sec-WebSocket-Extensions") != "" || h.Get("Sec-WebSocket-Protocol") != "":
		return errors.New("the server uses an extension or a protocol that we did not offer")
	}
	return nil
}

// token tells whether a header that is a list of words has the word.
func token(h http.Header, name, word string) bool {
	for _, line := range h.Values(name) {
		for w := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(w), word) {
				return true
			}
		}
	}
	return false
}

// accept is the answer to a key that shows that the server knows websockets (RFC 6455 section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
