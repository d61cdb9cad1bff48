package app

import (
	"time"

	"anywatch/cmd/internal/config"
	"anywatch/rpki"
)

// LoadVRPs reads the files of VRPs and exceptions that the configuration names; without any, the table is nil and nothing is checked. With a zero
// now the files are taken as they stand, without expiry, as in a replay.
func LoadVRPs(c *config.Config, now time.Time) (*rpki.Table, error) {
	if len(c.RPKI.Files) == 0 && c.RPKI.SLURM.IsZero() {
		return nil, nil
	}
	names := make([]string, len(c.RPKI.Files))
	for i, f := range c.RPKI.Files {
		names[i] = f.Path
	}
	return rpki.Load(names, c.RPKI.SLURM.Path, now)
}
