package bgp

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPasswordNeverShows(t *testing.T) {
	n := Neighbor{Name: "rr1", Password: "hunter2"}
	var l logs
	slog.New(slog.NewTextHandler(&l, nil)).Info("x", "password", n.Password, "neighbor", n)
	slog.New(slog.NewJSONHandler(&l, nil)).Info("x", "password", n.Password, "neighbor", n)
	j, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{l.String(), string(j), fmt.Sprintf("%v %+v %#v %s %q %x", n, n, n, n.Password, n.Password, n.Password)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("it shows: %s", text)
		}
		if !strings.Contains(text, hidden) {
			t.Errorf("nothing tells that a password is set: %s", text)
		}
	}
}
