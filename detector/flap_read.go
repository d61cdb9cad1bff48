package detector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"anywatch/collector/route"
)

// ReadFlapState reads a state of flaps that was written as JSON. The error says why it can't be used: it is of a newer version, cut off, or
// contradicts itself. What is read without an error can be restored.
func ReadFlapState(b []byte) (*FlapState, error) {
	var of struct{ Version int }
	if err := json.Unmarshal(b, &of); err != nil {
		return nil, fmt.Errorf("this is no state of flaps: %w", err)
	}
	switch {
	case of.Version > FlapStateVersion:
		return nil, fmt.Errorf("this state of flaps has version %d, and this program reads up to version %d: a newer program wrote it", of.Version, FlapStateVersion)
	case of.Version < 1:
		return nil, errors.New("this is no state of flaps: it has no version")
	}
	s := new(FlapState)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("this state of flaps can't be read: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("this state of flaps contradicts itself: %w", err)
	}
	return s, nil
}

// check finds what a program that wrote the state would not have written.
func (s *FlapState) check() error {
	vantages := make(map[any]bool)
	for i := range s.Vantages {
		key, ok := s.Vantages[i].key()
		if !ok || vantages[key] {
			return fmt.Errorf("vantages[%d]: view %q is none that there is, or the vantage is there twice", i, s.Vantages[i].View)
		}
		vantages[key] = true
	}
	for i := range s.Routes {
		k := &s.Routes[i]
		if k.Vantage < 0 || k.Vantage >= len(s.Vantages) {
			return fmt.Errorf("routes[%d]: there is no vantage %d", i, k.Vantage)
		}
		if err := k.check(s); err != nil {
			return fmt.Errorf("routes[%d]: %w", i, err)
		}
	}
	for i := range s.Sites {
		if err := s.Sites[i].check(s); err != nil {
			return fmt.Errorf("sites[%d]: %w", i, err)
		}
	}
	for i, h := range s.Hot {
		for _, n := range h.Routes {
			if n < 0 || n >= len(s.Routes) {
				return fmt.Errorf("hot[%d]: there is no route %d", i, n)
			}
		}
	}
	return s.checkIncidents()
}

func (k *keptFlaps) check(s *FlapState) error {
	if err := checkPrefix(k.Prefix); err != nil {
		return err
	}
	if len(k.Merits) != len(s.Profiles) {
		return fmt.Errorf("%d merits for %d profiles", len(k.Merits), len(s.Profiles))
	}
	for _, m := range k.Merits {
		if m.Value < 0 || m.At.IsZero() || m.At.After(s.Clock) {
			return fmt.Errorf("a merit of %v at %v", m.Value, m.At)
		}
	}
	if k.First.IsZero() || k.Last.IsZero() {
		return errors.New("no time of the first or the last flap")
	}
	return k.Evidence.check()
}

func (s *FlapState) checkIncidents() error {
	told := make(map[netip.Prefix]map[string]bool)
	for i := range s.Incidents {
		k := &s.Incidents[i]
		if told[k.Prefix] == nil {
			told[k.Prefix] = make(map[string]bool)
		}
		err := checkPrefix(k.Prefix)
		switch {
		case err != nil:
		case told[k.Prefix][k.Site]:
			err = errors.New("it is there twice")
		case k.ID == "" || k.Started.IsZero() || k.Opened.IsZero():
			err = errors.New("it has no id, or no beginning")
		case k.Clear.IsZero() && !k.Resolved.IsZero():
			err = errors.New("it is resolved and goes on")
		}
		for _, ev := range k.Evidence {
			if ev == nil {
				err = errors.New("there is evidence that says nothing")
			}
			err = errors.Join(err, ev.check())
		}
		if err != nil {
			return fmt.Errorf("incidents[%d]: %w", i, err)
		}
		told[k.Prefix][k.Site] = true
	}
	return nil
}

// check takes no evidence as right.
func (k *keptEvidence) check() error {
	if k == nil {
		return nil
	}
	_, err := route.ParsePath(k.Path)
	return err
}

func checkPrefix(p netip.Prefix) error {
	if !p.IsValid() || p != p.Masked() {
		return fmt.Errorf("%v is no prefix", p)
	}
	return nil
}
