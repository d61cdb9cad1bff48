package lab

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/osrg/gobgp/v3/pkg/log"
)

// quiet hands GoBGP's messages to slog at debug level, whatever level they claim: what troubles a speaker here is for whoever looks into
// the laboratory, not for the audience. Panic and Fatal are messages like others; GoBGP goes on after them.
type quiet struct{ to *slog.Logger }

var _ log.Logger = quiet{}

func (q quiet) Panic(msg string, f log.Fields) { q.write("panic", msg, f) }
func (q quiet) Fatal(msg string, f log.Fields) { q.write("fatal", msg, f) }
func (q quiet) Error(msg string, f log.Fields) { q.write("error", msg, f) }
func (q quiet) Warn(msg string, f log.Fields)  { q.write("warn", msg, f) }
func (q quiet) Info(msg string, f log.Fields)  { q.write("info", msg, f) }
func (q quiet) Debug(msg string, f log.Fields) { q.write("debug", msg, f) }

// SetLevel does nothing: the level is that of the slog handler.
func (q quiet) SetLevel(log.LogLevel) {}

// GetLevel spares GoBGP the making of debug messages that nobody reads.
func (q quiet) GetLevel() log.LogLevel {
	if q.to.Enabled(context.Background(), slog.LevelDebug) {
		return log.DebugLevel
	}
	return log.InfoLevel
}

func (q quiet) write(level, msg string, f log.Fields) {
	if !q.to.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	attrs := []any{slog.String("gobgp", level)}
	for _, k := range slices.Sorted(maps.Keys(f)) {
		attrs = append(attrs, slog.Any(k, f[k]))
	}
	q.to.Debug(msg, attrs...)
}
