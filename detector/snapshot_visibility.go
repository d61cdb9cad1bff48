package detector

import (
	"net/netip"

	"anywatch/collector/route"
)

// Standing is how it stands with a prefix now.
type Standing struct {
	// Sites are those that should announce it, in the order of the configuration.
	Sites []Presence
	// Seeing counts the external vantages that show it, Of those that could: their table is loaded, or they have shown it in the last 24 hours.
	Seeing, Of int
	// Showing counts all vantages that show it, internal ones too, and Could those that show it or whose table is complete.
	Showing, Could int
}

// Standing tells how it stands with exactly this prefix. A route that is stale shows nothing.
func (e *Engine) Standing(p netip.Prefix) (s Standing) {
	for _, c := range e.presence.of(p) {
		s.Sites = append(s.Sites, e.presenceOf(c))
	}
	for _, w := range e.rib.order {
		sees, could := w.visible(p, e.clock)
		if could {
			s.Of++
		}
		if sees {
			s.Seeing++
		}
		switch {
		case w.up && w.shown(p) != nil:
			s.Showing++
			s.Could++
		case w.tabled && w.could(route.FamilyOf(p)):
			s.Could++
		}
	}
	return s
}

func (e *Engine) presenceOf(c *cell) Presence {
	return Presence{Prefix: c.prefix, Site: e.rules.Sites()[c.site].Name, State: c.state, Since: c.since, Hidden: c.weak}
}
