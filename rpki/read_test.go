package rpki

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"anywatch/collector/route"

	"github.com/klauspost/compress/zstd"
)

func parse(tb testing.TB, text string) (Source, error) {
	tb.Helper()
	return Read(strings.NewReader(text), "vrps.json")
}

func TestDialects(t *testing.T) {
	want := []string{"192.0.2.0/24-25 AS64500 ripe", "2001:db8::/32-32 AS64501 ripe"}
	for name, text := range map[string]string{
		"rpki-client": `{"metadata": {"buildtime": "2026-01-02T03:04:05Z", "roas": 2, "talfiles": ["a"]},
			"roas": [{"asn": 64500, "prefix": "192.0.2.0/24", "maxLength": 25, "ta": "ripe", "expires": 1800000000},
			         {"asn": 64501, "prefix": "2001:DB8::/32", "maxLength": 32, "ta": "ripe", "expires": 1800000000}],
			"bgpsec_keys": [{"asn": 1, "ski": "00"}], "aspas": [{"customer_asid": 64500, "expires": 1800000000, "providers": [2, 1]}]}`,
		"Routinator": `{"metadata": {"generated": 1767323045, "generatedTime": "2026-01-02T03:04:05Z"},
			"roas": [{"asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 25, "ta": "ripe"},
			         {"asn": "AS64501", "prefix": "2001:db8::/32", "maxLength": 32, "ta": "ripe"}],
			"routerKeys": [], "aspas": [{"customer": "AS64500", "providers": ["AS1", "AS2"], "ta": "ripe"}]}`,
		"Routinator jsonext": `{"metadata": {"generated": 1767323045},
			"roas": [{"asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 25, "source": [{"type": "roa", "uri": "rsync://x", "tal": "ripe",
			   "validity": {"notBefore": "2020-01-01T00:00:00Z", "notAfter": "2030-01-01T00:00:00Z"},
			   "chainValidity": {"notBefore": "2020-01-01T00:00:00Z", "notAfter": "2027-01-15T08:00:00Z"}, "stale": "2028-01-01T00:00:00Z"}]},
			         {"asn": "AS64501", "prefix": "2001:db8::/32", "maxLength": 32, "source": [{"type": "roa", "tal": "ripe"}]}],
			"aspas": [{"customer": "AS64500", "providers": ["AS1", "AS2"], "source": [{"type": "exception", "path": null}]}]}`,
		"after the list": `{"aspas": [{"customer": 64500, "providers": [1]}, {"customer": 64500, "providers": [2]}],
			"roas": [{"ta": "ripe", "prefix": "192.0.2.0\/24", "maxLength": "25", "asn": "64500", "comment": {"x": [1, {}, "]"]}},
			         {"asn": "as64501", "prefix": "2001:db8::/32", "maxLength": null, "ta": "ripe"}],
			"metadata": {"generated": 1767323045}}`,
		"bare list": `[{"asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 25, "ta": "ripe"}, {"asn": 64501, "prefix": "2001:db8::/32", "ta": "ripe"}]`,
		"csv":       "ASN,IP Prefix,Max Length,Trust Anchor\nAS64500,192.0.2.0/24,25,ripe\nAS64501,2001:db8::/32,32,ripe\n",
		"csvcompat": "\"ASN\",\"IP Prefix\",\"Max Length\",\"Trust Anchor\"\r\n\"64500\",\"192.0.2.0/24\",\"25\",\"ripe\"\r\n\"64501\",\"2001:db8::/32\",\"32\",\"ripe\"\r\n",
		"rpki-client csv": "ASN,IP Prefix,Max Length,Trust Anchor,Expires\nAS64500,192.0.2.0/24,25,ripe,1800000000\n" +
			"AS64501,2001:db8::/32,32,ripe,1800000000\n",
		"without a head":  "64500,192.0.2.0/24,25,ripe\n64501,2001:db8::/32,,ripe\n",
		"byte order mark": "\xef\xbb\xbf [{\"asn\":64500,\"prefix\":\"192.0.2.0/24\",\"maxLength\":25,\"ta\":\"ripe\"},\n{\"asn\":64501,\"prefix\":\"2001:db8::/32\",\"ta\":\"ripe\"}]",
	} {
		s, err := parse(t, text)
		if err != nil || s.Skipped.Count > 0 {
			t.Errorf("%s: %v, skipped %v", name, err, s.Skipped)
			continue
		}
		if got := texts(slices.Collect(s.Set.All())); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if strings.Contains(text, "metadata") && s.Generated.Unix() != 1767323045 {
			t.Errorf("%s: generated %s", name, s.Generated)
		}
		if strings.Contains(text, "aspas") {
			if a, _ := s.Set.ASPA(64500); !slices.Equal(a.Providers, []route.ASN{1, 2}) {
				t.Errorf("%s: ASPAs %v", name, s.Set.ASPAs())
			}
		}
		first := slices.Collect(s.Set.All())[0].Expires
		if has := strings.Contains(text, "1800000000") || strings.Contains(text, "2027-01-15T08:00:00Z"); has != (first.Unix() == 1800000000) {
			t.Errorf("%s: expires %s", name, first)
		}
	}
}

