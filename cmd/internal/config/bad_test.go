package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the faults found into testdata/bad/*.txt, to be read before they are committed")

// Each file of testdata/bad gives exactly the messages that stand beside it, one a line.
func TestBadFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d fixtures: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			got := faultsOf(t, path)
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.Error()+"\n" != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got.Error(), want)
			}
		})
	}
}

// In the fixtures, `# fault: KEY` marks each line that must be named together with that word. No other line may be accused.
func TestFaultsAccuseTheMarkedLines(t *testing.T) {
	mark := regexp.MustCompile(`# fault: (.+?)\s*$`)
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		marks := map[int]string{}
		for i, line := range strings.Split(string(data), "\n") {
			if m := mark.FindStringSubmatch(line); m != nil {
				marks[i+1] = m[1]
			}
		}
		if len(marks) == 0 {
			continue
		}
		faults := faultsOf(t, path)
		for _, f := range faults {
			if _, ok := marks[f.Line]; !ok {
				t.Errorf("a right line is accused: %s", f)
			}
		}
		for line, key := range marks {
			if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Line == line && strings.Contains(f.String(), key) }) {
				t.Errorf("%s:%d is not named together with %s", path, line, key)
			}
		}
	}
}

// Every message is one line of the form that is promised, sorted, and shows no secret.
func TestFormOfFaults(t *testing.T) {
	form := regexp.MustCompile(`^[^:]+\.yaml(:\d+:\d+: \S.*)?: .+; .+$`)
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range files {
		before := 0
		for _, f := range faultsOf(t, path) {
			text := f.String()
			if !form.MatchString(text) || strings.ContainsAny(text, "\n\r\t") {
				t.Errorf("not of the form FILE:LINE:COLUMN: KEY: what is wrong; what would be right: %q", text)
			}
			if strings.Contains(text, "sEcReT") {
				t.Errorf("shows a secret: %s", text)
			}
			if f.Line < before {
				t.Errorf("line %d comes after line %d", f.Line, before)
			}
			before = f.Line
		}
	}
}

func faultsOf(t *testing.T, path string) Faults {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(filepath.Base(path), data, filepath.Dir(path))
	faults, ok := err.(Faults)
	if !ok || len(faults) == 0 {
		t.Fatalf("%s: the error is %v, expected faults", path, err)
	}
	return faults
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "absent.yaml"), "there is no such file; name a configuration file that exists"},
		{dir, "is a directory; name the configuration file in it"},
	} {
		_, err := Load(c.path)
		if want := c.path + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestFaultIsOneLineForLongAndOddValues(t *testing.T) {
	text := "asns: [64500]\nprefixes: [{prefix: \"" + strings.Repeat("x", 5000) + "\\n\"}]\n\"a\\nb\": 1\n"
	_, err := Parse("f.yaml", []byte(text), ".")
	faults, _ := err.(Faults)
	if len(faults) != 2 {
		t.Fatalf("%v", err)
	}
	for _, f := range faults {
		if s := f.String(); len(s) > 600 || strings.Contains(s, "\n") {
			t.Errorf("%d octets: %s", len(s), strconv.Quote(s))
		}
	}
}
