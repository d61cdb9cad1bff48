package detector

import (
	"fmt"

	"anywatch/collector/route"
)

// statement is what was last said of an incident; when it differs, an update is due.
type statement struct {
	severity  Severity
	peak      int
	offender  route.ASN
	neighbor  route.ASN
	rpkiState string
	about     string // what else matters, in words
}

// since says in words what is different from what was said before, the weightiest first. What else matters is in the summary alone.
func (s statement) since(was statement) (out []string) {
	if s.severity != was.severity {
		out = append(out, fmt.Sprintf("severity %s, was %s", s.severity, was.severity))
	}
	if s.offender != was.offender {
		out = append(out, fmt.Sprintf("done by %s, was %s", s.offender, was.offender))
	}
	if s.rpkiState != was.rpkiState {
		out = append(out, fmt.Sprintf("RPKI %s, was %s", s.rpkiState, was.rpkiState))
	}
	if s.neighbor != was.neighbor && s.neighbor != 0 && was.neighbor != 0 {
		out = append(out, fmt.Sprintf("through %s, was %s", s.neighbor, was.neighbor))
	}
	if s.peak > was.peak {
		out = append(out, fmt.Sprintf("seen by %d, was %d", s.peak, was.peak))
	}
	return out
}
