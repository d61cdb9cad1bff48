package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"anywatch/collector/route"
	"anywatch/rpki"
)

// field is one member of a JSON object, its value as it was written.
type field struct {
	key   string
	value json.RawMessage
}

// question is a line of a batch: its fields in their order, so that they can be given back as they came.
type question []field

// readQuestion reads a line. It must be one JSON object.
func readQuestion(line []byte) (question, error) {
	in := json.NewDecoder(bytes.NewReader(line))
	open, err := in.Token()
	if err == nil && open != json.Delim('{') {
		err = errors.New("it does not begin with {")
	}
	var q question
	for err == nil && in.More() {
		var key json.Token
		if key, err = in.Token(); err != nil {
			break
		}
		f := field{key: key.(string)} // the decoder lets nothing else stand before a colon
		err = in.Decode(&f.value)
		q = append(q, f)
	}
	if err == nil {
		_, err = in.Token() // the closing brace
	}
	if err == nil {
		if _, end := in.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows after the object")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("it is not a JSON object: %w", err)
	}
	return q, nil
}

// get decodes a field; false when the line does not have it.
func (q question) get(key string, to any) (bool, error) {
	for _, f := range q {
		if f.key == key {
			if err := json.Unmarshal(f.value, to); err != nil {
				return true, fmt.Errorf("%s is %s: %w", key, f.value, err)
			}
			return true, nil
		}
	}
	return false, nil
}

// answered gives the line back with the state in it; a state that it came with is replaced.
func (q question) answered(state string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range q {
		if f.key == "state" {
			continue
		}
		key, err := json.Marshal(f.key)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s: %s, ", key, f.value)
	}
	fmt.Fprintf(&b, "%q: %q}\n", "state", state)
	return b.Bytes(), nil
}

// wordASN is an AS number as a JSON number, "64500" or "AS64500".
type wordASN route.ASN

// UnmarshalJSON reads any of the three.
func (a *wordASN) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte(`"`)) {
		if err := json.Unmarshal(text, (*uint32)(a)); err != nil || string(text) == "null" {
			return errors.New("an AS number is a number from 0 to 4294967295")
		}
		return nil
	}
	asn, err := route.ParseASN(strings.Trim(string(text), `"`))
	*a = wordASN(asn)
	return err
}

// asnOrSet is an AS number, or a list of them that stands for an AS_SET.
type asnOrSet struct {
	asns []route.ASN
	set  bool
}

// UnmarshalJSON reads either.
func (a *asnOrSet) UnmarshalJSON(text []byte) error {
	list := []wordASN{0}
	a.set = bytes.HasPrefix(text, []byte("["))
	var err error
	if a.set {
		err = json.Unmarshal(text, &list)
	} else {
		err = json.Unmarshal(text, &list[0])
	}
	if err == nil && len(list) == 0 {
		err = errors.New("an AS_SET names at least one AS")
	}
	a.asns = nil
	for _, asn := range list {
		a.asns = append(a.asns, route.ASN(asn))
	}
	return err
}

func rovBatch(cmd *cobra.Command, data *rpkiData) error {
	table, err := data.load(cmd.ErrOrStderr(), (*rpki.Table).Len)
	if err != nil {
		return err
	}
	return batch(cmd, func(q question) (string, error) {
		var prefixText string
		var as asnOrSet
		if ok, err := q.get("prefix", &prefixText); !ok || err != nil {
			return "", orMissing(err, `"prefix": "192.0.2.0/24"`)
		}
		if ok, err := q.get("origin", &as); !ok || err != nil {
			return "", orMissing(err, `"origin": 64500`)
		}
		prefix, _, err := announcedPrefix(prefixText)
		if err != nil {
			return "", err
		}
		origin := route.Origin{AS: as.asns[0]}
		if as.set {
			origin = route.Origin{Set: as.asns}
		}
		return table.State(prefix, origin).String(), nil
	})
}

func aspaBatch(cmd *cobra.Command, data *rpkiData, usual string) error {
	if usual != "" {
		if _, err := rpki.ParseDirection(usual); err != nil {
			return fmt.Errorf("--direction: %w", err)
		}
	}
	table, err := data.load(cmd.ErrOrStderr(), (*rpki.Table).ASPAs)
	if err != nil {
		return err
	}
	return batch(cmd, func(q question) (string, error) {
		var hops []asnOrSet
		if ok, err := q.get("path", &hops); !ok || err != nil {
			return "", orMissing(err, `"path": [3356, 64500]`)
		}
		text := usual
		if ok, err := q.get("direction", &text); err != nil || !ok && text == "" {
			return "", orMissing(err, `"direction": "upstream"`)
		}
		direction, err := rpki.ParseDirection(text)
		if err != nil {
			return "", err
		}
		return table.VerifyPath(pathOf(hops), direction).State.String(), nil
	})
}

func pathOf(hops []asnOrSet) route.Path {
	var path route.Path
	for _, h := range hops {
		kind := route.Sequence
		if h.set {
			kind = route.Set
		}
		path = append(path, route.Segment{Kind: kind, ASNs: h.asns})
	}
	return path
}

func orMissing(err error, what string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is missing", what)
}

// badShown is how many bad lines an error tells of.
const badShown = 10

// batch answers line by line. A bad line gives no output and does not stop the others; the error at the end names them.
func batch(cmd *cobra.Command, answer func(question) (string, error)) error {
	in, out := bufio.NewReader(cmd.InOrStdin()), bufio.NewWriter(cmd.OutOrStdout())
	var bad []error
	n := 0
	for number := 1; ; number++ {
		line, readErr := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := answerLine(out, line, answer); err != nil {
				if n++; n <= badShown {
					bad = append(bad, fmt.Errorf("standard input, line %d: %w", number, err))
				}
			}
		}
		if in.Buffered() == 0 { // whoever asks one by one gets the answers one by one
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return readErr
		}
		if readErr != nil {
			break
		}
	}
	if n > badShown {
		bad = append(bad, fmt.Errorf("and %d bad lines more", n-badShown))
	}
	return errors.Join(bad...)
}

func answerLine(out io.Writer, line []byte, answer func(question) (string, error)) error {
	q, err := readQuestion(line)
	if err != nil {
		return err
	}
	state, err := answer(q)
	if err != nil {
		return err
	}
	text, err := q.answered(state)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}
