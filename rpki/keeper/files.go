package keeper

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"anywatch/rpki"
)

const (
	// settle is how long a file must be quiet before it is read: writers write in pieces.
	settle = 200 * time.Millisecond
	// again is how often files are looked at without a sign from the system: there is none for network file systems, for what hides
	// behind a link, and for folders that come later.
	again = 15 * time.Second
)

// watch calls look with the files that were written or replaced, and now and then with none, until ctx ends. The folders are
// watched, because validators replace their files by renaming.
func watch(ctx context.Context, log *slog.Logger, paths []string, look func(written []string)) {
	names := map[string]string{}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("the system does not tell of files that change; they are looked at now and then", "every", again, "error", err)
		w = &fsnotify.Watcher{}
	} else {
		defer w.Close()
		names = watched(w, log, paths)
	}
	look(nil) // what was written since it was read and before it was watched
	quiet := time.NewTimer(settle)
	quiet.Stop()
	poll := time.NewTicker(again)
	defer poll.Stop()
	var written []string
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-w.Events:
			if path, ok := names[ev.Name]; ok && !ev.Has(fsnotify.Chmod) {
				written = append(written, path)
				quiet.Reset(settle)
			}
		case err := <-w.Errors:
			log.Warn("changes of files may go unnoticed for a while", "every", again, "error", err)
		case <-quiet.C:
			look(written)
			written = nil
		case <-poll.C:
			look(nil)
		}
	}
}

// watched has the folders of the files watched, and gives the files by the names by which the system tells of them.
func watched(w *fsnotify.Watcher, log *slog.Logger, paths []string) map[string]string {
	names := map[string]string{}
	for _, path := range paths {
		name, err := filepath.Abs(path)
		if err == nil {
			err = w.Add(filepath.Dir(name))
		}
		if err != nil {
			log.Warn("the system does not tell when a file changes; it is looked at now and then", "file", path, "every", again, "error", err)
			continue
		}
		names[name] = path
	}
	return names
}

// look reads those files again that were written or are not those that were read, each on its own.
func (k *Keeper) look(written []string) {
	k.mu.Lock()
	files, slurm := slices.Clone(k.book.files), k.book.slurm
	k.mu.Unlock()
	for _, s := range files {
		if slices.Contains(written, s.file.Path) || !k.seen(&s.seen).same(stampOf(s.file.Path)) {
			k.reread(s)
		}
	}
	if slurm != nil && (slices.Contains(written, slurm.file.Path) || !k.seen(&slurm.seen).same(stampOf(slurm.file.Path))) {
		k.rereadSLURM(slurm)
	}
}

func (k *Keeper) seen(s *stamp) stamp {
	k.mu.Lock()
	defer k.mu.Unlock()
	return *s
}

func (k *Keeper) reread(s *source) {
	r := readVRPs(s.file)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.book.files, s) {
		return
	}
	k.tookFile(s, r, k.o.Clock.Now())
	k.publish()
}

func (k *Keeper) rereadSLURM(x *exceptions) {
	r := readSLURM(x.file)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.book.slurm != x {
		return
	}
	x.took(r, k.o.Clock.Now())
	k.publish()
}

// tookFile takes a file over. Where it authorises just what it did before, the set of before stays, which costs no other table.
func (k *Keeper) tookFile(s *source, r reading, now time.Time) {
	if r.err == nil && s.set() != nil && sameData(s.set(), r.source.Set) {
		r.source.Set = s.set()
	}
	s.took(r, k.book.config.MaxDrop, now)
}

func sameData(a, b *rpki.Set) bool { return a.Equal(b) && !a.Expires() && !b.Expires() }
