package detector

import (
	"net/netip"

	"anywatch/collector/route"
	"anywatch/rules"
)

// Standing is how it stands with a prefix now.
type Standing struct {
	// Sites are those that should announce it, in the order of the configuration.
	Sites []Presence
	// Seeing counts the external vantages that show it from an origin that is allowed, Of those that could: their table is loaded, or they have
	// shown it in the last 24 hours.
	Seeing, Of int
	// Showing counts all vantages that show it so, internal ones too, and Could those that do or whose table is complete.
	Showing, Could int
}

// Standing tells how it stands with exactly this prefix. A route that is stale shows nothing.
func (e *Engine) Standing(p netip.Prefix) (s Standing) {
	for _, c := range e.presence.of(p) {
		s.Sites = append(s.Sites, e.presenceOf(c))
	}
	watched := e.rules.Find(p)
	for _, w := range e.rib.order {
		_, could := w.visible(p, e.clock)
		if could {
			s.Of++
		}
		switch {
		case w.up && w.showsOurs(p, watched):
			s.Showing++
			s.Could++
			if could {
				s.Seeing++
			}
		case w.tabled && w.could(route.FamilyOf(p)):
			s.Could++
		}
	}
	return s
}

// showsOurs tells whether a vantage shows exactly this prefix from an origin that may announce it: who sees a hijacker's route does not see ours.
func (w *view) showsOurs(p netip.Prefix, watched *rules.Prefix) bool {
	if watched == nil {
		return false
	}
	r := w.shown(p)
	if r == nil {
		return false
	}
	_, bad := watched.Unallowed(r.Attrs.Path.Origin(w.v.Local))
	return !bad
}

func (e *Engine) presenceOf(c *cell) Presence {
	return Presence{Prefix: c.prefix, Site: e.rules.Sites()[c.site].Name, State: c.state, Since: c.since, Hidden: c.weak}
}
