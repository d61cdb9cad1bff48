package config

import (
	"fmt"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"anywatch/collector/route"
)

// Percent is a share in hundredths: 80 is four fifths.
type Percent float64

// String gives "80%".
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// Fraction gives the share of one: 0.8 for 80%.
func (p Percent) Fraction() float64 { return float64(p) / 100 }

// text takes anything, also nothing.
func text(w word) (string, *problem) { return w.text, nil }

// label takes what can be a name: something, on one line.
func label(w word) (string, *problem) {
	if strings.TrimSpace(w.text) == "" || strings.ContainsFunc(w.text, unicode.IsControl) {
		return "", &problem{quote(w.text) + " is not a name", "write a word or a few on one line"}
	}
	return w.text, nil
}

// filled takes any text but an empty one.
func filled(remedy string) parseFunc[string] {
	return func(w word) (string, *problem) {
		if strings.TrimSpace(w.text) == "" {
			return "", &problem{"is empty", remedy}
		}
		return w.text, nil
	}
}

// enum takes one of some words.
func enum[T ~string](words ...T) parseFunc[T] {
	return func(w word) (T, *problem) {
		if slices.Contains(words, T(w.text)) {
			return T(w.text), nil
		}
		names := make([]string, len(words))
		for i, known := range words {
			names[i] = string(known)
		}
		return "", &problem{quote(w.text) + " is not one of the values", "write " + strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]}
	}
}

// number takes a whole number within bounds.
func number(low, high int) parseFunc[int] {
	return func(w word) (int, *problem) {
		remedy := fmt.Sprintf("write a whole number from %d to %d", low, high)
		if high == math.MaxInt32 {
			remedy = fmt.Sprintf("write a whole number, %d or more", low)
		}
		n, err := strconv.Atoi(w.text)
		switch {
		case err == nil && w.quoted:
			return 0, &problem{quote(w.text) + " is text, since it stands in quotes", remedy + ", without quotes"}
		case err != nil || strings.HasPrefix(w.text, "+"):
			return 0, &problem{quote(w.text) + " is not a whole number", remedy}
		case n < low || n > high:
			return 0, &problem{quote(w.text) + " is out of range", remedy}
		}
		return n, nil
	}
}

// atLeast takes a whole number without an upper bound that anyone would meet.
func atLeast(low int) parseFunc[int] { return number(low, math.MaxInt32) }

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// degrees takes a coordinate.
func degrees(limit float64) parseFunc[float64] {
	return func(w word) (float64, *problem) {
		n, err := strconv.ParseFloat(w.text, 64)
		if err != nil || w.quoted || !decimal.MatchString(w.text) || math.Abs(n) > limit {
			return 0, &problem{quote(w.text) + " is not a coordinate", fmt.Sprintf("write degrees from -%g to %g, as 52.37", limit, limit)}
		}
		return n, nil
	}
}

// boolean takes true or false.
func boolean(w word) (bool, *problem) {
	switch {
	case w.quoted:
	case slices.Contains([]string{"true", "True", "TRUE"}, w.text):
		return true, nil
	case slices.Contains([]string{"false", "False", "FALSE"}, w.text):
		return false, nil
	}
	return false, &problem{quote(w.text) + " is neither true nor false", "write true or false, without quotes"}
}

