package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// kinds are those of incidents, besides rule:NAME.
var kinds = []string{
	"origin-hijack", "subprefix-hijack", "superprefix", "squatting", "unexpected-upstream", "forged-path", "route-leak", "scope-leak",
	"rpki-invalid", "new-prefix", "more-specific", "site-missing", "site-unexpected", "site-inconsistent", "too-few-sites", "twin-mismatch",
	"flapping", "visibility-loss", "zombie", "blackholed", "catchment-shift", "announced-unhealthy", "healthy-withdrawn", "feed-lost", "prefix-limit", "stale-vantage",
	"rpki-stale", "rpki-anchor-drop", "roa-changed", "roa-expiring", "roa-missing",
	"storm", "sink-failed",
}

// sinkTypes are the keys one of which every sink has.
var sinkTypes = []string{"slack", "alertmanager", "pagerduty", "webhook", "email", "syslog", "file", "chat", "exec"}

// kindOf takes the name of a kind of incident; rule:* are those of all rules.
func kindOf(rules names) parseFunc[string] {
	named := rules.reference()
	return func(w word) (string, *problem) {
		if rule, ok := strings.CutPrefix(w.text, "rule:"); ok {
			if rule == "*" {
				return w.text, nil
			}
			_, wrong := named(word{text: rule})
			return w.text, wrong
		}
		if slices.Contains(kinds, w.text) {
			return w.text, nil
		}
		remedy := "write one of " + strings.Join(kinds, ", ") + ", or rule:NAME, or rule:* for all rules"
		if like := nearest(w.text, kinds); like != "" {
			remedy = fmt.Sprintf("did you mean %q?", like)
		}
		return "", &problem{quote(w.text) + " is no kind of incident", remedy}
	}
}

// alerts reads who hears about incidents, and when.
func (r *reader) alerts(s *section, sites, rules names) Alerts {
	defer s.end()
	a := Alerts{GroupWait: one(s, "group_wait", 5*time.Second, duration), Repeat: one(s, "repeat", 4*time.Hour, duration)}
	known, first := names{what: "sink"}, map[string]int{}
	var later escalations
	s.each("sinks", "{name: noc, slack: {webhook_url_file: secrets/slack}}", func(t *section) {
		sink := r.sink(t, known.add(t, first), sites, rules)
		sink.Escalate = later.read(t, sink.Name)
		t.exactlyOne(sinkTypes...)
		a.Sinks = append(a.Sinks, sink)
	})
	later.check(known)
	return a
}

// sink reads one receiver: what it wants to hear, and how it is reached.
func (r *reader) sink(s *section, name string, sites, rules names) Sink {
	out := Sink{Name: name}
	r.receiver(s, &out)
	r.routing(s, &out, sites, rules)
	return out
}

func (r *reader) receiver(s *section, out *Sink) {
	if t := s.optional("slack", "{webhook_url_file: secrets/slack}"); t != nil {
		out.Slack = r.slack(t)
	}
	if t := s.optional("alertmanager", `{url: "http://127.0.0.1:9093"}`); t != nil {
		out.Alertmanager = r.alertmanager(t)
	}
	if t := s.optional("pagerduty", "{routing_key_file: secrets/pd}"); t != nil {
		out.PagerDuty = r.pagerduty(t)
	}
	if t := s.optional("webhook", `{url: "http://127.0.0.1:9701/alert"}`); t != nil {
		out.Webhook = r.webhook(t)
	}
	if t := s.optional("email", `{smtp: "127.0.0.1:25", from: anywatch@example.net, to: [noc@example.net]}`); t != nil {
		out.Email = r.email(t)
	}
	if t := s.optional("syslog", `{address: "udp://127.0.0.1:514"}`); t != nil {
		out.Syslog = r.syslog(t)
	}
	if t := s.optional("file", "{path: alerts.jsonl}"); t != nil {
		out.File = r.fileSink(t)
	}
	if t := s.optional("chat", "{url_file: secrets/teams}"); t != nil {
		out.Chat = r.chat(t)
	}
	if t := s.optional("exec", "{command: [/usr/local/bin/on-alert]}"); t != nil {
		out.Exec = command(t)
	}
}

