package archive

import (
	"io/fs"
	"syscall"
	"testing"
)

// TestReason: a message of the file system comes with what to do, and without the path, which stands before it already.
func TestReason(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOENT: "no such file or directory; give a file or a directory that exists, or - for standard input",
		syscall.EACCES: "permission denied; run this as a user who may read it",
		syscall.EIO:    "input/output error",
	} {
		if got := reason(&fs.PathError{Op: "open", Path: "x", Err: err}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
