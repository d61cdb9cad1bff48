package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// store reads where history is kept.
func (r *reader) store(s *section) Store {
	defer s.end()
	def, _ := r.database(word{text: "sqlite:anywatch.db"})
	out := one(s, "url", def, r.database)
	out.Keep = one(s, "keep", 90*day, positive)
	return out
}

// database takes sqlite:FILE and postgres://…
func (r *reader) database(w word) (Store, *problem) {
	const remedy = `write "sqlite:anywatch.db", or an address that begins with postgres://`
	path, sqlite := strings.CutPrefix(w.text, "sqlite:")
	if !sqlite {
		u, wrong := urlOf(false, "postgres", "postgresql")(w)
		if wrong != nil && wrong.what != stillHidden().what {
			wrong.remedy = remedy
		}
		return Store{URL: u}, wrong
	}
	if path == "" || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?#\x00") {
		return Store{}, &problem{quote(w.text) + " names no file", remedy}
	}
	u := newURL(w.text, &url.URL{Scheme: "sqlite", Opaque: path}, false)
	return Store{URL: u, Database: fileIn(r.dir, path)}, nil
}

// web reads the dashboard, the API and the metrics. Without users it stays on this machine.
func (r *reader) web(s *section) Web {
	defer s.end()
	w := Web{Listen: one(s, "listen", "127.0.0.1:8480", listen)}
	w.ExternalURL = one(s, "external_url", "", externalURL)
	w.TLS = r.tls(s.sub("tls", "{cert_file: web.crt, key_file: web.key}"), false)
	w.Users = one(s, "users_file", File{}, r.existing)
	w.Tokens = one(s, "tokens_file", File{}, r.existing)
	if s.sound("listen") && s.sound("users_file") && w.Users.IsZero() && !isLoopback(w.Listen) && !s.misspelt("users_file") {
		what := quote(w.Listen) + " is reachable from other machines, and without users_file anyone there could look and act"
		s.fault("listen", what, "name a users_file, or listen on 127.0.0.1 or [::1]")
	}
	return w
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

func (r *reader) log(s *section) Log {
	defer s.end()
	type choice string
	return Log{
		Level:  string(one(s, "level", "info", enum(choice("debug"), "info", "warn", "error"))),
		Format: string(one(s, "format", "text", enum(choice("text"), "json"))),
	}
}