// webAddress reads the url of a sink.
func webAddress(s *section, secretPath bool) URL {
	s.required("url", "write the address to post to, as http://127.0.0.1:9701/alert")
	return one(s, "url", URL{}, urlOf(secretPath, "http", "https"))
}

// slack wants a webhook's address, or a bot's token with the channel that it writes to.
func (r *reader) slack(s *section) *Slack {
	defer s.end()
	out := &Slack{
		WebhookURL: r.secretFrom(s, "webhook_url", r.secretURL),
		Token:      r.secretFrom(s, "token", r.secret),
		AppToken:   r.secretFrom(s, "app_token", r.secret),
		Channel:    one(s, "channel", "", text),
	}
	for _, key := range []string{"webhook_url_file", "webhook_url_env", "token_file", "token_env", "app_token_file", "app_token_env", "channel"} {
		if !s.sound(key) || s.unknown() {
			return out
		}
	}
	if hook := out.WebhookURL; hook.env != "" && !isWebAddress(hook.Reveal()) {
		s.fault("webhook_url_env", "the variable "+quote(hook.env)+" holds no web address", "put the URL that the service gave you into it, as https://hooks.example.net/…")
		return out
	}
	hook, bot, channel := !out.WebhookURL.IsZero(), !out.Token.IsZero(), out.Channel != ""
	const remedy = "write webhook_url_file alone, or token_file and channel"
	switch {
	case hook && bot:
		s.fault(sourceOf(s, "token"), "stands beside webhook_url_file", remedy)
	case hook && channel:
		s.fault("channel", "stands beside webhook_url_file, which has its channel already", remedy)
	case bot && !channel:
		s.fault(sourceOf(s, "token"), "stands without channel", remedy)
	case channel && !bot:
		s.fault("channel", "stands without token_file", remedy)
	case !hook && !bot:
		s.faultHere("has neither webhook_url_file nor token_file", remedy)
	case hook && !out.AppToken.IsZero():
		s.fault(sourceOf(s, "app_token"), "stands beside webhook_url_file, through which nothing comes back", "write token_file and channel with it, or remove it")
	}
	return out
}

func (r *reader) webhook(s *section) *Webhook {
	defer s.end()
	w := &Webhook{URL: webAddress(s, true), Key: r.secretFrom(s, "secret", r.secret), Template: r.template(s, true)}
	headers := s.sub("headers", "{X-Team: noc}")
	if headers.node == nil {
		return w
	}
	authorized := strings.Contains(w.URL.String(), "@")
	for _, p := range headers.node.pairs {
		value := one(headers, p.name, Secret{}, inline)
		switch {
		case !isToken(p.name):
			r.fault(p.at, headers.at(p.name), &problem{quote(p.name) + " can't be the name of a header", "write letters, digits and dashes, as X-Team"})
		case authorized && strings.EqualFold(p.name, "Authorization"):
			r.fault(p.at, headers.at(p.name), &problem{"the secret is given twice: here, and in the url", "keep one of them"})
		}
		w.Headers = append(w.Headers, Header{Name: p.name, Value: value})
	}
	headers.end()
	return w
}

// isToken tells what may be the name of a header (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

func command(s *section) *Exec {
	defer s.end()
	const remedy = "write the program and its arguments, as [/usr/local/bin/on-alert]"
	e := &Exec{Command: many(s, "command", text), Timeout: one(s, "timeout", 30*time.Second, positive)}
	if s.required("command", remedy) && s.sound("command") && (len(e.Command) == 0 || e.Command[0] == "") {
		s.fault("command", "names no program", remedy)
	}
	return e
}
