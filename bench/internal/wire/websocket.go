package wire

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
)

// AppendFrame appends a message as one text frame of a server (RFC 6455 section 5.2).
func AppendFrame(b, text []byte) []byte {
	const finalText = 0x81
	switch n := len(text); {
	case n < 126:
		b = append(b, finalText, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, finalText, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, finalText, 127), uint64(n))
	}
	return append(b, text...)
}

// AcceptWebsocket answers a client's opening handshake (RFC 6455 section 4.2.2). What the client sends later is read and forgotten.
func AcceptWebsocket(conn net.Conn) error {
	in := bufio.NewReader(conn)
	r, err := http.ReadRequest(in)
	if err != nil {
		return fmt.Errorf("websocket handshake: %w", err)
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		return fmt.Errorf("websocket handshake: %s has no Sec-WebSocket-Key", r.URL)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, in) }()
	return nil
}
