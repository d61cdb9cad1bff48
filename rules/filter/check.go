package filter

import (
	"math"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/bgpfix/bgpfix/afi"
	bgpfix "github.com/bgpfix/bgpfix/filter"
	"github.com/bgpfix/bgpfix/msg"
)

// checker walks an expression, and refuses what the library takes and a single route can never fit, or always fits.
type checker struct {
	text string
	done int // octets of the text that were walked
}

// find gives where a part of the expression stands. Parts are walked in the order of the text.
func (c *checker) find(e *bgpfix.Expr) int {
	if i := strings.Index(c.text[c.done:], e.String); i >= 0 {
		return c.done + i
	}
	return c.done
}

// chain checks comparisons that && or || join. Beside each other these two mean nothing that people agree upon: the library stops at the first
// && that fails, also before an || that would hold.
func (c *checker) chain(first *bgpfix.Expr) error {
	for e := first; e != nil; e = e.Next {
		at := c.find(e)
		if e.Next != nil && e.Next.Next != nil && e.And != e.Next.And {
			return fault(c.text, at, "&& and || stand beside each other", "put one of the two in parentheses, as in (a && b) || c")
		}
		if inner, nested := e.Val.(*bgpfix.Expr); nested {
			c.done = at + 1
			if err := c.chain(inner); err != nil {
				return err
			}
			continue
		}
		c.done = at + len(e.String)
		if what, remedy := refuse(e); what != "" {
			return fault(c.text, at, what, remedy)
		}
	}
	return nil
}

// refuse says what is wrong with one comparison; "" for nothing.
func refuse(e *bgpfix.Expr) (what, remedy string) {
	switch e.Attr {
	case bgpfix.ATTR_TYPE:
		if t, _ := e.Val.(msg.Type); t != msg.UPDATE || e.Not {
			return "a rule sees announced routes and no other messages", "leave it out"
		}
	case bgpfix.ATTR_UNREACH:
		return "a rule sees announced routes and no withdrawals", "write prefix"
	case bgpfix.ATTR_TAG, bgpfix.ATTR_DIR, bgpfix.ATTR_SEQ:
		return "it is a property of messages in a bgpfix pipe, and a route has none", "leave it out"
	case bgpfix.ATTR_TIME:
		return "a rule judges what is announced, whenever that was", "leave it out; maintenance lowers incidents for a while"
	case bgpfix.ATTR_JSON, bgpfix.ATTR_JATTR:
		return "rules do not look into the JSON of messages", "compare one of the attributes: " + attributes
	case bgpfix.ATTR_AF:
		return refuseFamily(e)
	case bgpfix.ATTR_REACH, bgpfix.ATTR_PREFIX:
		return refusePrefix(e)
	case bgpfix.ATTR_NEXTHOP:
		return refuseHostBits(e)
	case bgpfix.ATTR_ASPATH:
		return refusePath(e)
	case bgpfix.ATTR_COMM, bgpfix.ATTR_COMM_LARGE, bgpfix.ATTR_COMM_EXT:
		return refuseCommunity(e)
	}
	return "", ""
}

func refuseFamily(e *bgpfix.Expr) (what, remedy string) {
	const only = "write ipv4 or ipv6"
	switch v := e.Val.(type) {
	case afi.AS:
		if v != afi.AS_IPV4_UNICAST && v != afi.AS_IPV6_UNICAST {
			return "only unicast routes are watched", only
		}
	case afi.AFI:
		if v != afi.AFI_IPV4 && v != afi.AFI_IPV6 {
			return "only IPv4 and IPv6 are watched", only
		}
	case afi.SAFI:
		if v != afi.SAFI_UNICAST {
			return "only unicast routes are watched", only
		}
	}
	return "", ""
}

// refusePrefix refuses what is said of every route.
func refusePrefix(e *bgpfix.Expr) (what, remedy string) {
	if e.Op == bgpfix.OP_PRESENT {
		return "every route has a prefix", "compare it, as prefix ~ 192.0.2.0/24"
	}
	return refuseHostBits(e)
}

// refuseHostBits looks at the prefix as it was written: the library cuts off what stands behind its length.
func refuseHostBits(e *bgpfix.Expr) (what, remedy string) {
	fields := strings.Fields(strings.ReplaceAll(e.String, `"`, " "))
	if len(fields) == 0 {
		return "", ""
	}
	p, err := netip.ParsePrefix(fields[len(fields)-1])
	if err == nil && p != p.Masked() {
		return p.String() + " has bits set after its length", "write " + p.Masked().String()
	}
	return "", ""
}

var wholePath = regexp.MustCompile(`^[0-9\[\],]+$`)

// refusePath refuses values that no AS_PATH can have: to the library it is a text with commas, 3356,64500, and sets as [1,2].
func refusePath(e *bgpfix.Expr) (what, remedy string) {
	switch v := e.Val.(type) {
	case int:
		if v > math.MaxUint32 {
			return "an AS number is at most 4294967295", "write a number from 0 to 4294967295"
		}
	case []byte:
		if !wholePath.Match(v) {
			return "a whole path is written with commas, and numbers without AS", `write aspath == "3356,64500", or aspath == 64500 for one AS anywhere in it`
		}
	case *regexp.Regexp:
		if strings.ContainsAny(v.String(), " _") {
			return "in a path the numbers stand with commas between, neither with spaces nor with _", `write aspath == 64999 for one AS anywhere, "3356,64999" for two in a row, or \\b for where a number begins or ends`
		}
	}
	return "", ""
}

// refuseCommunity refuses anchors: a pattern is compared with all communities at once, each in quotes with commas between.
func refuseCommunity(e *bgpfix.Expr) (what, remedy string) {
	re, ok := e.Val.(*regexp.Regexp)
	if !ok {
		return "", ""
	}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err == nil && anchored(tree) {
		return "^ and $ stand for the ends of the whole list of communities", `write \\b instead, as in community ~ "\\b64500:"`
	}
	if strings.Contains(re.String(), " ") {
		return "there are no spaces in the list of communities", "leave them out"
	}
	return "", ""
}

func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return true
	}
	for _, sub := range re.Sub {
		if anchored(sub) {
			return true
		}
	}
	return false
}
