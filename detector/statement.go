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

	acknowledged, silenced string // by whom
	explained              string // the id of the incident that explains it
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
	return append(out, s.people(was)...)
}

// people says what people did, and what follows from other incidents.
func (s statement) people(was statement) (out []string) {
	switch {
	case s.acknowledged == was.acknowledged:
	case s.acknowledged == "":
		out = append(out, "not acknowledged any more")
	default:
		out = append(out, "acknowledged by "+s.acknowledged)
	}
	switch {
	case s.silenced == was.silenced:
	case s.silenced == "":
		out = append(out, "silenced no more")
	default:
		out = append(out, "silenced by "+s.silenced)
	}
	switch {
	case s.explained == was.explained:
	case s.explained == "":
		out = append(out, "stands for itself: what explained it is over")
	default:
		out = append(out, "follows from incident "+s.explained)
	}
	return out
}
