//go:build data

package exabgp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anywatch/collector/route"
)

// vector is a message and what ExaBGP makes of it.
type vector struct{ name, hex, json string }

// vectors reads ExaBGP's functional tests: pairs of "1:raw:" and "1:json:" lines, and files of kind, octets and JSON.
func vectors(t *testing.T) (list []vector) {
	t.Helper()
	root := os.Getenv("ANYWATCH_DATA")
	if root == "" {
		t.Fatal("ANYWATCH_DATA is not set; set it to the folder of the test data")
	}
	files, err := filepath.Glob(filepath.Join(root, "bgp-exabgp-qa", "*coding", "*"))
	if err != nil {
		t.Fatal(err)
	}
	api, _ := filepath.Glob(filepath.Join(root, "bgp-exabgp-qa", "api", "*"))
	for _, file := range append(files, api...) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		name := filepath.Base(file)
		if filepath.Base(filepath.Dir(file)) == "decoding" {
			list = append(list, vector{name, lines[1], lines[2]})
			continue
		}
		raw := ""
		for i, line := range lines {
			switch _, rest, _ := strings.Cut(line, ":"); {
			case strings.HasPrefix(line, "#"):
			case strings.HasPrefix(rest, "raw:"):
				raw = strings.ReplaceAll(rest[4:], ":", "")
			case strings.HasPrefix(rest, "json:") && raw != "":
				list = append(list, vector{fmt.Sprintf("%s:%d", name, i+1), raw, rest[5:]})
				raw = ""
			}
		}
	}
	return list
}

// wire decodes the octets of a vector as its session would have.
func (v vector) wire(t *testing.T) (d route.Decoded, update bool) {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "", "\r", "").Replace(v.hex))
	if err != nil {
		t.Fatalf("%s: %v in %q", v.name, err, v.hex)
	}
	if bytes.HasPrefix(b, bytes.Repeat([]byte{0xFF}, 16)) { // some stand without a header
		if b[18] != 2 {
			return d, false
		}
		b = b[19:]
	}
	var enc route.Encoding
	if strings.Contains(v.json, "path-information") {
		enc.AddPath, enc.AddPathLabelled = route.IPv4|route.IPv6, route.IPv4|route.IPv6
	}
	for _, enc.TwoByteAS = range []bool{false, true} {
		if d = route.Decode(b, enc, nil); d.Class == route.Intact {
			break
		}
	}
	return d, true
}

// exceptions are the vectors whose JSON says less than the octets, and why.
var exceptions = map[string]string{
	"conf-prefix-sid.ci:4": "the BGP Prefix-SID attribute (RFC 8669) is told in words",
	"conf-prefix-sid.ci:7": "the BGP Prefix-SID attribute (RFC 8669) is told in words",
	"bgp-ls-1":             "it is the inner part of a line only",
}

// TestDecodesAsItsOctets: what ExaBGP's JSON says of unicast and labelled unicast routes is what their octets say.
func TestDecodesAsItsOctets(t *testing.T) {
	compared, others := 0, 0
	for _, v := range vectors(t) {
		wire, update := v.wire(t)
		if !update {
			others++
			continue
		}
		r := newRig(t, everything())
		r.line(v.json)
		if len(r.malformed) == 0 && len(wire.Updates)+len(r.updates) == 0 {
			others++
			continue
		}
		compared++
		got, want := flat(r.updates), flat(wire.Updates)
		agree := len(r.malformed) == 0 && slices.Equal(got, want)
		switch _, excepted := exceptions[v.name]; {
		case agree && excepted:
			t.Errorf("%s agrees: it is no exception any more", v.name)
		case !agree && !excepted:
			t.Errorf("%s: %v\njson %q\nwire %q (%v)", v.name, r.malformed, got, want, wire.Err)
		}
	}
	if compared != 159 || others != 109 {
		t.Errorf("%d compared, %d of other kinds or families; want 159 and 109", compared, others)
	}
}

// flat writes routes with all that is known of them, in an order of its own.
func flat(updates []route.Update) (out []string) {
	for _, u := range updates {
		for _, n := range u.Withdrawn {
			out = append(out, "-"+name(n))
		}
		for _, n := range u.Announced {
			out = append(out, fmt.Sprintf("+%s %+v", name(n), *u.Attrs))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
