package figure

import (
	"fmt"
	"slices"
	"strings"
)

// Direction says which values are good.
type Direction uint8

// Lower is for times and memory, Higher for rates.
const (
	Lower Direction = iota
	Higher
)

// Alternative is what somebody else needs for the same thing.
type Alternative struct {
	Name   string
	Sample Sample
	Note   string // why there is no value; or, beside one, what must be known of it
}

// Budget is what was promised. The zero value promises nothing.
type Budget struct {
	// Limit bounds the value itself; or, with Against, how many times as good as that alternative we must be.
	Limit   float64
	Against string
	// Text replaces the budget's own wording, where a ratio reads better the other way round.
	Text string
}

// Row is one line of the table.
type Row struct {
	What         string
	Unit         Unit
	Better       Direction
	Ours         Sample
	Alternatives []Alternative
	Budget       Budget
}

// Ratio is how many times as good as an alternative's median ours is: 2 is twice as fast, or half the memory; below 1 we are worse. It is
// not ok without both.
func (r Row) Ratio(a Alternative) (ratio float64, ok bool) {
	ours, theirs := r.Ours.Median(), a.Sample.Median()
	if ours == 0 || theirs == 0 {
		return 0, false
	}
	if r.Better == Lower {
		return theirs / ours, true
	}
	return ours / theirs, true
}

// Met tells whether the budget is met; it is not known when there is none, or when what it compares with was not measured.
func (r Row) Met() (met, known bool) {
	b := r.Budget
	if b == (Budget{}) || len(r.Ours) == 0 {
		return false, false
	}
	if b.Against == "" {
		if r.Better == Lower {
			return r.Ours.Median() <= b.Limit, true
		}
		return r.Ours.Median() >= b.Limit, true
	}
	i := slices.IndexFunc(r.Alternatives, func(a Alternative) bool { return a.Name == b.Against })
	if i < 0 {
		return false, false
	}
	ratio, ok := r.Ratio(r.Alternatives[i])
	return ok && ratio >= b.Limit, ok
}

func (r Row) budget() string {
	b := r.Budget
	switch {
	case b == (Budget{}):
		return ""
	case b.Text != "":
		return b.Text
	case b.Against != "":
		return "≥ " + digits(b.Limit) + " × " + b.Against
	case r.Better == Lower:
		return "≤ " + r.Unit.Format(b.Limit)
	}
	return "≥ " + r.Unit.Format(b.Limit)
}

func (r Row) met() string {
	met, known := r.Met()
	switch {
	case known && met:
		return "yes"
	case known:
		return "no"
	case r.Budget != (Budget{}):
		return "not measured"
	}
	return ""
}

// alternatives writes each with its value, and ratios how many times as good we are, in the same order.
func (r Row) alternatives() (list, ratios string) {
	var names, times []string
	for _, a := range r.Alternatives {
		text := a.Name
		if len(a.Sample) > 0 {
			text += " " + a.Sample.Format(r.Unit)
		}
		if a.Note != "" {
			text += fmt.Sprintf(" [%s]", a.Note)
		}
		names = append(names, text)
		if ratio, ok := r.Ratio(a); ok {
			times = append(times, digits(ratio)+" ×")
		} else {
			times = append(times, "—")
		}
	}
	return strings.Join(names, "; "), strings.Join(times, "; ")
}

// cells gives the row as text, in the order of headings.
func (r Row) cells() []string {
	list, ratios := r.alternatives()
	return []string{r.What, r.Ours.Format(r.Unit), list, ratios, r.budget(), r.met()}
}

func headings() []string {
	return []string{"what", "anywatch", "alternatives", "ratio", "budget", "met?"}
}

// Markdown writes the rows as a table for a README.
func Markdown(rows []Row) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(headings())
	line([]string{"---", "---", "---", "---", "---", "---"})
	for _, r := range rows {
		cells := r.cells()
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		line(cells)
	}
	return b.String()
}

// Text writes the rows for a terminal: each with its value and its budget, and the alternatives one below the other.
func Text(rows []Row) string {
	var lines [][3]string
	for _, r := range rows {
		lines = append(lines, [3]string{r.What, r.Ours.Format(r.Unit), r.verdict()})
		for _, a := range r.Alternatives {
			rest := a.Note
			if ratio, ok := r.Ratio(a); ok {
				rest = strings.TrimSpace(digits(ratio) + " ×   " + a.Note)
			}
			lines = append(lines, [3]string{"  " + a.Name, a.Sample.Format(r.Unit), rest})
		}
	}
	var first, second int
	for _, l := range lines {
		first, second = max(first, width(l[0])), max(second, width(l[1]))
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(pad(l[0], first)+"  "+pad(l[1], second)+"  "+l[2], " ") + "\n")
	}
	return b.String()
}

// verdict writes the budget and whether it is met, for the terminal.
func (r Row) verdict() string {
	switch met := r.met(); met {
	case "":
		return ""
	case "yes":
		return "budget " + r.budget() + ": met"
	case "no":
		return "budget " + r.budget() + ": NOT MET"
	default:
		return "budget " + r.budget() + ": " + met
	}
}

func width(s string) int { return len([]rune(s)) }

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }
