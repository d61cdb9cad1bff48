package email

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"

	"github.com/wneessen/go-mail"

	"anywatch/alerts"
)

// judge says what to make of a failure. Of the server's answers only the code is shown: they may repeat what was sent, the password too.
func (s *Sink) judge(err error) error {
	if _, ok := errors.AsType[*alerts.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*cutOff](err); ok {
		return err
	}
	if refusal, ok := errors.AsType[*mail.SendError](err); ok {
		return s.refused(refusal)
	}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		e := fmt.Errorf("%s answered %d%s", s.config.Server, answer.Code, remedy(answer.Code))
		if answer.Code >= 500 {
			return alerts.Permanent(e)
		}
		return e
	}
	return s.unreached(err)
}

func (s *Sink) refused(refusal *mail.SendError) error {
	code := refusal.ErrorCode()
	if code == 0 {
		return fmt.Errorf("%s: the connection broke off while %s", s.config.Server, refusal.Reason)
	}
	e := fmt.Errorf("%s answered %d while %s%s", s.config.Server, code, refusal.Reason, remedy(code))
	if refusal.IsTemp() {
		return e
	}
	return alerts.Permanent(e)
}

// remedy says what to do about an answer (RFC 5321 section 4.2.2, RFC 4954 section 6).
func remedy(code int) string {
	switch code {
	case 530, 534, 535, 538:
		return ": it does not accept the login; check username and password_file, and whether it wants another way to log in"
	case 550, 551, 553, 554:
		return ": it does not take the mail; check the addresses, and whether it relays for this machine"
	}
	return ""
}

// unreached tells about a failure before the server had anything to refuse.
func (s *Sink) unreached(err error) error {
	_, tcp := errors.AsType[*net.OpError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	record, plain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case unknown || name || certificate:
		return fmt.Errorf("TLS with %s: its certificate is not accepted: %w; give ca_file, or the host that it names", s.config.Server, err)
	case plain:
		return fmt.Errorf("TLS with %s: %s; does it want tls: starttls?", s.config.Server, record.Msg)
	case tcp:
		return fmt.Errorf("%s can't be reached: %w", s.config.Server, err)
	case s.config.TLS == StartTLS || s.config.Username != "":
		return fmt.Errorf("%s does not offer what is needed: STARTTLS, or a way to log in that is safe here; see the keys tls and username", s.config.Server)
	}
	return fmt.Errorf("%s does not speak SMTP with us", s.config.Server)
}
