package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what came out into testdata/script/*.txtar, to be read before it is committed")

// TestMain lets the scripts run anywatch: this binary under another name.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"anywatch": main}) }

// TestScripts runs testdata/script/*.txtar: the command line as a user has it. Besides what testscript offers, a script can say
//
//	status N COMMAND…       the command ends with this exit status
//	mrt FILE LINES          write an MRT file of these moments (capture_test.go has their form)
//	bmp FILE LINES          write a BMP stream of them
//	gz FILE, zst FILE       pack a file, as FILE.gz or FILE.zst
//	cut FILE N              take the last N octets off a file
//	fill FILE               replace $NAME in a file by the variable
//	untimed FILE            set "seconds" in a file to 0: the only thing that may differ between two replays
//	receive NAME FILE N     take webhooks until the script ends, a line of FILE for each, and answer with status N; the URL is in the variable
//	occupy NAME             listen on a port of 127.0.0.1 until the script ends; the address is in the variable
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Deadline: time.Now().Add(2 * patience), // whatever a script starts ends long before
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  statusCmd,
			"mrt":     captureCmd(mrtCapture),
			"bmp":     captureCmd(bmpCapture),
			"gz":      packCmd(".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
			"zst":     packCmd(".zst", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
			"cut":     cutCmd,
			"fill":    fillCmd,
			"untimed": untimedCmd,
			"receive": receiveCmd,
			"occupy":  occupyCmd,
		},
	})
}

// needs stops a script that calls a command of ours in a wrong way.
func needs(ts *testscript.TestScript, neg bool, args []string, n int, usage string) {
	if neg || len(args) < n {
		ts.Fatalf("usage: %s", usage)
	}
}

func statusCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 2, "status N COMMAND…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, and not %d", got, want)
	}
}

func captureCmd(capture func([]moment) ([]byte, error)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		needs(ts, neg, args, 2, "mrt FILE LINES, or bmp FILE LINES")
		list, err := parseCapture(ts.ReadFile(args[1]))
		ts.Check(err)
		b, err := capture(list)
		ts.Check(err)
		save(ts, args[0], b)
	}
}

func packCmd(suffix string, packer func(io.Writer) (io.WriteCloser, error)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		needs(ts, neg, args, 1, "gz FILE, or zst FILE")
		var b bytes.Buffer
		w, err := packer(&b)
		ts.Check(err)
		_, err = io.WriteString(w, ts.ReadFile(args[0]))
		ts.Check(errors.Join(err, w.Close()))
		save(ts, args[0]+suffix, b.Bytes())
	}
}

func cutCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 2, "cut FILE N")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if n > len(text) {
		ts.Fatalf("%s has only %d octets", args[0], len(text))
	}
	save(ts, args[0], []byte(text[:len(text)-n]))
}

func fillCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 1, "fill FILE")
	save(ts, args[0], []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)))
}

func untimedCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 1, "untimed FILE")
	text := ts.ReadFile(args[0])
	seconds := regexp.MustCompile(`"seconds":[0-9.e-]+}`)
	if n := len(seconds.FindAllString(text, -1)); n != 1 {
		ts.Fatalf("%s says %d times how many seconds it took, and not once", args[0], n)
	}
	save(ts, args[0], []byte(seconds.ReplaceAllString(text, `"seconds":0}`)))
}

func occupyCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 1, "occupy NAME")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func save(ts *testscript.TestScript, name string, b []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), b, 0o600))
}
