package config

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestMain sets the variables that the fixtures take secrets from.
func TestMain(m *testing.M) {
	if err := errors.Join(
		os.Setenv("ANYWATCH_TEST_SECRET", "sEcReT-of-the-environment"),
		os.Setenv("ANYWATCH_TEST_ROOM", "matrix://sEcReT@matrix.example.net/!noc:example.net"),
		os.Setenv("ANYWATCH_TEST_HOOK", "https://hooks.example.net/sEcReT"),
		os.Setenv("ANYWATCH_TEST_EMPTY", ""),
		os.Setenv("ANYWATCH_TEST_LINES", "sEcReT\nand more"),
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
