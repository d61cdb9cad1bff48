package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must be quiet before it is read: writers write in pieces.
const settle = 200 * time.Millisecond

// watchFiles calls changed whenever one of the files was written or replaced, until ctx ends. The folders are watched, because
// validators replace their files by renaming.
func watchFiles(ctx context.Context, names []string, changed func()) error {
	if len(names) == 0 {
		return nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("can't watch files: %w", err)
	}
	defer w.Close()
	wanted := make(map[string]bool)
	for _, name := range names {
		path, err := filepath.Abs(name)
		if err != nil {
			return fmt.Errorf("can't watch %s: %w", name, err)
		}
		wanted[path] = true
		if err := w.Add(filepath.Dir(path)); err != nil {
			return fmt.Errorf("can't watch the folder of %s: %w", name, err)
		}
	}
	return followFiles(ctx, w, wanted, changed)
}

func followFiles(ctx context.Context, w *fsnotify.Watcher, wanted map[string]bool, changed func()) error {
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case ev, ok := <-w.Events:
			if !ok {
				return nil
			}
			if wanted[ev.Name] && ev.Op&(fsnotify.Write|fsnotify.Create|fsnotify.Rename) != 0 {
				quiet.Reset(settle)
			}
		case err := <-w.Errors:
			return err
		case <-quiet.C:
			changed()
		case <-ctx.Done():
			return nil
		}
	}
}
