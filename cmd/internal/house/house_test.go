// Package house keeps the arrangement of the packages true: who may know whom, and that each says what it is for.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const root, module = "../../..", "anywatch"

// room gives the room of a package: its first folder, or its whole name for collector/route and collector/screen, which are below all others.
func room(pkg string) string {
	if pkg == "collector/route" || pkg == "collector/screen" {
		return pkg
	}
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// may says which rooms a room may import besides itself: cmd → alerts → detector → {collector, rpki, rules} → collector/route.
var may = map[string][]string{
	"cmd":              {"alerts", "detector", "collector", "rpki", "rules", "collector/route", "collector/screen"},
	"alerts":           {"detector", "collector/route"},
	"detector":         {"collector", "rpki", "rules", "collector/route"},
	"collector":        {"collector/route", "collector/screen"},
	"collector/screen": {"collector/route"},
	"collector/route":  {},
	"rpki":             {"collector/route"},
	"rules":            {"collector/route"},
	"bench":            {"collector", "rpki", "collector/route", "collector/screen"}, // it measures; nobody imports it
}

// implementations are the ways of doing one thing: they do not know each other. The archive reads files of several formats, and so knows
// those it reads; OpenBMP is BMP in a bag.
var implementations = map[string][]string{
	"collector/bgp": nil, "collector/bmp": nil, "collector/mrt": nil, "collector/rislive": nil,
	"collector/exabgp": nil, "collector/openbmp": {"collector/bmp"},
	"collector/archive": {"collector/mrt", "collector/rislive", "collector/bmp", "collector/exabgp", "collector/openbmp"},
	"alerts/terminal":   nil, "alerts/file": nil, "alerts/webhook": nil, "alerts/slack": nil,
}

type pkg struct {
	name    string
	doc     bool
	imports map[string]string // a package of ours → the file that imports it
}

// packages reads what every package imports, its tests left out.
func packages(t *testing.T) map[string]*pkg {
	all := make(map[string]*pkg)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root || d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		add(t, all, file, f)
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("no packages: %v", err)
	}
	return all
}

func add(t *testing.T, all map[string]*pkg, file string, f *ast.File) {
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.ToSlash(rel)
	p := all[name]
	if p == nil {
		p = &pkg{name: name, imports: make(map[string]string)}
		all[name] = p
	}
	p.doc = p.doc || f.Doc != nil
	for _, i := range f.Imports {
		full, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ours, ok := strings.CutPrefix(full, module+"/"); ok {
			p.imports[ours] = file
		}
	}
}

// TestArrows: imports point one way.
func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		for imported, file := range p.imports {
			from, to := room(p.name), room(imported)
			if from != to && !contains(may[from], to) {
				t.Errorf("%s imports %s: %s may know %v only", file, imported, from, may[from])
			}
			if _, one := implementations[p.name]; !one {
				continue
			}
			if _, other := implementations[imported]; other && !contains(implementations[p.name], imported) {
				t.Errorf("%s imports %s: implementations do not know each other", file, imported)
			}
		}
	}
}

// TestOnlyAppKnowsAll: the parts of cmd do not know each other, but for the app, and the commands themselves.
func TestOnlyAppKnowsAll(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.name, "cmd/internal/") || p.name == "cmd/internal/app" {
			continue
		}
		for imported, file := range p.imports {
			if strings.HasPrefix(imported, "cmd/internal/") && path.Dir(imported) != p.name {
				t.Errorf("%s imports %s: only the app knows the other parts", file, imported)
			}
		}
	}
}

// TestEveryPackageSaysWhatItIsFor: a package has a doc comment.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for name, p := range packages(t) {
		if !p.doc {
			t.Errorf("%s has no package comment", name)
		}
	}
}

// TestSmallMain: main is a sentence.
func TestSmallMain(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "cmd/anywatch/main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n >= 50 {
		t.Errorf("main.go has %d lines: it is a sentence", n)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
