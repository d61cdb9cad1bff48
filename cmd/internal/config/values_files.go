package config

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// named takes the name of a file that may not be there yet; "" is none.
func (r *reader) named(w word) (File, *problem) {
	if w.text == "" {
		return File{}, nil
	}
	if strings.ContainsRune(w.text, 0) {
		return File{}, &problem{quote(w.text) + " is not a file name", "write one"}
	}
	return fileIn(r.dir, w.text), nil
}

// existing takes the name of a file that must be there, since nothing can start without it; "" is none.
func (r *reader) existing(w word) (File, *problem) {
	f, wrong := r.named(w)
	if wrong != nil || f.IsZero() {
		return f, wrong
	}
	info, err := os.Stat(f.Path)
	switch {
	case err != nil:
		return File{}, unreadable(f, err)
	case info.IsDir():
		return File{}, &problem{quote(f.Name) + " is a directory", "name a file in it"}
	}
	return f, nil
}

// unreadable says why a file can't be had, and where it was looked for.
func unreadable(f File, err error) *problem {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	remedy := "put the file at " + oneLine(f.Path) + ", or change the name; names are relative to the configuration file"
	if errors.Is(err, fs.ErrPermission) {
		remedy = "let the user that anywatch runs as read " + oneLine(f.Path)
	}
	return &problem{quote(f.Name) + ": " + err.Error(), remedy}
}

// longestSecret bounds what is read of a file that should hold one short line.
const longestSecret = 64 << 10

// secret reads the file that is named; the line's end is not part of it. "" is no secret.
func (r *reader) secret(w word) (Secret, *problem) {
	f, wrong := r.existing(w)
	if wrong != nil || f.IsZero() {
		return Secret{}, wrong
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return Secret{}, unreadable(f, err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, longestSecret+1))
	if err != nil {
		return Secret{}, unreadable(f, err)
	}
	content := strings.TrimRight(string(data), "\r\n")
	switch {
	case content == "":
		return Secret{}, &problem{quote(f.Name) + " is empty", "write the secret into the file, on one line"}
	case len(data) > longestSecret || strings.ContainsAny(content, "\n\x00") || !utf8.ValidString(content):
		return Secret{}, &problem{quote(f.Name) + " holds more than one line of text", "write only the secret into the file, on one line"}
	}
	return Secret{text: &content, file: f.Name}, nil
}

// secretURL reads the file that is named, which holds an address to post to.
func (r *reader) secretURL(w word) (Secret, *problem) {
	s, wrong := r.secret(w)
	if wrong != nil || s.IsZero() {
		return s, wrong
	}
	if !isWebAddress(s.Reveal()) {
		return Secret{}, &problem{"the content of " + quote(w.text) + " is not a web address", "write the URL that the service gave you into the file, as https://hooks.example.net/…"}
	}
	return s, nil
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// inline takes a secret that stands in the configuration itself.
func inline(w word) (Secret, *problem) {
	if strings.Contains(w.text, hidden) {
		return Secret{}, stillHidden()
	}
	if strings.ContainsAny(w.text, "\r\n\x00") {
		return Secret{}, &problem{"the value has more than one line", "write it on one line"}
	}
	return NewSecret(w.text), nil
}

func stillHidden() *problem {
	return &problem{quote(hidden) + " stands where check --print has hidden a secret", "write the secret itself"}
}

// urlOf takes the address of a service. The messages don't repeat it, since it may carry a secret.
func urlOf(secretPath bool, schemes ...string) parseFunc[URL] {
	remedy := "write an address that begins with " + strings.Join(schemes, ":// or ") + "://"
	return func(w word) (URL, *problem) {
		if strings.Contains(w.text, hidden) {
			return URL{}, stillHidden()
		}
		u, err := url.Parse(w.text)
		switch {
		case w.text == "":
			return URL{}, &problem{"is empty", remedy}
		case err != nil || u.Scheme == "":
			return URL{}, &problem{"the value is not a URL", remedy}
		case !slices.Contains(schemes, u.Scheme):
			return URL{}, &problem{quote(u.Scheme+":") + " is not a scheme that is known here", remedy}
		case u.Scheme == "unix" && u.Path == "":
			return URL{}, &problem{quote(w.text) + " names no socket", "write unix:///dev/log"}
		case u.Scheme != "unix" && u.Hostname() == "" || u.Port() != "" && !isPort(u.Port(), 1):
			return URL{}, &problem{quote(redact(w.text, u, secretPath)) + " has no host, or a port that is none", remedy}
		}
		return newURL(w.text, u, secretPath), nil
	}
}
