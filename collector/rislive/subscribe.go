package rislive

import (
	"encoding/json"
	"slices"
)

// How much is asked for by name: up to 500 prefixes and 20 ASes. The server matches every message with each of them, so that for more than that
// everything costs both sides less.
const (
	fewPrefixes = 500
	fewASNs     = 20
)

// everything tells whether all that the server has is asked for, the firehose.
func (c *Config) everything() bool { return len(c.Prefixes) > fewPrefixes || len(c.ASNs) > fewASNs }

// filter is what one subscription asks for; all that it leaves empty matches everything.
type filter struct {
	Prefix       []string `json:"prefix,omitempty"`
	MoreSpecific bool     `json:"moreSpecific,omitempty"`
	LessSpecific bool     `json:"lessSpecific,omitempty"`
	Path         string   `json:"path,omitempty"`
	Type         string   `json:"type,omitempty"`
	Options      options  `json:"socketOptions"`
}

// options are those of the connection. The raw octets tell more than the decoded form, large communities for one, and double the volume: they
// are asked for where little comes.
type options struct {
	IncludeRaw  bool `json:"includeRaw"`
	Acknowledge bool `json:"acknowledge"`
}

// request is a message to the server.
type request struct {
	Type string  `json:"type"`
	Data *filter `json:"data,omitempty"`
}

// text gives the message as it is sent.
func (r request) text() string {
	b, err := json.Marshal(r)
	if err != nil {
		return "" // strings, booleans and numbers can always be marshalled
	}
	return string(b)
}

// filters gives the subscriptions for what is watched: when it is little, what touches the prefixes, what has our ASes in its path, and the
// states of the peers; else everything.
func filters(cfg *Config) []filter {
	if cfg.everything() {
		return []filter{{Options: options{Acknowledge: true}}}
	}
	var out []filter
	with := options{IncludeRaw: true, Acknowledge: true}
	if len(cfg.Prefixes) > 0 {
		f := filter{MoreSpecific: true, LessSpecific: true, Options: with}
		for _, p := range cfg.Prefixes {
			f.Prefix = append(f.Prefix, p.String())
		}
		slices.Sort(f.Prefix)
		out = append(out, f)
	}
	for _, asn := range cfg.ASNs {
		out = append(out, filter{Path: asn.String()[len("AS"):], Options: with})
	}
	return append(out, filter{Type: "RIS_PEER_STATE", Options: with})
}

// changes gives the messages that lead from one set of subscriptions to another: the new ones first, so that nothing is missed in between.
func changes(from, to []filter) []string {
	texts := func(kind string, list []filter) (out []string) {
		for _, f := range list {
			out = append(out, request{kind, &f}.text())
		}
		return out
	}
	const subscribe, unsubscribe = "ris_subscribe", "ris_unsubscribe"
	var out []string
	for i, text := range texts(subscribe, to) {
		if !slices.Contains(texts(subscribe, from), text) {
			out = append(out, texts(subscribe, to)[i])
		}
	}
	for i, text := range texts(subscribe, from) {
		if !slices.Contains(texts(subscribe, to), text) {
			out = append(out, texts(unsubscribe, from)[i])
		}
	}
	return out
}