// percent takes 80%, from 0 to 100.
func percent(w word) (Percent, *problem) {
	digits, signed := strings.CutSuffix(w.text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	switch {
	case err != nil || !decimal.MatchString(digits):
		return 0, &problem{quote(w.text) + " is not a percentage", "write 0% to 100%, as 80%"}
	case n < 0 || n > 100:
		return 0, &problem{quote(w.text) + " is out of range", "write 0% to 100%"}
	case !signed:
		return 0, &problem{quote(w.text) + " has no percent sign", "write " + digits + "% if that is meant"}
	}
	return Percent(n), nil
}

// instant takes a time with its zone.
func instant(w word) (time.Time, *problem) {
	t, err := time.Parse(time.RFC3339, w.text)
	if err != nil {
		return time.Time{}, &problem{quote(w.text) + " is not a time", "write date, time and zone (RFC 3339), as 2026-12-01T22:00:00Z"}
	}
	return t, nil
}

// asNumber takes 64500 and AS64500, as found in paths; 0 stands for nobody and is refused.
func asNumber(w word) (route.ASN, *problem) {
	n, err := route.ParseASN(w.text)
	switch {
	case err != nil:
		return 0, &problem{quote(w.text) + " is not an AS number", "write a number from 1 to 4294967294, with or without AS before it: 64500 or AS64500"}
	case n.Reserved():
		return 0, &problem{quote(w.text) + " is reserved and nobody's AS number", "write a number that a network uses"}
	}
	return n, nil
}

// prefix takes a prefix without bits after its length.
func prefix(w word) (netip.Prefix, *problem) {
	p, err := route.ParsePrefix(w.text)
	switch {
	case err == nil:
		return p, nil
	case len(w.text) > longest:
		return p, &problem{quote(w.text) + " is not a prefix", "write an address, a slash and a length, as 192.0.2.0/24 or 2001:db8::/32"}
	}
	what, remedy, _ := strings.Cut(err.Error(), "; ")
	return p, &problem{what, remedy}
}

// prefixOrAddress takes a prefix, or an address as the prefix that holds just it.
func prefixOrAddress(w word) (netip.Prefix, *problem) {
	if a, wrong := address(w); wrong == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if !strings.Contains(w.text, "/") {
		return netip.Prefix{}, &problem{quote(w.text) + " is neither an IP address nor a prefix", "write one, as 192.0.2.1 or 192.0.2.0/24"}
	}
	return prefix(w)
}

// address takes an IP address.
func address(w word) (netip.Addr, *problem) {
	a, err := netip.ParseAddr(w.text)
	switch {
	case err != nil:
		return a, &problem{quote(w.text) + " is not an IP address", "write one, as 192.0.2.1 or 2001:db8::1"}
	case a.Is4In6():
		return a, &problem{quote(w.text) + " maps IPv4 into IPv6", "write " + a.Unmap().String()}
	}
	return a, nil
}

// routerID takes a BGP identifier (RFC 6286): four octets, not all zero, written as an IPv4 address.
func routerID(w word) (netip.Addr, *problem) {
	a, err := netip.ParseAddr(w.text)
	if err != nil || !a.Is4() || a.IsUnspecified() {
		return netip.Addr{}, &problem{quote(w.text) + " is not a router ID", "write one like an IPv4 address, as 192.0.2.250"}
	}
	return a, nil
}

// listen takes an address of this machine with a port; no address, as in :179, is every address.
func listen(w word) (string, *problem) {
	remedy := `write an IP address and a port, as 127.0.0.1:8480 or "[::1]:8480", or ":179" for every address`
	host, port, err := net.SplitHostPort(w.text)
	if err != nil || !isPort(port, 0) {
		return "", &problem{quote(w.text) + " is not an address to listen on", remedy}
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return "", &problem{quote(w.text) + " names no IP address of this machine", remedy}
	}
	return w.text, nil
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$`)

// endpoint takes the address of somebody else: a host or an IP address, and a port.
func endpoint(w word) (string, *problem) {
	host, port, err := net.SplitHostPort(w.text)
	if err != nil || !isPort(port, 1) || !isHost(host) {
		return "", &problem{quote(w.text) + " is not a host with a port", `write both, as 192.0.2.1:3323, cache.example.net:3323 or "[2001:db8::1]:3323"`}
	}
	return w.text, nil
}

// host takes a name or an IP address, with or without a port.
func host(w word) (string, *problem) {
	if _, wrong := endpoint(w); wrong == nil || isHost(w.text) {
		return w.text, nil
	}
	return "", &problem{quote(w.text) + " is not a host", "write a name or an IP address, with or without a port"}
}

// hostOnly takes a name or an IP address, without a port.
func hostOnly(w word) (string, *problem) {
	if isHost(w.text) {
		return w.text, nil
	}
	return "", &problem{quote(w.text) + " is not a host", "write a name or an IP address, without a port"}
}

func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || hostname.MatchString(s)
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least
}

// mailbox takes a mail address.
func mailbox(w word) (string, *problem) {
	if _, err := mail.ParseAddress(w.text); err != nil {
		return "", &problem{quote(w.text) + " is not a mail address", "write one, as noc@example.net"}
	}
	return w.text, nil
}
