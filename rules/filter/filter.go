package filter

import (
	"fmt"

	bgpfix "github.com/bgpfix/bgpfix/filter"
)

// Filter is a compiled expression. It never changes, and may be asked by many at once, each with a Subject of its own.
type Filter struct {
	text string
	tree *bgpfix.Filter
}

// String gives the expression as it was written.
func (f *Filter) String() string { return f.text }

// Match tells whether the route that the subject holds fits. When the library fails on a route, that is an error and no match: it must not take
// more with it than this one answer.
func (f *Filter) Match(s *Subject) (fits bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			fits, err = false, fmt.Errorf("the filter %q failed on a route: %v", f.text, r)
		}
	}()
	return s.eval.Run(f.tree), nil
}

// Compile reads an expression. What is wrong with it comes as an *Error.
func Compile(text string) (*Filter, error) {
	flat, err := flatten(text)
	if err != nil {
		return nil, err
	}
	tree, err := parse(flat)
	if err != nil {
		return nil, err
	}
	c := checker{text: flat}
	if err := c.chain(tree.First); err != nil {
		return nil, err
	}
	return &Filter{text: text, tree: tree}, nil
}

// parse has the library read the expression. It runs past the end of one that stops after && or ||, and takes one that stops after !.
func parse(text string) (tree *bgpfix.Filter, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, incomplete(text)
		}
	}()
	tree, err = bgpfix.NewFilter(text)
	if err != nil {
		return nil, explain(text, err)
	}
	if !complete(tree.First) {
		return nil, incomplete(text)
	}
	return tree, nil
}

func complete(e *bgpfix.Expr) bool {
	for ; e != nil; e = e.Next {
		inner, nested := e.Val.(*bgpfix.Expr)
		if e.Filter == nil || nested && (inner == nil || !complete(inner)) {
			return false
		}
	}
	return true
}
