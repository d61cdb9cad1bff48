package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// errNewer says that the tables are of a program that is newer than this one.
var errNewer = errors.New("a newer anywatch made its tables; run that one, or give this one a database of its own")

// migration is a step from one version of the tables to the next.
type migration struct {
	version    int
	statements []string
}

// steps reads the migrations that the program carries, in their order. A file is named by its number: 0001_first.sql.
func steps(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []migration
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		n, err := strconv.Atoi(number)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("store: migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{n, statements(string(text))})
	}
	return out, nil
}

// statements divides a file, in which a line that ends with a semicolon ends a statement.
func statements(text string) (out []string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "--") || strings.TrimSpace(line) == "" {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	return out
}

// migrate brings the tables up to date, all steps or none.
func migrate(ctx context.Context, d dialect, c *conns, all []migration) error {
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"); err != nil {
		return err
	}
	var version int
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&version); err != nil {
		return err
	}
	if err := known(version, all); err != nil {
		return err
	}
	for _, m := range all[version:] {
		for _, q := range m.statements {
			if _, err := tx.ExecContext(ctx, d.sql(q)); err != nil {
				return fmt.Errorf("migration %d: %w", m.version, err)
			}
		}
		if _, err := tx.ExecContext(ctx, d.sql("INSERT INTO schema_version (version) VALUES (?)"), m.version); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// known tells whether tables of a version can be used.
func known(version int, all []migration) error {
	if version > len(all) {
		return fmt.Errorf("%w (they have version %d, this program knows up to %d)", errNewer, version, len(all))
	}
	return nil
}

// readable tells whether what another program keeps can be read.
func readable(ctx context.Context, c *conns, all []migration) error {
	var version int
	if err := c.read.QueryRowContext(ctx, "SELECT max(version) FROM schema_version").Scan(&version); err != nil {
		return fmt.Errorf("it is no database of anywatch: %w", err)
	}
	if version < len(all) {
		return fmt.Errorf("its tables have version %d; start the daemon once, which brings them to version %d", version, len(all))
	}
	return known(version, all)
}
