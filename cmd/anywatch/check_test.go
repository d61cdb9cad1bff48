package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anywatch/cmd/internal/config"
)

// check runs the command on a configuration, and gives what it writes and returns.
func check(t *testing.T, text string, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anywatch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := checkCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(append([]string{"-c", path}, flags...))
	err = cmd.Execute()
	return strings.ReplaceAll(out.String(), path, "FILE"), strings.ReplaceAll(errs.String(), path, "FILE"), err
}

const rightConfig = `asns: [64500]
prefixes:
  - {prefix: 192.0.2.0/24, announced: never}
sites: [{name: ams}]
sources:
  bgp: {listen: [127.0.0.1:1790], neighbors: [{address: 10.0.0.1, asn: 64500}]}
  bmp: {listen: [127.0.0.1:11019]}
rpki: {caches: [{address: 127.0.0.1:3323}]}
alerts: {sinks: [{name: log, file: {path: alerts.jsonl}}]}
store: {url: "postgres://anywatch:hunter2@db.example.net/anywatch"}
`

func TestCheckSaysWhatIsWatched(t *testing.T) {
	stdout, stderr, err := check(t, rightConfig)
	if err != nil || stderr != "" {
		t.Fatalf("%v, standard error: %s", err, stderr)
	}
	want := `FILE is right: 1 prefix, 1 site
  sources  BGP on 127.0.0.1:1790 with 1 neighbor
           BMP on 127.0.0.1:11019 from anywhere
  rpki     cache 127.0.0.1:3323 (tcp)
  sinks    log (file)
  web      127.0.0.1:8480
`
	if !strings.HasPrefix(stdout, want) {
		t.Errorf("got:\n%s\nexpected:\n%s", stdout, want)
	}
}

// What does nothing yet is said beside the summary, and with --print where it doesn't disturb the YAML.
func TestCheckNamesKeysThatDoNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "anywatch.yaml")
	cfg, err := config.Parse(file, []byte(rightConfig), ".")
	if err != nil {
		t.Fatal(err)
	}
	notices := config.Unused(cfg)
	plain, _, _ := check(t, rightConfig)
	yaml, beside, _ := check(t, rightConfig, "--print")
	for _, n := range notices {
		for where, text := range map[string]string{"the summary": plain, "standard error of --print": beside} {
			if !strings.Contains(text, n.Key+": "+n.Text) {
				t.Errorf("%s doesn't speak of %s:\n%s", where, n.Key, text)
			}
		}
	}
	if (len(notices) == 0) != (beside == "") {
		t.Errorf("%d notices, and on standard error: %s", len(notices), beside)
	}
	if _, err := config.Parse("printed", []byte(strings.ReplaceAll(yaml, "<hidden>", "x")), "."); err != nil {
		t.Errorf("what --print writes to standard output is no configuration: %v\n%s", err, yaml)
	}
	if strings.Contains(yaml+beside+plain, "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestCheckReturnsEveryFault(t *testing.T) {
	stdout, stderr, err := check(t, "asns: [house]\nprefixes: [{prefix: 192.0.2.1/24}]\n")
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("%v", err)
	}
	if stdout+stderr != "" {
		t.Errorf("it writes besides: %s%s", stdout, stderr)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "anywatch.yaml:1:8: asns[0]: ") || !strings.Contains(lines[1], "anywatch.yaml:2:21: prefixes[0].prefix: ") {
		t.Errorf("%s", err)
	}
}

func TestCheckNamesAnAbsentFile(t *testing.T) {
	cmd := checkCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{"-c", filepath.Join(t.TempDir(), "absent.yaml")})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "absent.yaml: there is no such file") {
		t.Errorf("%v", err)
	}
}
