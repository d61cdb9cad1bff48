package email_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
)

// double is an SMTP server on loopback (RFC 5321) with STARTTLS (RFC 3207) or TLS, and AUTH PLAIN (RFC 4954).
type double struct {
	net.Listener
	t        *testing.T
	tls      *tls.Config
	ca       []byte
	implicit bool              // TLS from the first octet
	bare     bool              // no STARTTLS
	answers  map[string]string // to a command, by how it begins
	password string            // asks for a login of noc
	mute     string            // the command, or greeting, or TLS, after which it says no more, and reads until the client hangs up
	muted    chan struct{}     // is closed then

	mu    sync.Mutex
	mails []received
}

type received struct {
	*mail.Message
	body      string
	to        []string
	encrypted bool
}

func serve(t *testing.T, d *double) *double {
	t.Helper()
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	t.Cleanup(server.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.Listener, d.t = l, t
	d.tls = &tls.Config{Certificates: server.TLS.Certificates}
	d.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { d.session(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); sessions.Wait() })
	return d
}

func (d *double) session(conn net.Conn) {
	defer func() { conn.Close() }()
	encrypted := d.implicit
	if d.mute == "greeting" || d.mute == "TLS" && d.implicit {
		d.fallSilent(conn)
		return
	}
	if d.implicit {
		conn = tls.Server(conn, d.tls)
	}
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprint(conn, line+"\r\n") }
	say("220 double")
	authorized, to := d.password == "", []string(nil)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		if answer := d.answer(line); answer != "" {
			say(answer)
			continue
		}
		if verb == d.mute {
			d.fallSilent(in)
			return
		}
		switch verb {
		case "EHLO":
			say("250-double")
			if !d.bare && !encrypted {
				say("250-STARTTLS")
			}
			say("250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES")
		case "STARTTLS":
			say("220 go")
			if d.mute == "TLS" {
				d.fallSilent(in)
				return
			}
			conn, encrypted = tls.Server(conn, d.tls), true
			in = bufio.NewReader(conn)
		case "AUTH":
			want := base64.StdEncoding.EncodeToString([]byte("\x00noc\x00" + d.password))
			if authorized = line == "AUTH PLAIN "+want; authorized {
				say("235 2.7.0 welcome")
			} else {
				say("535 5.7.8 no: " + line) // a server may repeat what it was sent
			}
		case "MAIL":
			if !authorized {
				say("530 5.7.0 log in first")
				continue
			}
			to = nil
			say("250 2.1.0 ok")
		case "RCPT":
			to = append(to, line)
			say("250 2.1.5 ok")
		case "DATA":
			say("354 go on")
			d.take(in, to, encrypted)
			say("250 2.0.0 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// fallSilent says no more, and ends when the client hangs up.
func (d *double) fallSilent(in io.Reader) {
	close(d.muted)
	_, _ = io.Copy(io.Discard, in)
}

func (d *double) answer(line string) string {
	for begin, answer := range d.answers {
		if strings.HasPrefix(line, begin) {
			return answer
		}
	}
	return ""
}

func (d *double) take(in *bufio.Reader, to []string, encrypted bool) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		if len(line) > 1000 || !strings.HasSuffix(line, "\r\n") {
			d.t.Errorf("a line that SMTP does not allow: %d octets", len(line))
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
	m, err := mail.ReadMessage(strings.NewReader(text.String()))
	if err != nil {
		d.t.Errorf("no mail: %v in %q", err, text.String())
		return
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		d.t.Errorf("the body: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mails = append(d.mails, received{m, string(body), to, encrypted})
}

// take gives the mails that came since the last time.
func (d *double) taken() []received {
	d.mu.Lock()
	defer d.mu.Unlock()
	mails := d.mails
	d.mails = nil
	return mails
}
