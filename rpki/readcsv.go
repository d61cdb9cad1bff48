package rpki

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"anywatch/collector/route"
)

// columns is where in a row the fields stand; -1 is nowhere.
type columns struct{ asn, prefix, max, anchor, expires int }

// headless is the order where no head names the columns: AS, prefix, maxLength and perhaps the trust anchor.
var headless = columns{asn: 0, prefix: 1, max: 2, anchor: 3, expires: -1}

// head reads the first row of Routinator's csv, csvcompat and csvext, of rpki-client's csv and of RIPE's archive; false when it is
// an entry already.
func head(row []string) (columns, bool) {
	at := func(names ...string) int {
		return slices.IndexFunc(row, func(field string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSpace(field), n) })
		})
	}
	c := columns{
		asn: at("ASN"), prefix: at("IP Prefix", "Prefix"), max: at("Max Length", "MaxLength"),
		anchor: at("Trust Anchor", "TA"), expires: at("Expires", "Not After"),
	}
	return c, c.asn >= 0 && c.prefix >= 0
}

func readCSV(r io.Reader, b *Builder, s *Source) error {
	in := csv.NewReader(r)
	in.ReuseRecord, in.FieldsPerRecord, in.TrimLeadingSpace = true, -1, true
	cols, names, known := headless, map[string]string{}, false
	for first := true; ; first = false {
		row, err := in.Read()
		parse := (*csv.ParseError)(nil)
		line := 0
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &parse):
			line, err = parse.Line, parse.Err
		case err != nil:
			return err
		default:
			line, _ = in.FieldPos(0)
			if named, ok := head(row); ok && first {
				cols, known = named, true
				continue
			}
			err = cols.add(row, b, names)
		}
		if err != nil && !known {
			return fmt.Errorf("line %d is neither JSON nor CSV with the columns ASN, IP Prefix, Max Length: %w", line, err)
		}
		known = true
		if err != nil {
			s.Skipped.add("line %d: %v", line, err)
		}
	}
}

// add takes one row.
func (c columns) add(row []string, b *Builder, names map[string]string) error {
	field := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	var v VRP
	var err error
	if v.ASN, err = route.ParseASN(field(c.asn)); err != nil {
		return err
	}
	if v.Prefix, err = netip.ParsePrefix(field(c.prefix)); err != nil {
		return fmt.Errorf("%q is not a prefix", field(c.prefix))
	}
	v.MaxLength = uint8(v.Prefix.Bits())
	if text := field(c.max); text != "" {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			return fmt.Errorf("maxLength %q is not a number from 0 to 128", text)
		}
		v.MaxLength = uint8(n)
	}
	switch anchor := field(c.anchor); anchor {
	case "False": // some dumps say in the fourth column whether the ROA is valid
		return errors.New("its ROA is marked as not valid")
	case "True":
	default:
		name, ok := names[anchor]
		if !ok {
			name = strings.Clone(anchor) // the row is used again
			names[name] = name
		}
		v.TA = name
	}
	if text := field(c.expires); text != "" && text != "N/A" {
		if v.Expires = csvTime(text); v.Expires.IsZero() {
			return fmt.Errorf("%q is not a time of expiry", text)
		}
	}
	return b.Add(v)
}

// csvTime reads what JSON has too, and "2025-03-31 00:00:00" in UTC.
func csvTime(text string) time.Time {
	if at, err := time.Parse(time.DateTime, text); err == nil {
		return at.UTC()
	}
	return timeOf([]byte(text))
}
