package report

import (
	"html/template"
	"io"
)

// html writes one page that needs nothing beside it: no script, no font, no picture of another host.
func (d Document) html(w io.Writer) error {
	return page.Execute(w, d)
}

// Drawn is what is drawn above the rows.
func (d Document) Drawn() template.HTML {
	switch {
	case d.Annex != nil:
		return d.Annex.HTML()
	case d.Drawing != nil:
		return d.Drawing.HTML(d)
	}
	return ""
}

// Rich is a row whose columns are more than text on a page.
type Rich interface {
	Rich() []template.HTML
}

// pageCells gives the columns of a row for a page.
func pageCells(r Row) []any {
	var out []any
	if x, ok := r.(Rich); ok {
		for _, c := range x.Rich() {
			out = append(out, c)
		}
		return out
	}
	for _, c := range cells(r) {
		out = append(out, c)
	}
	return out
}

// wide tells that a text is too long for one line of a column.
func wide(cell any) bool {
	text, ok := cell.(string)
	return ok && len(text) > 40
}

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"stamp": stamp, "cells": pageCells, "wide": wide,
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --hue: #0550ae; --bad: #b42318; --mark: #b42318; --fill: #b4231822 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117; --hue: #79c0ff; --bad: #ff7b72; --mark: #ff7b72; --fill: #ff7b7233 } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.4rem; margin: 0 } p { color: var(--soft); margin: .3rem 0 1.2rem; max-width: 60rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap }
th { color: var(--soft); font-weight: 600; position: sticky; top: 0; background: var(--paper) }
td.wide { white-space: normal; min-width: 16rem }
figure { margin: 0; padding: .2rem 0 1rem } svg { display: block; max-width: 100%; height: auto; font: 11px system-ui, sans-serif }
svg .axis { stroke: var(--line) } svg .text { fill: var(--soft) } svg .curve { fill: none; stroke: var(--hue); stroke-width: 1.6 }
figcaption { color: var(--soft); font-size: .8rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem } h3 { font-size: .95rem; margin: 0 0 .3rem } svg .net { stroke: var(--line); fill: none } svg .frame { stroke: var(--line); fill: none }
svg .edge { stroke: var(--paper); stroke-width: 1 } svg .far { stroke: var(--bad); stroke-dasharray: 3 3; opacity: .7; fill: none } svg .name { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 3px }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .2rem 0 .6rem; padding: 0; list-style: none } .legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; vertical-align: -1px }
.side { display: flex; flex-wrap: wrap; gap: 1rem 3rem; align-items: flex-start; margin: 0 0 1.4rem } .side table { width: auto } .side th, .side td { padding-right: 1.2rem } .side th { position: static } .mark { color: var(--bad) }
svg .state-announced { fill: #2da44e } svg .state-draining { fill: #d4a72c } svg .state-missing { fill: var(--bad) } svg .state-unknown { fill: var(--line) }
summary { cursor: pointer; color: var(--soft) } details table { width: auto; margin: .4rem 0 .8rem } .num { text-align: right }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 0 0 1.2rem } .tile { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; min-width: 7.5rem } .tile b { display: block; font-size: 1.5rem; line-height: 1.3 } .tile span { color: var(--soft); font-size: .85rem }
.chip { display: inline-block; border: 1px solid var(--line); border-radius: 1em; padding: 0 .55em; margin: 0 .25em .15em 0; font-size: .82rem; white-space: nowrap } .chip.bad { color: var(--bad); border-color: var(--bad); background: var(--fill) } .chip.good { color: var(--good); border-color: var(--good) } .chip.warn { color: var(--warn); border-color: var(--warn) }
:root { --good: #1a7f37; --warn: #9a6700 } @media (prefers-color-scheme: dark) { :root { --good: #3fb950; --warn: #d29922 } }
ol.todo { padding-left: 1.6rem; margin: .2rem 0 1.2rem } ol.todo li { margin: .15rem 0 } ol.todo span, .note { color: var(--soft) } code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere } .flow { white-space: normal; min-width: 11rem }
svg .limit { stroke: var(--bad); stroke-dasharray: 4 3 } svg .reuse { stroke: var(--soft); stroke-dasharray: 1 3 } svg .held { fill: var(--fill) }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>{{.About}} {{if not .From.IsZero}}From <time>{{stamp .From}}</time> to <time>{{stamp .To}}</time>.{{end}}</p>
{{.Drawn}}{{if .Rows}}<div class="scroll"><table>
<thead><tr>{{range .People}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{$columns := len .People}}{{range .ForPeople}}<tr>{{range cells .}}<td{{if wide .}} class="wide"{{end}}>{{.}}</td>{{end}}</tr>
{{with .Figure}}<tr><td colspan="{{$columns}}"><figure>{{.}}</figure></td></tr>{{end}}
{{end}}</tbody>
</table></div>{{else}}<p>{{.Empty}}</p>{{end}}
</body>
</html>
`))
