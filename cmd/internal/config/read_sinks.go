package config

import (
	"cmp"
	"crypto/x509"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"anywatch/alerts"
	"anywatch/alerts/chat"
	"anywatch/alerts/syslog"
	"anywatch/alerts/templates"
)

// secretFrom reads a secret: from the file that NAME_file names, or from the variable of the environment that NAME_env names.
func (r *reader) secretFrom(s *section, name string, fromFile parseFunc[Secret]) Secret {
	file, env := name+"_file", name+"_env"
	out := one(s, file, Secret{}, fromFile)
	if variable := one(s, env, Secret{}, variable); !variable.IsZero() {
		if s.has(file) {
			s.fault(env, "stands beside "+file, "keep one of them")
		}
		return variable
	}
	return out
}

// sourceOf gives the key through which a secret is given, for what is to be said of it.
func sourceOf(s *section, name string) string {
	if s.has(name + "_env") {
		return name + "_env"
	}
	return name + "_file"
}

// needed reads a secret that the sink can't do without.
func (r *reader) needed(s *section, name string) Secret {
	const remedy = "name the file that holds it, readable for nobody else"
	secret, key := r.secretFrom(s, name, r.secret), name+"_file"
	if s.has(name + "_env") {
		return secret
	}
	if s.required(key, remedy) && secret.IsZero() && s.sound(key) {
		s.fault(key, "is empty", remedy)
	}
	return secret
}

// variable takes the name of a variable of the environment, and gives what it holds.
func variable(w word) (Secret, *problem) {
	content, ok := os.LookupEnv(w.text)
	content = strings.TrimRight(content, "\r\n")
	switch {
	case w.text == "" || !ok || content == "":
		return Secret{}, &problem{"the environment has no variable " + quote(w.text) + ", or an empty one", "set it before anywatch starts, or name a file with …_file"}
	case strings.ContainsAny(content, "\n\x00"):
		return Secret{}, &problem{"the variable " + quote(w.text) + " holds more than one line", "put only the secret into it, on one line"}
	}
	return Secret{text: &content, env: w.text}, nil
}

// longestReason bounds what is told of the engine's opinion of a template, in characters.
const longestReason = 200

// longestFile bounds what is read of a file of templates or certificates.
const longestFile = 1 << 20

// content reads a file that the configuration names.
func (r *reader) content(w word) (File, string, *problem) {
	f, wrong := r.existing(w)
	if wrong != nil || f.IsZero() {
		return f, "", wrong
	}
	data, err := os.ReadFile(f.Path)
	switch {
	case err != nil:
		return File{}, "", unreadable(f, err)
	case len(data) > longestFile:
		return File{}, "", &problem{quote(f.Name) + " is larger than 1 MiB", "name another file"}
	}
	return f, string(data), nil
}

// template reads the texts of a sink. They are tried here, so that a mistake does not come to light with the first incident.
func (r *reader) template(s *section, body bool) Template {
	return one(s, "template_file", Template{}, func(w word) (Template, *problem) {
		f, content, wrong := r.content(w)
		if wrong != nil || f.IsZero() {
			return Template{}, wrong
		}
		var err error
		remedy := `define title, text or html with {{define "title"}}…{{end}}, with fields as {{.Prefix}}`
		if body {
			_, err = templates.ParseBody(content)
			remedy = `write JSON, with values as {{json .Summary}}`
		} else {
			_, err = templates.Parse(content)
		}
		if err != nil {
			what, own, _ := strings.Cut(err.Error(), "; ")
			return Template{}, &problem{quote(f.Name) + ": " + alerts.Printable(templates.Clip(what, longestReason)), cmp.Or(own, remedy)}
		}
		return Template{f, content}, nil
	})
}

// certificates reads a file of certificates in PEM.
func (r *reader) certificates(s *section) CertFile {
	return one(s, "ca_file", CertFile{}, func(w word) (CertFile, *problem) {
		f, content, wrong := r.content(w)
		if wrong != nil || f.IsZero() {
			return CertFile{}, wrong
		}
		if !x509.NewCertPool().AppendCertsFromPEM([]byte(content)) {
			return CertFile{}, &problem{quote(f.Name) + " holds no certificate in PEM", "name the certificate of the authority that signed the server's"}
		}
		return CertFile{f, content}, nil
	})
}

