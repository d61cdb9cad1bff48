//go:build interop

package main

import "testing"

// TestKilledOften is TestKilledAtRandom for long.
func TestKilledOften(t *testing.T) { testKilledAtRandom(t, 41, 200, 2) }
