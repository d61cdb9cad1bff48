package email

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/wneessen/go-mail"
)

// line is the connection that one mail is sent through. It is cut when its context ends, whatever the two sides are saying just then, and it
// never outlives the attempt: the library leaves it open when a greeting, TLS or a login fails.
type line struct {
	ctx  context.Context
	tls  *tls.Config // encrypts from the first octet; nil doesn't
	conn net.Conn
	stop func() bool
}

// dial connects, within the bounds of the dialling context.
func (l *line) dial(dialing context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(dialing, network, address)
	if err != nil {
		return nil, err
	}
	l.conn, l.stop = conn, context.AfterFunc(l.ctx, func() { conn.Close() })
	if l.tls == nil {
		return conn, nil
	}
	encrypted := tls.Client(conn, l.tls)
	return encrypted, encrypted.HandshakeContext(dialing)
}

// hangUp closes the connection; whatever the server could still say does not matter.
func (l *line) hangUp() {
	if l.conn != nil {
		l.stop()
		l.conn.Close()
	}
}

// cutOff is the error of an attempt whose time was over.
type cutOff struct {
	server string
	cause  error
}

func (e *cutOff) Error() string {
	return fmt.Sprintf("%s has not taken the mail in time: %v", e.server, e.cause)
}

func (e *cutOff) Unwrap() error { return e.cause }

// logins are the ways to log in over TLS, the best first. The library would find them by itself, but it takes a connection that we encrypted
// for one in the clear.
var logins = []mail.SMTPAuthType{
	mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1PLUS, mail.SMTPAuthSCRAMSHA1,
	mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
}
