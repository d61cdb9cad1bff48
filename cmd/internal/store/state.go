package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stateWithin bounds how long a state is waited for.
const stateWithin = 10 * time.Second

// State is a place for what one part of the program keeps from run to run, whole or not at all: penalties of flaps, say.
type State struct {
	s    *Store
	name string
}

var stateTable = table{name: "state", columns: []string{"name", "time", "body"}, conflict: " ON CONFLICT (name) DO UPDATE SET time = excluded.time, body = excluded.body", replace: true}

// State gives the place of a name.
func (s *Store) State(name string) *State { return &State{s, name} }

// String names the place for people.
func (k *State) String() string { return k.name + " in " + k.s.String() }

// Load gives what was saved last; nil when nothing was.
func (k *State) Load() (body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), stateWithin)
	defer cancel()
	err = k.s.one(ctx, "SELECT body FROM state WHERE name = ?", []any{k.name}, &body)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return body, err
}

// Save replaces it. While the database takes nothing, what is saved waits in memory, and the error is ErrHeld.
func (k *State) Save(body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), stateWithin)
	defer cancel()
	return k.s.wait(ctx, &op{rows: []row{{&stateTable, []any{k.name, instant(k.s.now()), body}}}})
}

// Reject puts out of the way what Load gave, and tells under which name it is now.
func (k *State) Reject() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stateWithin)
	defer cancel()
	aside := k.name + ".broken"
	err := k.s.wait(ctx, &op{run: func(t *txn) error {
		if err := t.exec("DELETE FROM state WHERE name = ?", aside); err != nil {
			return err
		}
		return t.exec("UPDATE state SET name = ? WHERE name = ?", aside, k.name)
	}})
	return fmt.Sprintf("%s in %s", aside, k.s), err
}
