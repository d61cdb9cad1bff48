package app

import (
	"log/slog"

	"anywatch/alerts"
	"anywatch/cmd/internal/config"
)

func sinks(c *config.Config, log *slog.Logger) ([]alerts.Route, error) { return nil, nil }
