package config

// receiver writes how the sink is reached. A secret from a file stands there as the name of the file, one from the environment as that of the
// variable.
func (s Sink) receiver() group {
	switch {
	case s.Slack != nil:
		return s.Slack.print()
	case s.Alertmanager != nil:
		return s.Alertmanager.print()
	case s.PagerDuty != nil:
		p := s.PagerDuty
		return given(append(p.RoutingKey.source("routing_key"), field{"url", p.URL.String()}, field{"template_file", p.Template.File.Name}))
	case s.Webhook != nil:
		return s.Webhook.print()
	case s.Email != nil:
		return s.Email.print()
	case s.Syslog != nil:
		l := s.Syslog
		return given(group{{"address", l.Address.String()}, {"facility", l.Facility}, {"app_name", l.AppName}, {"ca_file", l.CA.File.Name}, {"template_file", l.Template.File.Name}})
	case s.File != nil:
		return group{{"path", s.File.Path.Name}, {"max_bytes", count(s.File.MaxBytes)}, {"keep", count(s.File.Keep)}}
	case s.Chat != nil:
		return given(append(s.Chat.URL.source("url"), field{"template_file", s.Chat.Template.File.Name}))
	default:
		return group{{"command", flowOf(s.Exec.Command, safe)}, {"timeout", span(s.Exec.Timeout)}}
	}
}

// source writes where a secret comes from.
func (s Secret) source(name string) group {
	return group{{name + "_file", s.file}, {name + "_env", s.env}}
}

func (s Slack) print() group {
	g := append(s.WebhookURL.source("webhook_url"), s.Token.source("token")...)
	return given(append(append(g, field{"channel", s.Channel}), s.AppToken.source("app_token")...))
}

func (a Alertmanager) print() group {
	g := append(group{{"url", a.URL.String()}, {"username", a.Username}}, a.Password.source("password")...)
	g = append(g, a.Token.source("token")...)
	return given(append(g, field{"resend", span(a.Resend)}, field{"template_file", a.Template.File.Name}))
}

func (w Webhook) print() group {
	headers := group{}
	for _, h := range w.Headers {
		headers = append(headers, field{h.Name, h.Value.String()})
	}
	g := given(append(group{{"url", w.URL.String()}}, w.Key.source("secret")...))
	return append(g, given(group{{"template_file", w.Template.File.Name}, {"headers", headers}})...)
}

func (e Email) print() group {
	g := group{{"smtp", e.SMTP}, {"from", e.From}, {"to", flowOf(e.To, safe)}, {"tls", plain(e.TLS)}}
	return append(g, given(append(group{{"ca_file", e.CA.File.Name}, {"username", e.Username}, {"template_file", e.Template.File.Name}}, e.Password.source("password")...))...)
}
