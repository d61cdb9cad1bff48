// Package email is the sink that sends mail: what belongs together in one mail, plain and as HTML, and all mails about an incident in one thread.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"anywatch/alerts"
	"anywatch/alerts/templates"
)

// The ways to encrypt.
const (
	// Auto encrypts with STARTTLS where the server offers it; a server on this machine is spoken to in the clear. With a password, elsewhere
	// than on this machine, it is STARTTLS.
	Auto = "auto"
	// StartTLS wants STARTTLS, and sends nothing without (RFC 3207).
	StartTLS = "starttls"
	// TLS encrypts from the first octet, as on port 465 (RFC 8314).
	TLS = "tls"
	// None never encrypts.
	None = "none"
)

// The bounds of time: of one step of the dialogue, and of the whole of it.
const (
	stepTimeout  = 10 * time.Second
	wholeTimeout = 60 * time.Second
)

// Config is what to send, through which server.
type Config struct {
	// Server is host:port.
	Server string
	// From is the sender and To who gets it, as noc@example.net or NOC <noc@example.net>.
	From string
	To   []string
	// TLS is Auto, StartTLS, TLS or None; "" means Auto.
	TLS string
	// CA holds certificates in PEM that the server's is signed by; nil means those of the system.
	CA []byte
	// Username and Password log in; without a username there is no login.
	Username, Password string
	// Hello is how we introduce ourselves; "" means the name of this machine.
	Hello string
	// Templates write subject and text; nil means the default ones.
	Templates *templates.Set
	Dashboard alerts.Dashboard
	// Now is the clock for the date of mails; nil means the machine's.
	Now func() time.Time
}

// Sink sends through one server.
type Sink struct {
	name    string
	config  Config
	host    string
	domain  string // of the sender, for the ids of mails
	options []mail.Option
	tls     *tls.Config // for TLS from the first octet; nil otherwise
}

// New makes the sink. It does not connect yet. The error tells what is wrong with the configuration, and shows no secret.
func New(name string, c Config) (*Sink, error) {
	if c.Templates == nil {
		c.Templates = templates.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sink{name: name, config: c}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("email sink %s: %w", name, err)
	}
	return s, nil
}

func (s *Sink) configure() error {
	c := &s.config
	host, service, err := net.SplitHostPort(c.Server)
	port, bad := strconv.Atoi(service)
	if err != nil || bad != nil || host == "" {
		return errors.New("the server is not a host with a port; write it as mail.example.net:587")
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return errors.New("the sender is not a mail address; write one as anywatch@example.net")
	}
	if len(c.To) == 0 {
		return errors.New("there is nobody to send to; give at least one address")
	}
	for _, to := range c.To {
		if _, err := netmail.ParseAddress(to); err != nil {
			return fmt.Errorf("%q is not a mail address; write one as noc@example.net", to)
		}
	}
	s.host, s.domain = host, domainOf(from.Address)
	s.options = []mail.Option{mail.WithPort(port), mail.WithTimeout(stepTimeout)}
	if c.Hello != "" {
		s.options = append(s.options, mail.WithHELO(c.Hello))
	}
	if c.Username != "" {
		way := mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover)
		if c.TLS == TLS {
			way = mail.WithOpportunisticSMTPAuth(logins...)
		}
		s.options = append(s.options, way, mail.WithUsername(c.Username), mail.WithPassword(c.Password))
	}
	if err := s.encrypt(); err != nil {
		return err
	}
	c.Password = "" // the options have it, where fmt does not look
	_, err = mail.NewClient(s.host, s.options...)
	return err
}

// encrypt adds the options about TLS.
func (s *Sink) encrypt() error {
	c := &s.config
	config := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if c.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(c.CA) {
			return errors.New("the file of certificates has none in PEM; give the certificate of the authority that signed the server's")
		}
	}
	s.options = append(s.options, mail.WithTLSConfig(config))
	switch c.TLS {
	case TLS:
		s.tls = config
		s.options = append(s.options, mail.WithSSL())
	case StartTLS:
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	case None:
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	case Auto, "":
		s.options = append(s.options, mail.WithTLSPolicy(s.automatic()))
	default:
		return fmt.Errorf("%q is no way to encrypt; give auto, starttls, tls or none", c.TLS)
	}
	return nil
}

func (s *Sink) automatic() mail.TLSPolicy {
	switch {
	case isLocal(s.host):
		return mail.NoTLS
	case s.config.Username != "":
		return mail.TLSMandatory
	}
	return mail.TLSOpportunistic
}

func isLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for what belongs together in one mail; of updates only a new severity is worth one. What people leave open they are reminded of.
func (s *Sink) Manner() alerts.Manner {
	return alerts.Manner{Updates: alerts.SeverityUpdates, Reminders: true}
}

// String names the sink and its server, without secrets.
func (s *Sink) String() string {
	return fmt.Sprintf("email sink %s through %s", s.name, s.config.Server)
}

// GoString keeps %#v from showing secrets.
func (s *Sink) GoString() string { return s.String() }

// Notify sends one mail. When the server refuses some of several recipients, the others get it all the same, and the error names those who
// do not. A repetition has the same Message-ID.
func (s *Sink) Notify(ctx context.Context, n alerts.Notification) error {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	err := s.send(ctx, n, s.config.To)
	if refusal, ok := errors.AsType[*mail.SendError](err); ok && refusal.Reason == mail.ErrSMTPRcptTo && !refusal.IsTemp() && len(s.config.To) > 1 {
		err = s.sendEach(ctx, n)
	}
	if err != nil {
		return fmt.Errorf("email sink %s: %w", s.name, s.judge(err))
	}
	return nil
}

// sendEach sends to one after the other.
func (s *Sink) sendEach(ctx context.Context, n alerts.Notification) error {
	var refused []string
	var last error
	for _, to := range s.config.To {
		if err := s.send(ctx, n, []string{to}); err != nil {
			refused, last = append(refused, to), err
		}
	}
	if last == nil {
		return nil
	}
	e, ok := errors.AsType[*alerts.Error](s.judge(last))
	if len(refused) < len(s.config.To) {
		ok, e = true, &alerts.Error{Permanent: true} // the others have it: another try would be a second mail for them
	}
	err := fmt.Errorf("not sent to %q: %w", refused, s.judge(last))
	if ok {
		return &alerts.Error{Permanent: e.Permanent, Err: err}
	}
	return err
}

// send sends one mail, in a connection of its own.
func (s *Sink) send(ctx context.Context, n alerts.Notification, to []string) error {
	m, err := s.compose(n, to)
	if err != nil {
		return alerts.Permanent(err)
	}
	l := line{ctx: ctx, tls: s.tls}
	defer l.hangUp()
	client, err := mail.NewClient(s.host, append(slices.Clone(s.options), mail.WithDialContextFunc(l.dial))...)
	if err != nil {
		return alerts.Permanent(err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = client.SendWithSMTPClient(conn, m)
	}
	switch {
	case err == nil || m.IsDelivered():
	case ctx.Err() != nil && !errors.Is(err, os.ErrDeadlineExceeded): // of which the closed connection is only the consequence
		return &cutOff{s.config.Server, context.Cause(ctx)}
	default:
		return err
	}
	_ = client.CloseWithSMTPClient(conn) // QUIT is a courtesy
	return nil
}