// Of several objects that assert a VRP, the last to expire counts.
func TestExtendedSources(t *testing.T) {
	s, err := parse(t, `{"roas": [
		{"asn": 1, "prefix": "10.0.0.0/8", "source": [{"tal": "a", "stale": "2027-01-15T08:00:00Z"}, {"tal": "a", "stale": "2026-01-15T08:00:00Z"}]},
		{"asn": 1, "prefix": "11.0.0.0/8", "source": [{"tal": "a", "stale": "2027-01-15T08:00:00Z"}, {"type": "exception"}]},
		{"asn": 1, "prefix": "12.0.0.0/8", "source": null}]}`)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(s.Set.All())
	if len(all) != 3 || all[0].Expires.Unix() != 1800000000 || !all[1].Expires.IsZero() || !all[2].Expires.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestEmptySets(t *testing.T) {
	for _, text := range []string{`{"roas": []}`, `{"roas": null}`, `[]`, `{"metadata": {"generated": 0, "generatedTime": "1970-01-01T00:00:00Z"}}`,
		"ASN,IP Prefix,Max Length,Trust Anchor\n", `{"aspas": []}`} {
		if s, err := parse(t, text); err != nil || s.Set.Len() != 0 || s.Skipped.Count != 0 || !s.Generated.IsZero() {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
}

// One bad entry is counted and told, and costs none of the others.
func TestBadEntries(t *testing.T) {
	for entry, says := range map[string]string{
		`{"asn": 1, "prefix": "192.0.2.0/33"}`:                        `"192.0.2.0/33" is not a prefix`,
		`{"asn": 1, "prefix": "192.0.2.1/24"}`:                        "192.0.2.0/24 would be right",
		`{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 23}`:       "shorter",
		`{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 33}`:       "32 bits",
		`{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": 256}`:      `"256" is not a number`,
		`{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": -1}`:       `"-1" is not a number`,
		`{"asn": 1, "prefix": "192.0.2.0/24", "maxLength": []}`:       "is not a number",
		`{"asn": "ASx", "prefix": "192.0.2.0/24"}`:                    `"ASx"`,
		`{"asn": 4294967296, "prefix": "192.0.2.0/24"}`:               `"4294967296"`,
		`{"asn": 1.10, "prefix": "192.0.2.0/24"}`:                     "1.10 is not an AS number",
		`{"asn": {"n": 1}, "prefix": "192.0.2.0/24"}`:                 "AS number",
		`{"asn": null, "prefix": "192.0.2.0/24"}`:                     "AS number",
		`{"prefix": "192.0.2.0/24"}`:                                  "names no AS",
		`{"asn": 1}`:                                                  "no prefix",
		`{"asn": 1, "prefix": "192.0.2.0/24", "expires": "tomorrow"}`: `"tomorrow"`,
		`{"asn": 1, "prefix": "192.0.2.0/24", "expires": 1e9}`:        `"1e9"`,
		`{"asn": 1, "prefix": "::ffff:192.0.2.0/120"}`:                "maps IPv4",
		`7`:                                      "not an object",
		`[{"asn": 1, "prefix": "192.0.2.0/24"}]`: "not an object",
	} {
		s, err := parse(t, "{\"roas\": [{\"asn\": 1, \"prefix\": \"10.0.0.0/8\"},\n"+entry+",\n{\"asn\": 2, \"prefix\": \"11.0.0.0/8\"}]}")
		if err != nil {
			t.Errorf("%s: %v", entry, err)
			continue
		}
		if s.Set.Len() != 2 || s.Skipped.Count != 1 || !strings.Contains(s.Skipped.First[0], says) || !strings.Contains(s.Skipped.First[0], "line 2: roas[1]: ") {
			t.Errorf("%s: %d VRPs, skipped %v", entry, s.Set.Len(), s.Skipped)
		}
	}
	s, err := parse(t, `{"aspas": [{"customer": 1, "providers": []}, {"customer": 2, "providers": 3}, {"customer": 0, "providers": [1]}, {"providers": [1]},
		{"customer": 4, "providers": ["x"]}, {"customer": 5, "providers": [0]}]}`)
	if err != nil || s.Skipped.Count != 5 || len(s.Set.ASPAs()) != 1 {
		t.Errorf("%v, skipped %v, ASPAs %v", err, s.Skipped, s.Set.ASPAs())
	}
	s, err = parse(t, "ASN,IP Prefix,Max Length,Trust Anchor\nAS1,10.0.0.0/8,8,a\nAS1,10.0.0.0/33,8,a\nASx,10.0.0.0/8,8,a\nAS1,10.0.0.0/8,7,a\nAS1,11.0.0.0/8,x,a\n\"AS1,\n")
	if err != nil || s.Skipped.Count != 5 || s.Set.Len() != 1 || !strings.Contains(s.Skipped.First[0], "line 3: ") {
		t.Errorf("%v, skipped %v, %d VRPs", err, s.Skipped, s.Set.Len())
	}
	s, err = parse(t, "16079,194.209.159.0/24,24,True\n1,10.0.0.0/8,8,False\n")
	if err != nil || s.Set.Len() != 1 || s.Skipped.Count != 1 {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestManyBadEntries(t *testing.T) {
	text := `[{"asn": 1, "prefix": "10.0.0.0/8"}` + strings.Repeat(`, {"asn": 1}`, 5000) + `]`
	s, err := parse(t, text)
	if err != nil || s.Skipped.Count != 5000 || len(s.Skipped.First) != skippedShown {
		t.Errorf("%v, %d skipped, %d told", err, s.Skipped.Count, len(s.Skipped.First))
	}
}

// A file that is not what it should be as a whole is refused, so that what was loaded before stays.
func TestUnreadable(t *testing.T) {
	for text, says := range map[string]string{
		"":     "is empty",
		" \n ": "is empty",
		`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}, {"asn"`:      "cut off",
		`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}`:              "cut off",
		`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}]`:             "cut off",
		`{"roas": [{"asn": 1, "prefix": "10.0.`:                     "cut off",
		"{\"roas\": [\n{\"asn\": 1,\n \"prefix\" \"10.0.0.0/8\"}]}": "line 3 (offset 32)",
		`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}],}`:           "should stand",
		`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"},]}`:           "",
		`{"roas": [{"asn": 01, "prefix": "10.0.0.0/8"}]}`:           `"01" is no value`,
		`{"roas": [{"asn": 1, "prefix": nil}]}`:                     `"nil" is no value`,
		`{"roas": []} x`:                                            "follows after the end",
		`{"roas": {}}`:                                              "",
		`{"roas": [{"asn": 1}]}`:                                    "none of its 1 entries can be used",
		`{"routes": []}`:                                            "no roas and no aspas",
		`{}`:                                                        "no roas and no aspas",
		`{"slurmVersion": 1}`:                                       "SLURM",
		"roa-set {\n10.0.0.0/8 source-as 1}":                        "neither JSON nor CSV",
		"<html>":                                                    "neither JSON nor CSV",
		"{\"roas\": [{\"asn\": \"1\n\"}]}":                          "quotation mark",
		`{"roas": [{"asn": "\q"}]}`:                                 "escape",
		`{"roas": [], "x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}": "nested",
		`{"roas": [], "x": "` + strings.Repeat("a", scanLongest+1) + `"}`:                "longer than",
	} {
		_, err := parse(t, text)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "vrps.json: ") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	if _, err := Read(iotest.ErrReader(errors.New("disk on fire")), "x"); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("%v", err)
	}
	cut := io.MultiReader(strings.NewReader(`{"roas": [`), iotest.ErrReader(errors.New("disk on fire")))
	if _, err := Read(cut, "x"); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("%v", err)
	}
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadFile(t *testing.T) {
	plain := []byte(`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}]}`)
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Write(plain)
	w.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(plain)
	z.Close()
	for name, text := range map[string][]byte{"plain": plain, "gz": gz.Bytes(), "zst": zst.Bytes()} {
		file := write(t, "vrps."+name, text)
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		s, err := ReadFile(file)
		if err != nil || s.Set.Len() != 1 || !s.Generated.Equal(at) || s.Name != file {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	cut := write(t, "cut.gz", gz.Bytes()[:len(gz.Bytes())-6])
	if _, err := ReadFile(cut); err == nil || !strings.Contains(err.Error(), cut) {
		t.Errorf("cut off: %v", err)
	}
	if _, err := ReadFile("absent.json"); err == nil || !strings.Contains(err.Error(), "absent.json") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestLoad(t *testing.T) {
	a := write(t, "a.json", []byte(`{"roas": [{"asn": 1, "prefix": "10.0.0.0/8", "expires": 1000}, {"asn": 2, "prefix": "10.0.0.0/8"}]}`))
	b := write(t, "b.json", []byte(`[{"asn": 3, "prefix": "10.0.0.0/8"}]`))
	x := write(t, "x.json", []byte(`{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [{"asn": 3}]},
		"locallyAddedAssertions": {"prefixAssertions": [{"asn": 4, "prefix": "10.0.0.0/8"}]}}`))
	tab, err := Load([]string{a, b}, x, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, tab.Set(), "10.0.0.0/8-8 AS1", "10.0.0.0/8-8 AS2", "10.0.0.0/8-8 AS4 slurm")
	if tab, err = Load([]string{a, b}, "", time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	holds(t, tab.Set(), "10.0.0.0/8-8 AS2", "10.0.0.0/8-8 AS3")
	for _, names := range [][]string{{a, "absent.json", ""}, {a, b, "absent.slurm"}} {
		if _, err := Load(names[:2], names[2], time.Time{}); err == nil || !strings.Contains(err.Error(), "absent.") {
			t.Errorf("%v: %v", names, err)
		}
	}
}

// plainly reads a list of entries with encoding/json: slow, and obviously right. It gives up on what is not the simplest form.
func plainly(text []byte) (map[string]bool, bool) {
	var list []map[string]json.RawMessage
	if !utf8.Valid(text) || json.Unmarshal(text, &list) != nil {
		return nil, false
	}
	out := map[string]bool{}
	for _, e := range list {
		var asn, most *uint32
		var prefix, anchor string
		for key, to := range map[string]any{"asn": &asn, "prefix": &prefix, "maxLength": &most, "ta": &anchor} {
			if raw, ok := e[key]; ok && (string(raw) == "null" || json.Unmarshal(raw, to) != nil) {
				return nil, false
			}
			delete(e, key)
		}
		p, err := netip.ParsePrefix(prefix)
		if err != nil || asn == nil || e["source"] != nil || e["expires"] != nil || e["maxPrefixLength"] != nil {
			return nil, false
		}
		v := VRP{Prefix: p, MaxLength: uint8(p.Bits()), ASN: route.ASN(*asn), TA: anchor}
		if most != nil {
			v.MaxLength = uint8(min(*most, 255))
		}
		if v.Check() != nil {
			return nil, false
		}
		out[fmt.Sprintf("%s %q", v, v.TA)] = true
	}
	return out, true
}

// FuzzRead feeds any text: nothing may panic, and what encoding/json reads as a list of good entries must come out the same, whole
// or in pieces of one octet.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`[{"asn": 1, "prefix": "10.0.0.0/8", "maxLength": 9, "ta": "a"}, {"asn": 4294967295, "prefix": "2001:db8::/32", "x": [{"y": null}]}]`,
		`[{"asn": 1, "prefix": "10.0.0.0\/8", "ta": "\u00e4\"\\"}]`, `[]`, `{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}], "aspas": [{"customer": 1, "providers": [2]}]}`,
		`{"metadata": {"generated": 5}, "slurmVersion": 1}`, "ASN,IP Prefix,Max Length,Trust Anchor\nAS1,10.0.0.0/8,8,a\n", "1,10.0.0.0/8,8\n\"", "[{\"asn\": 1e", "\x1f\x8b\x08",
		`{"roas": [{"asn": "AS1", "prefix": "10.0.0.0/8", "source": [{"tal": "x", "validity": {"notAfter": "2030-01-01T00:00:00Z"}}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Read(bytes.NewReader(text), "fuzz")
		slow, slowErr := Read(iotest.OneByteReader(bytes.NewReader(text)), "fuzz")
		if fmt.Sprint(err) != fmt.Sprint(slowErr) || err == nil && !s.Set.Equal(slow.Set) {
			t.Fatalf("in pieces it reads otherwise: %v, %v", err, slowErr)
		}
		want, ok := plainly(text)
		if !ok {
			return
		}
		if err != nil {
			t.Fatalf("encoding/json reads %v, and this does not: %v", want, err)
		}
		for v := range s.Set.All() {
			delete(want, fmt.Sprintf("%s %q", v, v.TA))
		}
		if len(want) > 0 {
			t.Fatalf("%v are missing", want)
		}
	})
}
