// Package syslog is the sink that sends each change of an incident as a syslog message (RFC 5424) with structured data: over UDP (RFC 5426), TCP
// (RFC 6587, octet counting), TLS (RFC 5425), or to the socket of this machine.
package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/templates"
)

// timeout bounds connecting and sending one notification.
const timeout = 10 * time.Second

// Config is where to send, and how.
type Config struct {
	// Address is udp://host:514, tcp://host:601, tls://host:6514 or unix:///dev/log; the ports are the defaults.
	Address string
	// Facility is its name, such as daemon or local0; "" means daemon.
	Facility string
	// AppName is how messages are told apart; "" means anywatch.
	AppName string
	// CA holds certificates in PEM that the server's is signed by; nil means those of the system.
	CA []byte
	// Templates write the message: their title; nil means the default ones.
	Templates *templates.Set
	Dashboard alerts.Dashboard
	// Hostname is who we are in messages; "" means the name of this machine.
	Hostname string
}

// Sink sends to one server. A connection is kept between messages.
type Sink struct {
	name      string
	config    Config
	network   string
	address   string
	tls       *tls.Config // nil without TLS
	facility  int
	templates *templates.Set
	conn      net.Conn // nil until the first message, and after a failure
	gone      chan struct{}
}

// ports are those that an address may leave out: RFC 5426 section 3.3, RFC 6587 (as registered) and RFC 5425 section 4.1.
var ports = map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}

// New makes the sink. It does not connect yet. The error tells what is wrong with the configuration.
func New(name string, c Config) (*Sink, error) {
	s := &Sink{name: name, config: c, templates: c.Templates}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("syslog sink %s: %w", name, err)
	}
	return s, nil
}

func (s *Sink) configure() error {
	c := &s.config
	if s.templates == nil {
		s.templates = templates.Default()
	}
	if c.AppName == "" {
		c.AppName = "anywatch"
	}
	if c.Hostname == "" {
		if host, err := os.Hostname(); err == nil {
			c.Hostname = host
		}
	}
	if c.Facility == "" {
		c.Facility = "daemon"
	}
	var ok bool
	if s.facility, ok = FacilityNumber(c.Facility); !ok {
		return fmt.Errorf("%q is no facility; give one as daemon or local0", c.Facility)
	}
	u, err := url.Parse(c.Address)
	if err != nil {
		return errors.New("the address is not a URL; write it as udp://127.0.0.1:514")
	}
	if u.Scheme == "unix" && u.Path != "" {
		s.network, s.address = "unixgram", u.Path
		return nil
	}
	port, known := ports[u.Scheme]
	if !known || u.Hostname() == "" {
		return errors.New("the address has no host, or is not of udp, tcp, tls or unix; write it as udp://127.0.0.1:514")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s.network, s.address = u.Scheme, net.JoinHostPort(u.Hostname(), port)
	if u.Scheme != "tls" {
		return nil
	}
	s.network, s.tls = "tcp", &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if c.CA != nil {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(c.CA) {
			return errors.New("the file of certificates has none in PEM; give the certificate of the authority that signed the server's")
		}
	}
	return nil
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once, as a log wants it.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true, Record: true} }

// String names the sink and where it sends to.
func (s *Sink) String() string {
	return fmt.Sprintf("syslog sink %s to %s %s", s.name, s.network, s.address)
}

// GoString gives what String does.
func (s *Sink) GoString() string { return s.String() }

// Notify sends each change, in order. What is sent over TCP is the kernel's then: syslog has no acknowledgement (RFC 6587 section 3), and a
// server that dies may lose it. A connection that the server has closed since is opened anew, once, before that counts as a failure.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for k := range n.Changes {
		if err := s.tell(ctx, alerts.Notification{Changes: n.Changes[k : k+1]}); err != nil {
			return fmt.Errorf("syslog sink %s: %s of incident %s: %w", s.name, n.Changes[k].Event, n.Changes[k].Incident.ID, err)
		}
	}
	return nil
}

func (s *Sink) tell(ctx context.Context, n alerts.Notification) error {
	view := templates.NewView(n, s.config.Dashboard)
	title, err := s.templates.Title(view)
	if err != nil {
		return alerts.Permanent(err)
	}
	reused := s.conn != nil && !s.hungUp()
	err = s.send(ctx, view, title)
	if err != nil && reused && ctx.Err() == nil {
		err = s.send(ctx, view, title)
	}
	return err
}

func (s *Sink) send(ctx context.Context, v *templates.View, title string) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if _, err := s.conn.Write([]byte(s.frame(v, title))); err != nil {
		s.hangUp()
		return fmt.Errorf("sending to %s %s: %w", s.network, s.address, err)
	}
	return nil
}

// frame writes the message as the transport wants it: a stream has the length before each (RFC 6587 section 3.4.1, RFC 5425 section 4.3), a
// datagram is one message.
func (s *Sink) frame(v *templates.View, title string) string {
	if s.network != "tcp" {
		return s.message(v, title, datagramLimit)
	}
	text := s.message(v, title, 0)
	return strconv.Itoa(len(text)) + " " + text
}

// connect opens a connection if there is none that lives.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil && !s.hungUp() {
		return s.within(ctx)
	}
	s.hangUp()
	var d net.Dialer
	conn, err := d.DialContext(ctx, s.network, s.address)
	if err != nil {
		return fmt.Errorf("connecting to %s %s: %w; see that a syslog server listens there", s.network, s.address, err)
	}
	if s.tls != nil {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return fmt.Errorf("TLS with %s: %w; see that its certificate names the host and is signed by ca_file", s.address, err)
		}
		conn = secure
	}
	s.conn = conn
	if s.network == "tcp" {
		s.watch(conn)
	}
	return s.within(ctx)
}

// within gives the connection the deadline of the context.
func (s *Sink) within(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	return s.conn.SetWriteDeadline(deadline)
}

// watch notices that the server closes the connection, which it may do at any time; it never sends anything. Without that, the first message
// into a closed connection would seem to be sent.
func (s *Sink) watch(conn net.Conn) {
	gone := make(chan struct{})
	s.gone = gone
	go func() {
		defer close(gone)
		rest := make([]byte, 512)
		for {
			if _, err := conn.Read(rest); err != nil {
				return
			}
		}
	}()
}

func (s *Sink) hungUp() bool {
	select {
	case <-s.gone: // never, when there is nothing to watch
		return true
	default:
		return false
	}
}

func (s *Sink) hangUp() {
	if s.conn != nil {
		s.conn.Close() // a stream that failed has nothing left to say
	}
	s.conn, s.gone = nil, nil
}

// Close closes the connection.
func (s *Sink) Close() error {
	s.hangUp()
	return nil
}
