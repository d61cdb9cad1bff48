package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	bgpfix "github.com/bgpfix/bgpfix/filter"
)

// Error is what is wrong with an expression.
type Error struct {
	// At is the place in the expression, in characters from 1; 0 where it is the expression as a whole.
	At int
	// Near is what stands there.
	Near string
	// What says what is wrong, Remedy what would be right.
	What, Remedy string
}

// Error gives it in one line.
func (e *Error) Error() string {
	return e.Where() + e.What + "; " + e.Remedy
}

// Where gives "at character 12, near "aspath": ", and nothing where it is the expression as a whole.
func (e *Error) Where() string {
	if e.At == 0 {
		return ""
	}
	if e.Near == "" {
		return fmt.Sprintf("at character %d: ", e.At)
	}
	return fmt.Sprintf("at character %d, near %q: ", e.At, e.Near)
}

// nearby is how much of the expression a message shows.
const nearby = 40

// fault makes an error about the place in the text, in octets.
func fault(text string, offset int, what, remedy string) *Error {
	near := text[offset:]
	if runes := []rune(near); len(runes) > nearby {
		near = string(runes[:nearby]) + "…"
	}
	return &Error{At: utf8.RuneCountInString(text[:offset]) + 1, Near: strings.TrimSpace(near), What: what, Remedy: remedy}
}

func incomplete(text string) error {
	return &Error{At: utf8.RuneCountInString(text) + 1, What: "it ends where something should follow", Remedy: `write a comparison there, as aspath == 64999`}
}

const attributes = "prefix, aspath, as_origin, as_upstream, as_peer, aspath_len, aspath_hops, nexthop, origin, med, local_pref, community, large_community, ext_community, otc, af, ipv4, ipv6"

// explain says in our words what the library found. It names what is left of the text where it stopped, or the comparison that it could not take.
func explain(text string, err error) error {
	cause := errors.Unwrap(err)
	if cause == nil {
		cause = err
	}
	offset := place(text, err.Error(), cause.Error())
	near := text[offset:]
	word, _, _ := strings.Cut(strings.TrimLeft(near, "!( "), " ")
	say := func(what, remedy string) error { return fault(text, offset, what, remedy) }
	switch {
	case errors.Is(cause, bgpfix.ErrEmpty):
		return &Error{What: "it is empty", Remedy: "write a comparison, as aspath == 64999"}
	case errors.Is(cause, bgpfix.ErrUnmatched):
		return say("the parentheses do not match", "close every ( with a )")
	case errors.Is(cause, bgpfix.ErrAttr) && strings.ContainsAny(word, "=<>~"):
		return say("an operator needs spaces around it", "write it as in aspath == 64999")
	case errors.Is(cause, bgpfix.ErrAttr):
		return say(fmt.Sprintf("%q is not an attribute of a route", word), "the attributes are "+attributes)
	case errors.Is(cause, bgpfix.ErrIndex):
		return say("the index is wrong, or this attribute has none", "aspath takes one: aspath[0] is the neighbor, aspath[-1] the origin")
	case errors.Is(cause, bgpfix.ErrOpValue):
		return say("the operator has no value, or the quotes are not closed", `write the value after it, as aspath ~ "64999"`)
	case errors.Is(cause, bgpfix.ErrOp):
		return say("this operator does not go with this attribute", "the operators are ==, !=, <, <=, >, >=, ~ and !~; see docs/rules.md for which goes where")
	case errors.Is(cause, bgpfix.ErrValue):
		return say("this value does not go with this attribute", "see docs/rules.md for how it is written")
	case errors.Is(cause, bgpfix.ErrLogic):
		return say("&& or || is missing here, or the operator has no value", "put one of them between two comparisons, and quotes around a value with spaces")
	}
	return say(strings.Join(strings.Fields(cause.Error()), " "), "see docs/rules.md for how it is written")
}

// place finds where the library stopped: its message quotes what was left of the text, or the comparison it was at.
func place(text, message, cause string) int {
	rest, _ := strings.CutPrefix(message, "filter '"+text+"': parse error")
	rest, found := strings.CutPrefix(rest, " near '")
	rest, closed := strings.CutSuffix(rest, "': "+cause)
	if !found || !closed || rest == "" {
		return 0
	}
	if strings.HasSuffix(strings.TrimSpace(text), rest) {
		return strings.LastIndex(text, rest)
	}
	return max(strings.Index(text, rest), 0)
}