func (r *reader) alertmanager(s *section) *Alertmanager {
	defer s.end()
	a := &Alertmanager{
		URL: webAddress(s, false), Username: one(s, "username", "", text), Password: r.secretFrom(s, "password", r.secret), Token: r.secretFrom(s, "token", r.secret),
		Resend: one(s, "resend", time.Minute, positive), Template: r.template(s, false),
	}
	user := a.Username != "" || !a.Password.IsZero() || strings.Contains(a.URL.String(), "@")
	if !a.Token.IsZero() && user {
		s.fault(sourceOf(s, "token"), "stands beside a user", "log in with a token, or with username and password_file")
	}
	return a
}

func (r *reader) pagerduty(s *section) *PagerDuty {
	defer s.end()
	return &PagerDuty{RoutingKey: r.needed(s, "routing_key"), URL: one(s, "url", URL{}, urlOf(false, "https", "http")), Template: r.template(s, false)}
}

func (r *reader) email(s *section) *Email {
	defer s.end()
	type way string
	const to = "write at least one address, as to: [noc@example.net]"
	s.required("smtp", `write the host and port of the mail server, as "127.0.0.1:25"`)
	s.required("from", "write the address of the sender, as anywatch@example.net")
	e := &Email{
		SMTP: one(s, "smtp", "", endpoint), From: one(s, "from", "", mailbox), To: many(s, "to", mailbox),
		TLS: string(one(s, "tls", "auto", enum(way("auto"), "starttls", "tls", "none"))), CA: r.certificates(s),
		Username: one(s, "username", "", text), Password: r.secretFrom(s, "password", r.secret), Template: r.template(s, false),
	}
	if s.required("to", to) && len(e.To) == 0 && s.sound("to") {
		s.fault("to", "is empty", to)
	}
	switch named, secret := e.Username != "", !e.Password.IsZero(); {
	case named && !secret && s.sound("password_file") && s.sound("password_env"):
		s.fault("username", "stands without password_file", "name the file with the password, or remove both")
	case secret && !named:
		s.fault(sourceOf(s, "password"), "stands without username", "write the name to log in with")
	case secret && e.TLS == "none":
		s.fault("tls", "would send the password in the clear", "write starttls or tls")
	}
	return e
}

func (r *reader) syslog(s *section) *Syslog {
	defer s.end()
	s.required("address", `write where to send, as "udp://127.0.0.1:514"`)
	return &Syslog{
		Address: one(s, "address", URL{}, urlOf(false, "udp", "tcp", "tls", "unix")), Facility: one(s, "facility", "daemon", facility),
		AppName: one(s, "app_name", "anywatch", label), CA: r.certificates(s), Template: r.template(s, false),
	}
}

func facility(w word) (string, *problem) {
	if !slices.Contains(syslog.Facilities(), w.text) {
		return "", &problem{quote(w.text) + " is no facility of syslog", "write one as daemon, or local0 to local7"}
	}
	return w.text, nil
}

// fileSink reads the file that the sink writes; it need not be there.
func (r *reader) fileSink(s *section) *FileSink {
	defer s.end()
	const remedy = "name the file to write to, as alerts.jsonl"
	f := &FileSink{Path: one(s, "path", File{}, r.named), MaxBytes: one(s, "max_bytes", 0, number(0, math.MaxInt)), Keep: one(s, "keep", 5, number(1, 999))}
	if s.required("path", remedy) && f.Path.IsZero() && s.sound("path") {
		s.fault("path", "is empty", remedy)
	}
	return f
}

func (r *reader) chat(s *section) *Chat {
	defer s.end()
	c := &Chat{URL: r.needed(s, "url"), Template: r.template(s, false)}
	if c.URL.IsZero() {
		return c
	}
	if err := chat.Check(c.URL.Reveal()); err != nil {
		s.fault(sourceOf(s, "url"), "holds no address of a chat", "write one as teams+https://…, telegram://TOKEN@api.telegram.org/CHAT or matrix://TOKEN@HOST/!ROOM:HOST")
	}
	return c
}

// externalURL takes the address of the dashboard.
func externalURL(w word) (string, *problem) {
	if w.text == "" {
		return "", nil
	}
	u, wrong := urlOf(false, "https", "http")(w)
	if wrong == nil && u.String() != w.text {
		wrong = &problem{"the address has a user or a query, which every receiver would see", "write it as https://anywatch.example.net"}
	}
	return w.text, wrong
}
