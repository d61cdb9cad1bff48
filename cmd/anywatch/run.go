package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"anywatch/alerts"
	"anywatch/alerts/terminal"
	"anywatch/cmd/internal/app"
	"anywatch/cmd/internal/config"
)

func runCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:                   "run -c FILE",
		DisableFlagsInUseLine: true,

		Short: "Run the daemon: sources, detection, alerts, metrics",
		Long: `Run the daemon until SIGTERM or SIGINT. SIGHUP reads the configuration again: it takes effect without losing a session, or, when
something is wrong with it, the old one stays in force. The log goes to standard error; on a terminal, incidents are shown on standard output.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, file)
			if err != nil {
				return err
			}
			log := logger(cfg.Log, cmd.ErrOrStderr())
			for _, n := range config.Unused(cfg) {
				log.Warn("this key has no effect yet", "key", n.Key, "line", n.Line, "note", n.Text)
			}
			d, err := app.New(app.Options{Config: cfg, Log: log, Now: time.Now, Sinks: terminalSink(cmd.OutOrStdout())})
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			go reloadOnHangup(ctx, d, file, log)
			return d.Run(ctx)
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// terminalSink shows incidents to a person who looks.
func terminalSink(out io.Writer) []alerts.Route {
	if !isTerminal(out) {
		return nil
	}
	return []alerts.Route{{Sink: terminal.New("terminal", out, terminal.Options{Color: colored(out)})}}
}

// isTerminal tells whether a person looks at what is written, and not a file or another program.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored tells whether to use colour: on a terminal, but not where https://no-color.org asks for none.
func colored(out io.Writer) bool { return isTerminal(out) && os.Getenv("NO_COLOR") == "" }

// logger writes the log as the configuration says.
func logger(c config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// reloadOnHangup reads the configuration again with every SIGHUP.
func reloadOnHangup(ctx context.Context, d *app.Daemon, file string, log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
		case <-ctx.Done():
			return
		}
		if err := reload(ctx, d, file); err != nil {
			for line := range strings.Lines(err.Error()) {
				log.Error("reload failed; the old configuration stays in force", "error", strings.TrimSpace(line))
			}
			continue
		}
		log.Info("configuration reloaded", "file", file)
	}
}

func reload(ctx context.Context, d *app.Daemon, file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		d.ReloadFailed()
		return err
	}
	if err := d.Reload(ctx, cfg); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
