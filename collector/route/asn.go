package route

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ASN is an autonomous system number, 2 or 4 octets wide on the wire (RFC 6793).
type ASN uint32

// Reserved AS numbers that are never somebody's own.
const (
	// ASZero must not appear in an AS_PATH (RFC 7607) and says "nobody" in a ROA (RFC 6483 section 4).
	ASZero ASN = 0
	// ASTrans stands for a 4-octet AS number towards a speaker of 2-octet numbers (RFC 6793 section 9).
	ASTrans ASN = 23456
)

var errASN = errors.New("an AS number is a number from 0 to 4294967295, with or without AS before it: 64500 or AS64500")

// ParseASN reads 64500, AS64500, as64500 and the asdot form 1.10 (RFC 5396). The error says what would be right.
func ParseASN(s string) (ASN, error) {
	digits := s
	if len(s) > 2 && strings.EqualFold(s[:2], "AS") {
		digits = s[2:]
	}
	if high, low, dotted := strings.Cut(digits, "."); dotted {
		h, errHigh := parseDecimal(high, math.MaxUint16)
		l, errLow := parseDecimal(low, math.MaxUint16)
		if errHigh != nil || errLow != nil {
			return 0, fmt.Errorf("%q: %w", s, errASN)
		}
		return ASN(h<<16 | l), nil
	}
	n, err := parseDecimal(digits, math.MaxUint32)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, errASN)
	}
	return ASN(n), nil
}

// parseDecimal refuses what strconv lets through: signs, underscores, an empty text.
func parseDecimal(s string, limit uint64) (uint64, error) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, errASN
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > limit {
		return 0, errASN
	}
	return n, nil
}

// String gives "AS64500".
func (a ASN) String() string { return "AS" + strconv.FormatUint(uint64(a), 10) }

// Reserved tells that no network may use the number in the global routing system: 0, 23456 (AS_TRANS), 65535 and 4294967295
// (RFC 7300). Private and documentation numbers are not reserved in this sense: networks use them inside.
func (a ASN) Reserved() bool {
	return a == ASZero || a == ASTrans || a == 65535 || a == math.MaxUint32
}
