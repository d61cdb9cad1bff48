package bgp

import (
	"errors"
	"slices"
)

// Reload puts another configuration in force. Sessions that it does not concern go on; those of neighbors that are gone end with a Cease (Peer
// De-configured), those of neighbors that changed with a Cease (Other Configuration Change). When it returns an error, nothing has changed.
func (s *Source) Reload(cfg Config) error {
	cfg, err := cfg.prepared()
	if err != nil {
		return err
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	old := s.table.Load()
	if err := s.relisten(old.cfg, cfg); err != nil {
		return err
	}
	next := newTable(cfg)
	s.table.Store(next)
	s.settle(next)
	for _, x := range s.all() {
		if old.same(next, x.addr, x.nb) {
			continue
		}
		if _, still := next.find(x.addr); still {
			x.end(cease{ceaseChanged, "its configuration changed"})
		} else {
			x.end(cease{ceaseDeconfigured, "it was taken out of the configuration"})
		}
	}
	return nil
}

// relisten opens the listeners that are new and sets all keys; on an error it undoes what it did.
func (s *Source) relisten(old, cfg Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil && s.running == nil {
		return nil // not listening: the next Run will
	}
	kept := slices.DeleteFunc(slices.Clone(s.listeners), func(l *listener) bool { return !slices.Contains(cfg.Listen, l.text) })
	all := slices.Clone(kept)
	for _, text := range cfg.Listen {
		if slices.ContainsFunc(kept, func(l *listener) bool { return l.text == text }) {
			continue
		}
		l, err := listen(text)
		if err != nil {
			closeAll(all[len(kept):])
			return err
		}
		all = append(all, l)
	}
	if err := secureAll(all, cfg); err != nil {
		closeAll(all[len(kept):])
		return errors.Join(err, secureAll(kept, old), forgetAll(kept, old))
	}
	gone := slices.DeleteFunc(slices.Clone(s.listeners), func(l *listener) bool { return slices.Contains(kept, l) })
	s.listeners = all
	closeAll(gone)
	if s.running != nil {
		for _, l := range all[len(kept):] {
			s.accept(s.running, l)
		}
	}
	return nil
}

// settle takes away the keys that nobody has any more. One that can't be taken away keeps its address closed to those without it.
func (s *Source) settle(t *table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := forgetAll(s.listeners, t.cfg); err != nil {
		s.deps.Log.Error("an MD5 key of a removed neighbor could not be taken away", "error", err)
	}
}

func forgetAll(list []*listener, cfg Config) (faults error) {
	for _, l := range list {
		faults = errors.Join(faults, l.forget(cfg))
	}
	return faults
}
