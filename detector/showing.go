package detector

import (
	"cmp"
	"slices"
)

// showings are the routes that show a site's announcement of a prefix, in a fixed order: by vantage, then by path identifier. How many of them stand
// and how many of those drain is counted as they come and go, because it is asked with every change of any of them.
type showings struct {
	list           []showing
	live, draining int // of those that are not stale
}

// showing is one of them, and whose it is.
type showing struct {
	route *Route
	by    *view
	live  bool // it is not stale
	drain bool // it says that the site is about to withdraw
}

func (s *showings) find(w *view, r *Route) (int, bool) {
	return slices.BinarySearchFunc(s.list, r, func(x showing, r *Route) int {
		return cmp.Or(cmp.Compare(x.by.v.ID, w.v.ID), cmp.Compare(x.route.PathID, r.PathID))
	})
}

// put takes a route in, or what became of it.
func (s *showings) put(w *view, r *Route, drain bool) {
	i, there := s.find(w, r)
	if there {
		s.count(&s.list[i], -1)
	} else {
		s.list = slices.Insert(s.list, i, showing{})
	}
	s.list[i] = showing{r, w, !r.Stale, drain}
	s.count(&s.list[i], 1)
}

// take removes a route.
func (s *showings) take(w *view, r *Route) {
	if i, there := s.find(w, r); there {
		s.count(&s.list[i], -1)
		s.list = slices.Delete(s.list, i, i+1)
	}
}

// recount notes that a route became stale, or is so no more.
func (s *showings) recount(w *view, r *Route) {
	if i, there := s.find(w, r); there {
		s.put(w, r, s.list[i].drain)
	}
}

func (s *showings) count(x *showing, n int) {
	if !x.live {
		return
	}
	s.live += n
	if x.drain {
		s.draining += n
	}
}

// speaker is the first route that is not stale: its changes stand for the site's, because many vantages show the same change.
func (s *showings) speaker() *Route {
	if s.live == 0 {
		return nil
	}
	i := slices.IndexFunc(s.list, func(x showing) bool { return x.live })
	return s.list[i].route
}
