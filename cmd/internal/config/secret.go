package config

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// hidden stands where a secret would.
const hidden = "<hidden>"

// Secret is a text that never shows itself: not by any verb of fmt, not as YAML or JSON. Only Reveal gives it.
type Secret struct {
	// text is behind a pointer, since fmt looks into the unexported fields of whatever holds a Secret without asking its methods.
	text *string
	// file is the name of the file it was read from, as the configuration gives it; "" for a value that stands there itself.
	file string
	// env is the name of the variable of the environment that it comes from; "" for none.
	env string
}

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal gives the secret itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells that there is no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String gives "<hidden>", or "" when there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return hidden
}

// GoString gives what String does.
func (s Secret) GoString() string { return s.String() }

// Format writes what String gives, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText keeps JSON, and whatever else asks for text, from showing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML keeps YAML from showing the secret.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// URL is an address that may carry a secret: a password, a token in the query, or in the path as incoming webhooks have it.
type URL struct {
	text  Secret
	shown string
}

// newURL keeps the text and what of it may be shown. With secretPath only scheme and host are.
func newURL(text string, u *url.URL, secretPath bool) URL {
	return URL{text: NewSecret(text), shown: redact(text, u, secretPath)}
}

// Reveal gives the whole address, for the one place that calls it.
func (u URL) Reveal() string { return u.text.Reveal() }

// IsZero tells that there is no address.
func (u URL) IsZero() bool { return u.text.IsZero() }

// String gives the address with what may be secret in it as "<hidden>".
func (u URL) String() string { return u.shown }

// GoString gives what String does.
func (u URL) GoString() string { return u.shown }

// Format writes what String gives, whatever the verb.
func (u URL) Format(f fmt.State, _ rune) { io.WriteString(f, u.shown) }

// MarshalText keeps JSON, and whatever else asks for text, from showing the secret.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.shown), nil }

// MarshalYAML keeps YAML from showing the secret.
func (u URL) MarshalYAML() (any, error) { return u.shown, nil }

// redact rebuilds an address from the parts that are nobody's secret. A user without a password is a token with most web services,
// and just a name with PostgreSQL.
func redact(text string, u *url.URL, secretPath bool) string {
	var b strings.Builder
	b.WriteString(u.Scheme + ":")
	if u.Opaque != "" {
		b.WriteString(u.Opaque)
	} else if u.Host != "" || u.User != nil || strings.HasPrefix(text, u.Scheme+"://") {
		b.WriteString("//" + redactUser(u) + u.Host)
	}
	switch path := u.EscapedPath(); {
	case secretPath && strings.Trim(path, "/")+u.RawQuery+u.Fragment != "":
		b.WriteString("/" + hidden)
		return b.String()
	default:
		b.WriteString(path)
	}
	if u.RawQuery != "" {
		b.WriteString("?" + redactQuery(u.RawQuery))
	}
	return b.String()
}

func redactUser(u *url.URL) string {
	if u.User == nil {
		return ""
	}
	if _, secret := u.User.Password(); secret {
		return u.User.Username() + ":" + hidden + "@"
	}
	if isPostgres(u.Scheme) {
		return u.User.Username() + "@"
	}
	return hidden + "@"
}

func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, valued := strings.Cut(part, "="); valued {
			parts[i] = name + "=" + hidden
		} else {
			parts[i] = hidden
		}
	}
	return strings.Join(parts, "&")
}

func isPostgres(scheme string) bool { return scheme == "postgres" || scheme == "postgresql" }

// File is the name of a file, relative to the configuration file unless absolute.
type File struct {
	// Name is as the configuration gives it, Path from where the program runs; both are "" when there is none.
	Name, Path string
}

// IsZero tells that no file is named.
func (f File) IsZero() bool { return f.Name == "" }

// String gives the name as the configuration has it.
func (f File) String() string { return f.Name }

// fileIn places a name of the configuration.
func fileIn(dir, name string) File {
	if filepath.IsAbs(name) {
		return File{Name: name, Path: filepath.Clean(name)}
	}
	return File{Name: name, Path: filepath.Join(dir, name)}
}
