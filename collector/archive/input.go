package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Input is one thing to read: a file, or standard input.
type Input struct {
	Name string
	Size int64 // octets as stored; zero when that is not known beforehand
	open func() (io.ReadCloser, error)
	once bool // it can't be opened a second time: a pipe
}

// Open gives the inputs that a path stands for: a file, the files of a directory and of those inside it in the order of their names, or standard
// input for "-". Files whose names begin with a dot are passed over. The files are not opened yet.
func Open(path string, stdin io.Reader) ([]Input, error) {
	if path == "-" {
		return []Input{{Name: "standard input", once: true, open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", path, reason(err))
	}
	if !info.IsDir() {
		return []Input{fileInput(path, info)}, nil
	}
	inputs, err := directory(path)
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("input %s: the directory holds no files, or only some whose names begin with a dot, which are passed over; give one that does", path)
	}
	return inputs, nil
}

func directory(root string) (inputs []Input, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("input %s: %w", path, reason(err))
		}
		if path != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := os.Stat(path) // what a symbolic link leads to
		if err != nil {
			return fmt.Errorf("input %s: %w", path, reason(err))
		}
		if info.Mode().IsRegular() {
			inputs = append(inputs, fileInput(path, info))
		}
		return nil
	})
	return inputs, err
}

func fileInput(path string, info fs.FileInfo) Input {
	in := Input{Name: path, once: !info.Mode().IsRegular(), open: func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, reason(err)
		}
		return f, nil
	}}
	if !in.once {
		in.Size = info.Size()
	}
	return in
}

// reason takes the operation and the path off an error of the file system: the message around it names the file already. It adds what to do.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; give a file or a directory that exists, or - for standard input", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run this as a user who may read it", err)
	}
	return err
}
