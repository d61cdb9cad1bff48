package app

import (
	"context"
	"encoding/json"
	"net/http"

	"anywatch/collector"
	"anywatch/detector"
)

// linksPath is where the daemon tells which ASes it has seen next to our origins, and since when.
const linksPath = "/api/v1/links"

// linksKept is where links are kept in the store.
const linksKept = "links"

// serveLinks answers GET /api/v1/links.
func (d *Daemon) serveLinks(w http.ResponseWriter, _ *http.Request) {
	d.answer(w, map[string]any{"links": d.links()})
}

func (d *Daemon) links() (out []detector.Link) {
	out = []detector.Link{}
	d.owner.ask(func(e *detector.Engine) { out = e.Links() })
	return out
}

// restoreLinks takes over the links that the run before has seen, so that an old one is not taken for new. What can't be read is put aside and said.
func (d *Daemon) restoreLinks() {
	state := d.store.State(linksKept)
	b, err := state.Load()
	if b == nil && err == nil {
		return
	}
	var list []detector.Link
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		aside, _ := state.Reject()
		d.log.Error("the links that were seen before can't be read; each counts as new when it is seen again", "why", err, "kept_as", aside)
		return
	}
	d.owner.engine.RestoreLinks(list)
}

// keepLinks saves the links every minute until ctx ends. The store says by itself when it can't.
func (d *Daemon) keepLinks(ctx context.Context) {
	for collector.Sleep(ctx, flapsKeptEvery) {
		d.saveLinks(d.links())
	}
}

func (d *Daemon) saveLinks(list []detector.Link) {
	if b, err := json.Marshal(list); err == nil && len(list) > 0 {
		_ = d.store.State(linksKept).Save(b)
	}
}
