package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// Rotation bounds what the sink keeps: a file that would grow past MaxBytes becomes PATH.1, what was PATH.1 becomes PATH.2, and so on up to
// Keep; the oldest goes. The zero value never rotates.
type Rotation struct {
	MaxBytes int64
	// Keep is how many former files stay; at least one does.
	Keep int
}

// NewRotating opens the file as New does, and rotates it.
func NewRotating(name, path string, r Rotation) (*Sink, error) {
	f, torn, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("file sink %s: %w", name, err)
	}
	return &Sink{name: name, path: path, rotation: r, file: f, torn: torn, size: sizeOf(f)}, nil
}

// sizeOf gives the size of a file; 0 for what is no file on a disk, which is never rotated.
func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// rotate makes room for a line. A file never is empty after that: a line that is longer than MaxBytes gets a file of its own.
func (s *Sink) rotate(line int64) error {
	if s.rotation.MaxBytes <= 0 || s.file == nil || s.size == 0 || s.size+line <= s.rotation.MaxBytes {
		return nil
	}
	for n := max(s.rotation.Keep, 1); n > 1; n-- {
		if err := os.Rename(s.former(n-1), s.former(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotating: %w; let this user write the folder", err)
		}
	}
	if err := os.Rename(s.path, s.former(1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rotating: %w; let this user write the folder", err)
	}
	f, torn, err := open(s.path)
	if err != nil {
		return err
	}
	err = s.release()
	s.file, s.torn, s.size = f, torn, sizeOf(f)
	return err
}

func (s *Sink) former(n int) string { return s.path + "." + strconv.Itoa(n) }
