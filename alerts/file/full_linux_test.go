package file_test

import (
	"strings"
	"testing"

	"anywatch/alerts"
	"anywatch/alerts/alertstest"
	"anywatch/detector"
)

// /dev/full takes nothing, as a full disk does: the change must come again.
func TestAFullDiskIsTriedAgain(t *testing.T) {
	s := open(t, "/dev/full")
	err := s.Notify(t.Context(), alerts.Notification{Changes: []detector.Change{alertstest.Opened()}})
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("Notify: %v; want no space left on device", err)
	}
}
