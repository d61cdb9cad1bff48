package collector

import "testing"

// The values are those of RFC 9234 section 4.1, table 1.
func TestRoleOf(t *testing.T) {
	for value, want := range []string{"provider", "route server", "route server client", "customer", "peer", "", ""} {
		if got := RoleOf(uint8(value), true).String(); got != want {
			t.Errorf("role %d is %q, want %q", value, got, want)
		}
	}
	if RoleOf(0, false) != NoRole || RoleOf(255, true) != NoRole {
		t.Error("a role that nobody told is one")
	}
}
