// Package file is the sink that appends the changes of incidents to a file, one JSON object per line.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"anywatch/alerts"
)

// mode lets the owner write and the group read: incidents are nobody else's business.
const mode = 0o640

// Sink appends to one file. A line that was appended is the kernel's: it survives the end of the process, however it ends. It is not forced
// to the disk one by one (that would cost a disk's latency for each); Close and Reopen do that, and a power cut may lose the last seconds.
type Sink struct {
	name, path string
	rotation   Rotation

	mu   sync.Mutex
	file *os.File // nil after Close
	torn bool     // the file ends within a line
	size int64    // of the file, while there is a rotation
}

// New opens the file, and makes it when there is none; its folder must exist. The error tells what stands in the way.
func New(name, path string) (*Sink, error) { return NewRotating(name, path, Rotation{}) }

// Name gives the name in the configuration.
func (s *Sink) Name() string { return s.name }

// Manner asks for every change by itself, at once.
func (s *Sink) Manner() alerts.Manner { return alerts.Manner{Alone: true, Record: true} }

// Notify appends each change as one line, written at once, so that another writer's lines do not mix with it.
func (s *Sink) Notify(_ context.Context, n alerts.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range n.Changes {
		line, err := c.JSON()
		if err != nil {
			return alerts.Permanent(fmt.Errorf("file sink %s: incident %s can't be written as JSON: %w", s.name, c.Incident.ID, err))
		}
		if err := s.rotate(int64(len(line) + 1)); err != nil {
			return fmt.Errorf("file sink %s: %w", s.name, err)
		}
		if err := s.append(line); err != nil {
			return fmt.Errorf("file sink %s: %w", s.name, err)
		}
	}
	return nil
}

// append writes one line. What a full disk cut off stays as a line of its own: the next one begins anew.
func (s *Sink) append(line []byte) error {
	if s.file == nil {
		return fmt.Errorf("%s is closed", s.path)
	}
	line = append(line, '\n')
	if s.torn {
		line = append([]byte{'\n'}, line...)
	}
	written, err := s.file.Write(line)
	s.size += int64(written)
	if written > 0 {
		s.torn = written < len(line)
	}
	return err
}

// Reopen opens the path again, for when the file was moved away to rotate it. If that fails, the sink goes on with the file that it has.
func (s *Sink) Reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, torn, err := open(s.path)
	if err != nil {
		return fmt.Errorf("file sink %s: %w", s.name, err)
	}
	err = s.release()
	s.file, s.torn, s.size = f, torn, sizeOf(f)
	return err
}

// Close brings what was written to the disk and closes the file.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release()
}

// release syncs and closes the file. What can't be synced because it is no file on a disk, such as a terminal, needs it not.
func (s *Sink) release() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	var syncing error
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		syncing = f.Sync()
	}
	if err := errors.Join(syncing, f.Close()); err != nil {
		return fmt.Errorf("file sink %s: %w", s.name, err)
	}
	return nil
}

// open opens a path for appending, and tells whether it ends within a line, as after a crash.
func open(path string) (f *os.File, torn bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, false, fmt.Errorf("%s is a folder; give the name of a file in it", path)
	case err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return nil, false, fmt.Errorf("%s is a pipe or socket, whose reader could hold us up; give a file", path)
	}
	f, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, mode)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("the folder %s does not exist; make it, or give another path", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return nil, false, fmt.Errorf("%s can't be written by this user; change its owner or permissions: %w", path, err)
	case err != nil:
		return nil, false, err
	}
	return f, endsWithin(path), nil
}

// endsWithin tells whether the last byte of a file ends no line. A file that can't be read is taken as whole.
func endsWithin(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return last[0] != '\n'
}
