package rpki

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// SyntaxError is text that is not what it should be, as a whole: no entry of it can be trusted.
type SyntaxError struct {
	Line   int   // from 1
	Offset int64 // from 0, in the unpacked text
	What   string
}

// Error gives the place and what is wrong there.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d (offset %d): %s", e.Line, e.Offset, e.What)
}

const (
	scanWindow  = 64 << 10
	scanLongest = 1 << 20 // of one text or number
	scanDepth   = 64      // of nesting

	cutOff = "the text ends in the middle; the file is cut off or still being written"
)

// scanner reads JSON from a stream, as the caller asks for it, and copies nothing that the caller does not keep. A full set of
// VRPs is 75 MB of text, and encoding/json takes many seconds for that.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int   // what is not yet read of buf
	base     int64 // offset of buf[0]
	line     int
	key      []byte
	depth    int
	short    bool // the stream has ended
	failed   error
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, scanWindow), line: 1}
}

func (s *scanner) fail(format string, args ...any) error {
	if s.failed != nil {
		return s.failed
	}
	return &SyntaxError{Line: s.line, Offset: s.base + int64(s.pos), What: fmt.Sprintf(format, args...)}
}

// more reads on, keeping what is not yet read; false at the end of the stream.
func (s *scanner) more() bool {
	if s.short {
		return false
	}
	copy(s.buf, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.end -= s.pos
	s.pos = 0
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.short = true
			if !errors.Is(err, io.EOF) {
				s.failed = err
			}
		}
		if n > 0 || s.short {
			return n > 0
		}
	}
	s.short, s.failed = true, io.ErrNoProgress
	return false
}

// peek passes over white space and gives the next octet, 0 at the end.
func (s *scanner) peek() byte {
	for {
		for ; s.pos < s.end; s.pos++ {
			switch c := s.buf[s.pos]; c {
			case '\n':
				s.line++
			case ' ', '\t', '\r':
			default:
				return c
			}
		}
		if !s.more() {
			return 0
		}
	}
}

// expect passes over one octet.
func (s *scanner) expect(c byte) error {
	switch got := s.peek(); {
	case got == c:
		s.pos++
		return nil
	case s.pos >= s.end:
		return s.fail("%s", cutOff)
	default:
		return s.fail("%q where %q should stand", got, c)
	}
}

// reach makes sure that the octet n places on is in the buffer; false when the stream ends before.
func (s *scanner) reach(n int) bool {
	for s.pos+n >= s.end {
		if !s.more() {
			return false
		}
	}
	return true
}

// text reads a string. What it gives is good until the next call.
func (s *scanner) text() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	for i, c := range s.buf[s.pos:s.end] {
		if c == '"' {
			out := s.buf[s.pos : s.pos+i]
			s.pos += i + 1
			return out, nil
		}
		if c == '\\' || c < ' ' {
			break
		}
	}
	return s.longText()
}

// longText reads a string that has escapes, or goes on after what is in the buffer.
func (s *scanner) longText() ([]byte, error) {
	escaped := false
	for i := 0; i < scanLongest; i++ {
		if !s.reach(i) {
			return nil, s.fail("%s", cutOff)
		}
		switch c := s.buf[s.pos+i]; {
		case c == '"':
			out := s.buf[s.pos : s.pos+i]
			if escaped {
				return s.unescaped(out)
			}
			s.pos += i + 1
			return out, nil
		case c == '\\':
			escaped = true
			i++ // whatever follows is part of the text
		case c < ' ':
			return nil, s.fail("a text goes over the end of its line; a quotation mark is missing")
		}
	}
	return nil, s.fail("a text longer than %d octets", scanLongest)
}

func (s *scanner) unescaped(raw []byte) ([]byte, error) {
	var out string
	if err := json.Unmarshal(fmt.Appendf(nil, `"%s"`, raw), &out); err != nil {
		return nil, s.fail("a text with an escape that JSON does not know")
	}
	s.pos += len(raw) + 1
	return []byte(out), nil
}

// word reads a number, true, false or null as it stands. What it gives is good until the next call.
func (s *scanner) word() ([]byte, error) {
	s.peek()
	n, digits := 0, true
	for ; s.reach(n) && n < scanLongest; n++ {
		if c := s.buf[s.pos+n]; c < '0' || c > '9' {
			if ends(c) {
				break
			}
			digits = false
		}
	}
	out := s.buf[s.pos : s.pos+n]
	switch {
	case n == 0 && s.pos >= s.end:
		return nil, s.fail("%s", cutOff)
	case n == 0:
		return nil, s.fail("%q where a value should stand", s.buf[s.pos])
	case digits && (n == 1 || out[0] != '0'): // the quick way for nearly all of them
	case !json.Valid(out):
		return nil, s.fail("%q is no value that JSON knows", out[:min(n, 40)])
	}
	s.pos += n
	return out, nil
}

// ends tells whether a word can't go on with the octet.
func ends(c byte) bool {
	switch c {
	case ',', ':', ']', '}', '[', '{', '"':
		return true
	}
	return c <= ' '
}

// object reads an object and calls member for each of its keys, to read the value. The key is good until then.
func (s *scanner) object(member func(key []byte) error) error {
	return s.sequence('{', '}', func() error {
		key, err := s.text()
		if err != nil {
			return err
		}
		s.key = append(s.key[:0], key...) // reading on may move the buffer
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(s.key)
	})
}

// array reads a list and calls element for each of its elements, to read it.
func (s *scanner) array(element func() error) error { return s.sequence('[', ']', element) }

func (s *scanner) sequence(open, end byte, each func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	if s.depth++; s.depth > scanDepth {
		return s.fail("nested more than %d deep", scanDepth)
	}
	if s.peek() != end {
		for again := true; again; {
			if err := each(); err != nil {
				return err
			}
			if again = s.peek() == ','; again {
				s.pos++
			}
		}
	}
	s.depth--
	return s.expect(end)
}

// skip passes over a value.
func (s *scanner) skip() error {
	switch s.peek() {
	case '{':
		return s.object(func([]byte) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	case '"':
		_, err := s.text()
		return err
	}
	_, err := s.word()
	return err
}

// finish demands that nothing follows.
func (s *scanner) finish() error {
	if s.peek(); s.pos < s.end {
		return s.fail("something follows after the end")
	}
	return s.failed
}
