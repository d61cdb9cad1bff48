package store

import (
	"context"
	"strings"
)

// Texts are found in summaries by the runs of three characters in them (SQLite's FTS5 with trigrams). That index costs more than all else about an
// incident. Therefore it is brought up to date beside the writer, in small steps behind whatever somebody waits for: triggers note which summaries
// it lacks, and a search looks at those itself.
var textIndex = [...]string{
	"CREATE TABLE IF NOT EXISTS incident_unread (number INTEGER PRIMARY KEY)",
	"CREATE VIRTUAL TABLE IF NOT EXISTS incident_text USING fts5(summary, content='', contentless_delete=1, tokenize='trigram', detail=none)",
	// Parts of the index are joined by read, a little at a time, and not amid a commit.
	"INSERT INTO incident_text (incident_text, rank) VALUES ('automerge', 0)",
	"INSERT INTO incident_text (incident_text, rank) VALUES ('crisismerge', 1000)",
	"CREATE TRIGGER IF NOT EXISTS incident_text_new AFTER INSERT ON incident BEGIN INSERT INTO incident_unread VALUES (new.number); END",
	`CREATE TRIGGER IF NOT EXISTS incident_text_other AFTER UPDATE OF summary ON incident WHEN old.summary <> new.summary
		BEGIN INSERT INTO incident_unread SELECT new.number WHERE NOT EXISTS (SELECT 1 FROM incident_unread WHERE number = new.number); END`,
	`CREATE TRIGGER IF NOT EXISTS incident_text_gone AFTER DELETE ON incident
		BEGIN DELETE FROM incident_unread WHERE number = old.number; DELETE FROM incident_text WHERE rowid = old.number; END`,
}

const (
	readAtOnce  = 32 // summaries in one step
	joinAtOnce  = 8  // pages of the index that are joined in one step
	trigramMost = 24 // runs of three characters that are looked for
)

func (d *sqliteFile) furnish(ctx context.Context, c *conns) error {
	for _, q := range textIndex {
		if _, err := c.write.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (d *sqliteFile) like() string { return "LIKE" }

// texts asks for all runs of three characters in the text. One of less than three can't be asked for.
func (d *sqliteFile) texts(plain string) (string, []any) {
	var match []string
	runes := []rune(plain)
	for i := 0; i+3 <= len(runes) && i < trigramMost; i++ {
		match = append(match, `"`+strings.ReplaceAll(string(runes[i:i+3]), `"`, `""`)+`"`)
	}
	if len(match) == 0 {
		return "", nil
	}
	return "SELECT rowid FROM incident_text WHERE incident_text MATCH ? UNION SELECT number FROM incident_unread LIMIT ?", []any{strings.Join(match, " AND ")}
}

func (d *sqliteFile) unread(ctx context.Context, c *conns) (some bool, err error) {
	err = c.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM incident_unread)").Scan(&some)
	return some, err
}

func (d *sqliteFile) read(t *txn) error {
	const next = "(SELECT number FROM incident_unread ORDER BY number LIMIT ?)"
	for _, q := range []string{
		"DELETE FROM incident_text WHERE rowid IN " + next,
		"INSERT INTO incident_text (rowid, summary) SELECT number, summary FROM incident WHERE number IN " + next,
		"DELETE FROM incident_unread WHERE number IN " + next,
	} {
		if err := t.exec(q, readAtOnce); err != nil {
			return err
		}
	}
	return t.exec("INSERT INTO incident_text (incident_text, rank) VALUES ('merge', ?)", joinAtOnce)
}

// readTexts brings the index of texts up to date.
func (s *Store) readTexts(ctx context.Context) {
	for c := s.conns.Load(); c != nil && !s.trouble.on.Load(); c = s.conns.Load() {
		some, err := s.dialect.unread(ctx, c)
		if err == nil && some {
			err = s.wait(ctx, &op{detail: true, ripe: true, run: s.dialect.read})
		}
		if err != nil || !some {
			return // the writer says what is wrong, and it is tried again
		}
	}
}
