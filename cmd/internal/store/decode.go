package store

import (
	"encoding/json"
	"fmt"

	"anywatch/detector"
)

// readChange reads a change as it was written.
func readChange(body string) (c detector.Change, err error) {
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return detector.Change{}, fmt.Errorf("store: a change of an incident can't be read: %w", err)
	}
	return c, nil
}
