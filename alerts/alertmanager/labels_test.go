package alertmanager

import (
	"testing"

	"anywatch/detector"
)

// The operator's labels go along where Prometheus takes their names, and never hide what says which incident it is.
func TestLabelsOfTheOperator(t *testing.T) {
	l := identify(&detector.Incident{ID: "a", Kind: detector.OriginHijack, Labels: map[string]string{"team": "dns", "severity": "none", "not a name": "x"}})
	if l["team"] != "dns" || l["severity"] != "info" || l["incident"] != "a" || len(l) != 4 {
		t.Errorf("%v", l)
	}
}
