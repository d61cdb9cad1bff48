package bgp

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
	if err := s.listeners.Reload(cfg.Listen, s.doors.hooks(cfg, old.cfg)); err != nil {
		return err
	}
	next := newTable(cfg)
	s.table.Store(next)
	if err := s.doors.settle(s.listeners.Listeners(), cfg); err != nil {
		s.deps.Log.Error("an MD5 key of a removed neighbor could not be taken away", "error", err)
	}
	s.feeds.reloaded(s.deps.Now())
	for _, x := range s.all() {
		if old.same(next, x.addr, x.nb) {
			n, _ := next.find(x.addr)
			x.setLimit(n.MaxPrefixes)
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
