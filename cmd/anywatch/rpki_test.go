package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rpkiFiles writes VRPs, an archive whose entries have all expired, one with a bad entry, and exceptions.
func rpkiFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"vrps.json": `{"metadata": {"generated": 1767323045}, "roas": [
			{"asn": "AS64500", "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "x"}, {"asn": 64501, "prefix": "192.0.0.0/16", "maxLength": 24},
			{"asn": 64502, "prefix": "10.0.0.0/8", "maxLength": 8, "expires": 1767300000}],
			"aspas": [{"customer": "AS64500", "providers": ["AS1299"]}]}`,
		"archive.json": `{"metadata": {"buildtime": "2020-01-02T03:04:05Z"}, "roas": [{"asn": 64502, "prefix": "10.0.0.0/8", "maxLength": 8, "expires": 1600000000}],
			"aspas": [{"customer_asid": 64502, "expires": 1600000000, "providers": [1299]}]}`,
		"bad.json":   `{"roas": [{"asn": 1, "prefix": "10.0.0.0/8"}, {"asn": 2, "prefix": "10.0.0.0/33"}]}`,
		"none.json":  `{"roas": []}`,
		"slurm.json": `{"slurmVersion": 1, "validationOutputFilters": {"prefixFilters": [{"asn": 64500}]}, "locallyAddedAssertions": {"prefixAssertions": [{"asn": 64509, "prefix": "198.51.100.0/24"}]}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// askRPKI runs one command; DIR in an argument stands for the directory.
func askRPKI(t *testing.T, dir, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC) }
	cmd := rpkiCommand()
	cmd.ResetCommands()
	cmd.AddCommand(rovCommand(now), aspaCommand(now))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "DIR", dir)
	}
	var out, errs bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

func TestRPKIAnswers(t *testing.T) {
	dir := rpkiFiles(t)
	for args, want := range map[string]string{
		"rov --vrps DIR/vrps.json 192.0.2.0/24 64500":                           "valid\n192.0.2.0/24-24 AS64500\nAS64500 may originate 192.0.2.0/24: 192.0.2.0/24-24 AS64500.\n",
		"rov --vrps DIR/vrps.json 192.0.2.0/24 AS64501":                         "valid\n192.0.0.0/16-24 AS64501\nAS64501 may originate 192.0.2.0/24: 192.0.0.0/16-24 AS64501.\n",
		"rov --vrps DIR/vrps.json 192.0.2.0/25 64500":                           "invalid\n192.0.0.0/16-24 AS64501\n192.0.2.0/24-24 AS64500\nAS64500 may originate a covering prefix, but nothing as specific as 192.0.2.0/25: 192.0.0.0/16-24 AS64501, 192.0.2.0/24-24 AS64500.\n",
		"rov --vrps DIR/vrps.json 192.0.3.0/24 64500":                           "invalid\n192.0.0.0/16-24 AS64501\nAS64500 may not originate 192.0.3.0/24: it is covered by 192.0.0.0/16-24 AS64501.\n",
		"rov --vrps DIR/vrps.json 198.51.100.0/24 64500":                        "not-found\nNo VRP covers 198.51.100.0/24, so RPKI says nothing about who may originate it.\n",
		"rov --vrps DIR/vrps.json 10.0.0.0/8 64502":                             "not-found\nNo VRP covers 10.0.0.0/8, so RPKI says nothing about who may originate it.\n", // it has expired
		"rov --vrps DIR/vrps.json 192.0.2.1/24 64500":                           "valid\n192.0.2.0/24-24 AS64500\nAS64500 may originate 192.0.2.0/24: 192.0.2.0/24-24 AS64500.\n",
		"rov --vrps DIR/none.json 192.0.2.0/24 64500":                           "not-checked\nThere are no VRPs to check 192.0.2.0/24 against.\n",
		"aspa --vrps DIR/vrps.json --direction upstream 1299 64500":             "valid\nEvery step that had to be a step from customer to provider is attested by an ASPA.\n",
		"aspa --vrps DIR/vrps.json --direction upstream AS64999 AS64500":        "invalid\nThe ASPA of AS64500 does not name AS64999 as provider.\n",
		"aspa --vrps DIR/vrps.json --direction downstream 64999 64500":          "valid\nEvery step that had to be a step from customer to provider is attested by an ASPA.\n",
		"aspa --vrps DIR/vrps.json --direction upstream 2914 1299 64500":        "unknown\nNo ASPA tells whether AS2914 is a provider of AS1299.\n",
		"aspa --vrps DIR/vrps.json --direction upstream 1299 {64500,64501}":     "invalid\nThe path has an AS_SET in it, and such a path can't be verified.\n",
		"rov --vrps DIR/vrps.json --slurm DIR/slurm.json 198.51.100.0/24 64509": "valid\n198.51.100.0/24-24 AS64509\nAS64509 may originate 198.51.100.0/24: 198.51.100.0/24-24 AS64509.\n",
		"rov --vrps DIR/none.json --vrps DIR/bad.json 10.0.0.0/8 1":             "valid\n10.0.0.0/8-8 AS1\nAS1 may originate 10.0.0.0/8: 10.0.0.0/8-8 AS1.\n",
		"rov --vrps DIR/archive.json 10.0.0.0/8 64502":                          "valid\n10.0.0.0/8-8 AS64502\nAS64502 may originate 10.0.0.0/8: 10.0.0.0/8-8 AS64502.\n",
		"aspa --vrps DIR/archive.json --direction upstream 1299 64502":          "valid\nEvery step that had to be a step from customer to provider is attested by an ASPA.\n",
	} {
		out, errs, err := askRPKI(t, dir, "", strings.Fields(args)...)
		if err != nil || out != want {
			t.Errorf("%s: %v\n%swant\n%s", args, err, out, want)
		}
		for name, says := range map[string]string{"archive.json": "everything in", "bad.json": `"10.0.0.0/33" is not a prefix`, "192.0.2.1/24": "judged as 192.0.2.0/24"} {
			if strings.Contains(args, name) != strings.Contains(errs, says) {
				t.Errorf("%s: warnings %q", args, errs)
			}
		}
	}
}

func TestRPKIWrongCalls(t *testing.T) {
	dir := rpkiFiles(t)
	for args, says := range map[string]string{
		"":                       "rov or aspa",
		"frobnic":                "frobnic",
		"rov 192.0.2.0/24 64500": "vrps",
		"rov --vrps absent.json 192.0.2.0/24 64500":                   "absent.json",
		"rov --vrps DIR/vrps.json --slurm absent.json 192.0.2.0/24 1": "absent.json",
		"rov --vrps DIR/slurm.json 192.0.2.0/24 1":                    "SLURM",
		"rov --vrps DIR/vrps.json 192.0.2.0/33 64500":                 "192.0.2.0/33",
		"rov --vrps DIR/vrps.json ::ffff:192.0.2.0/120 64500":         "maps IPv4",
		"rov --vrps DIR/vrps.json 192.0.2.0/24 ASx":                   "ASx",
		"rov --vrps DIR/vrps.json 192.0.2.0/24":                       "ORIGIN",
		"rov --vrps DIR/vrps.json 192.0.2.0/24 1 surplus":             "surplus",
		"rov --vrps DIR/vrps.json --batch 192.0.2.0/24":               "192.0.2.0/24",
		"rov --colour":                         "colour",
		"aspa --vrps DIR/vrps.json 1299 64500": "--direction is missing",
		"aspa --vrps DIR/vrps.json --direction sideways 1299 64500": "sideways",
		"aspa --vrps DIR/vrps.json --direction upstream":            "ASes of the path",
		"aspa --vrps DIR/vrps.json --direction upstream 1299 ASx":   "ASx",
		"aspa --vrps DIR/vrps.json --batch --direction sideways":    "sideways",
	} {
		if out, _, err := askRPKI(t, dir, "", strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), says) || out != "" {
			t.Errorf("%s: %v, %q", args, err, out)
		}
	}
}

func TestRPKIBatch(t *testing.T) {
	dir := rpkiFiles(t)
	out, _, err := askRPKI(t, dir, `{"prefix": "192.0.2.0/24", "origin": 64500, "id": 1.50, "x": {"b": [1, "é"]}}

