package email

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"anywatch/alerts"
	"anywatch/alerts/templates"
	"anywatch/detector"
)

// threadLimit bounds the ids in References: a mail about many incidents belongs to many threads.
const threadLimit = 20

// compose writes the mail about a notification.
func (s *Sink) compose(n alerts.Notification, to []string) (*mail.Msg, error) {
	view := templates.NewView(n, s.config.Dashboard)
	subject, err := s.config.Templates.Title(view)
	if err != nil {
		return nil, err
	}
	text, err := s.config.Templates.Text(view)
	if err != nil {
		return nil, err
	}
	html, err := s.config.Templates.HTML(view)
	if err != nil {
		return nil, err
	}
	m := mail.NewMsg(mail.WithEncoding(mail.EncodingQP))
	if err := m.From(s.config.From); err != nil {
		return nil, err
	}
	if err := m.To(to...); err != nil {
		return nil, err
	}
	m.Subject(subject)
	m.SetDateWithValue(s.config.Now())
	s.thread(m, view)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic answers, please
	m.SetGenHeader("X-Anywatch-Incident", view.ID)
	m.SetGenHeader("X-Anywatch-Event", string(view.Event))
	m.SetGenHeader("X-Anywatch-Severity", view.Severity.String())
	if !view.Over && view.Severity == detector.Critical {
		m.SetImportance(mail.ImportanceHigh)
	}
	m.SetBodyString(mail.TypeTextPlain, text)
	if html != "" {
		m.AddAlternativeString(mail.TypeTextHTML, html)
	}
	return m, nil
}

// thread gives the mail its id and says what it belongs to (RFC 5322 section 3.6.4). The first mail about an incident has the incident's id;
// every later one answers it. All are made of the incident alone, so that a restart does not break a thread, and a mail that is sent again
// has the id that it had.
func (s *Sink) thread(m *mail.Msg, v *templates.View) {
	first := &v.Items[0]
	id := s.root(first, first.Reopened)
	opens := first.Event == detector.Opened && !v.Reminder
	switch {
	case v.Reminder:
		id = fmt.Sprintf("%s.%d.reminder.%s@%s", idText(first.ID), first.Reopened, strconv.FormatInt(v.Since.UnixNano(), 36), s.domain)
	case !opens:
		id = s.later(first)
	}
	m.SetMessageIDWithValue(id)
	var threads []string
	add := func(thread string) {
		if thread != id && !slices.Contains(threads, thread) && len(threads) < threadLimit {
			threads = append(threads, thread)
		}
	}
	for n := range v.Items {
		item := &v.Items[n]
		add(s.root(item, 0)) // a reopened incident goes on in its first thread
		add(s.root(item, item.Reopened))
	}
	for n := range threads {
		threads[n] = "<" + threads[n] + ">"
	}
	if len(threads) == 0 {
		return
	}
	if !opens || first.Reopened > 0 {
		m.SetGenHeader(mail.HeaderInReplyTo, threads[0])
	}
	m.SetGenHeader(mail.HeaderReferences, strings.Join(threads, " "))
}

// root is the id of the mail that opens one life of an incident.
func (s *Sink) root(i *templates.Item, life int) string {
	return fmt.Sprintf("%s.%d@%s", idText(i.ID), life, s.domain)
}

// later is the id of a mail about something that happened afterwards.
func (s *Sink) later(i *templates.Item) string {
	return fmt.Sprintf("%s.%d.%s.%s@%s", idText(i.ID), i.Reopened, i.Event, strconv.FormatInt(i.At.UnixNano(), 36), s.domain)
}

// idText keeps of an id what can stand in a Message-ID.
func idText(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, id)
}

func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}
