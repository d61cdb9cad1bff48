package config

import (
	"errors"
	"regexp"
	resyntax "regexp/syntax"

	"anywatch/collector/route"
)

// community takes 64500:101 (RFC 1997).
func community(w word) (*route.Community, *problem) {
	c, err := route.ParseCommunity(w.text)
	if err != nil {
		return nil, &problem{quote(w.text) + " is not a community", "write two numbers from 0 to 65535 with a colon between, as 64500:101"}
	}
	return &c, nil
}

// largeCommunity takes 64500:1:101 (RFC 8092).
func largeCommunity(w word) (*route.LargeCommunity, *problem) {
	c, err := route.ParseLargeCommunity(w.text)
	if err != nil {
		return nil, &problem{quote(w.text) + " is not a large community", "write three numbers from 0 to 4294967295 with colons between, as 64500:1:101"}
	}
	return &c, nil
}

// expression takes a regular expression in Go's notation (RE2).
func expression(w word) (*regexp.Regexp, *problem) {
	re, err := regexp.Compile(w.text)
	var wrong *resyntax.Error
	switch {
	case w.text == "":
		return nil, &problem{"is empty, and would fit every path", `write a regular expression, as "64501$"`}
	case errors.As(err, &wrong):
		return nil, &problem{quote(w.text) + " is not a regular expression: " + wrong.Code.String(), `write one in RE2 notation, as "64501$"`}
	case err != nil:
		return nil, &problem{quote(w.text) + " is not a regular expression", `write one in RE2 notation, as "64501$"`}
	}
	return re, nil
}