{"origin":"AS64509","state":"old","prefix":"192.0.2.0/24"}
{"prefix": "192.0.2.0/24", "origin": [64500, 64501]}
{"prefix": "198.51.100.0/24", "origin": 0}
{"prefix": "192.0.2.0/23", "origin": 64501}
{"prefix": "192.0.2.1/23", "origin": 64501}`, "rov", "--vrps", "DIR/vrps.json", "--batch")
	want := `{"prefix": "192.0.2.0/24", "origin": 64500, "id": 1.50, "x": {"b": [1, "é"]}, "state": "valid"}
{"origin": "AS64509", "prefix": "192.0.2.0/24", "state": "invalid"}
{"prefix": "192.0.2.0/24", "origin": [64500, 64501], "state": "invalid"}
{"prefix": "198.51.100.0/24", "origin": 0, "state": "not-found"}
{"prefix": "192.0.2.0/23", "origin": 64501, "state": "valid"}
{"prefix": "192.0.2.1/23", "origin": 64501, "state": "valid"}
`
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = askRPKI(t, dir, `{"path": [1299, 64500], "direction": "upstream"}
{"path": ["AS64999", 64500]}
{"path": [1299, [64500, 64501]], "direction": "downstream"}
{"path": [], "direction": "downstream"}
{"path": [7, 1299, 1299, 64500], "direction": "upstream"}
`, "aspa", "--vrps", "DIR/vrps.json", "--batch", "--direction", "upstream")
	want = `{"path": [1299, 64500], "direction": "upstream", "state": "valid"}
{"path": ["AS64999", 64500], "state": "invalid"}
{"path": [1299, [64500, 64501]], "direction": "downstream", "state": "invalid"}
{"path": [], "direction": "downstream", "state": "invalid"}
{"path": [7, 1299, 1299, 64500], "direction": "upstream", "state": "unknown"}
`
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// A bad line is named, and the others are answered.
func TestRPKIBatchBadLines(t *testing.T) {
	dir := rpkiFiles(t)
	good := `{"prefix": "192.0.2.0/24", "origin": 64500}`
	for line, says := range map[string]string{
		`{"prefix": "192.0.2.0/33", "origin": 64500}`:      "192.0.2.0/33",
		`{"prefix": "192.0.2.0/24", "origin": 4294967296}`: "4294967296",
		`{"prefix": "192.0.2.0/24", "origin": "ASx"}`:      "ASx",
		`{"prefix": "192.0.2.0/24", "origin": null}`:       "origin is null",
		`{"prefix": "192.0.2.0/24", "origin": []}`:         "AS_SET",
		`{"prefix": "192.0.2.0/24"}`:                       `"origin": 64500 is missing`,
		`{"origin": 64500}`:                                `"prefix": "192.0.2.0/24" is missing`,
		`{"prefix": 7, "origin": 64500}`:                   "prefix is 7",
		`{"prefix": "192.0.2.0/24", "origin": 64500`:       "not a JSON object",
		`{"prefix": "192.0.2.0/24", "origin": 64500} {}`:   "follows",
		`["192.0.2.0/24", 64500]`:                          "does not begin with {",
		`null`:                                             "does not begin with {",
		`x`:                                                "not a JSON object",
	} {
		out, _, err := askRPKI(t, dir, good+"\n"+line+"\n"+good+"\n", "rov", "--vrps", "DIR/vrps.json", "--batch")
		if err == nil || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", line, err)
		}
		if strings.Count(out, `"state": "valid"`) != 2 {
			t.Errorf("%s: the others are not answered: %s", line, out)
		}
	}
	for line, says := range map[string]string{
		`{"path": [1, 2]}`:                               `"direction": "upstream" is missing`,
		`{"path": [1, 2], "direction": "sideways"}`:      "sideways",
		`{"path": [1, [null]], "direction": "upstream"}`: "path is",
		`{"path": [[]], "direction": "upstream"}`:        "AS_SET",
		`{"direction": "upstream"}`:                      `"path": [3356, 64500] is missing`,
	} {
		if _, _, err := askRPKI(t, dir, line, "aspa", "--vrps", "DIR/vrps.json", "--batch"); err == nil || !strings.Contains(err.Error(), "line 1: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", line, err)
		}
	}
	_, _, err := askRPKI(t, dir, strings.Repeat("x\n", 25), "rov", "--vrps", "DIR/vrps.json", "--batch")
	if err == nil || !strings.Contains(err.Error(), "line 10: ") || strings.Contains(err.Error(), "line 11: ") || !strings.Contains(err.Error(), "15 bad lines more") {
		t.Errorf("%v", err)
	}
}
