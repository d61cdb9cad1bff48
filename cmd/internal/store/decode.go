package store

import (
	"encoding/json"
	"fmt"

	"anywatch/collector/route"
	"anywatch/detector"
)

// keptPath reads an AS path as incidents write it: a list of numbers, in which a set is a nested list.
type keptPath route.Path

// UnmarshalJSON reads the list. Runs inside a confederation were written like any other, and come back as such.
func (k *keptPath) UnmarshalJSON(b []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(b, &elements); err != nil {
		return err
	}
	path := make(route.Path, 0, 1)
	for _, e := range elements {
		if e[0] == '[' {
			set := route.Segment{Kind: route.Set}
			if err := json.Unmarshal(e, &set.ASNs); err != nil {
				return err
			}
			path = append(path, set)
			continue
		}
		var asn route.ASN
		if err := json.Unmarshal(e, &asn); err != nil {
			return err
		}
		if n := len(path); n == 0 || path[n-1].Kind != route.Sequence {
			path = append(path, route.Segment{Kind: route.Sequence})
		}
		last := &path[len(path)-1]
		last.ASNs = append(last.ASNs, asn)
	}
	*k = keptPath(path)
	return nil
}

// keptEvidence and keptIncident are what they keep, but for their paths.
type keptEvidence struct {
	detector.Evidence
	Path keptPath `json:"path"`
}

type keptIncident struct {
	detector.Incident
	Path     *keptPath      `json:"path"`
	Evidence []keptEvidence `json:"evidence"`
}

// readChange reads a change as it was written.
func readChange(body string) (detector.Change, error) {
	var kept struct {
		detector.Change
		Incident keptIncident `json:"incident"`
	}
	if err := json.Unmarshal([]byte(body), &kept); err != nil {
		return detector.Change{}, fmt.Errorf("store: a change of an incident can't be read: %w", err)
	}
	c := kept.Change
	c.Incident = kept.Incident.Incident
	if kept.Incident.Path != nil {
		path := route.Path(*kept.Incident.Path)
		c.Incident.Path = &path
	}
	if kept.Incident.Evidence != nil {
		c.Incident.Evidence = make([]detector.Evidence, len(kept.Incident.Evidence))
		for i, e := range kept.Incident.Evidence {
			c.Incident.Evidence[i] = e.Evidence
			c.Incident.Evidence[i].Path = route.Path(e.Path)
		}
	}
	return c, nil
}
