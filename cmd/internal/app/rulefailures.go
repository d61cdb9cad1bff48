package app

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"anywatch/rules"
)

// RuleFailure is a rule of the operator that could not be asked about some routes, or not say in its own words what it found.
type RuleFailure struct {
	Rule  string
	Times int64
	First error
}

// ruleFailures lists the rules of a set that have failed, in their order.
func ruleFailures(set *rules.Set) (out []RuleFailure) {
	for _, r := range set.Rules() {
		if n, first := r.Failures(); n > 0 {
			out = append(out, RuleFailure{r.Name, n, first})
		}
	}
	return out
}

// ruleWatch makes a metric of the failures of rules, and warns of each rule once.
type ruleWatch struct {
	total *prometheus.CounterVec
	log   *slog.Logger
	// counted is what the metric has of each rule. A reload makes all rules new: what the old ones had stays in the metric.
	counted map[*rules.Rule]int64
}

func newRuleWatch(reg prometheus.Registerer, log *slog.Logger) *ruleWatch {
	w := &ruleWatch{log: log, total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "anywatch_rule_failures_total", Help: "Routes that a rule of the configuration could not be asked about, or not put into words.",
	}, []string{"rule"})}
	reg.MustRegister(w.total)
	return w
}

// observe takes the figures of the rules in force. It is called by the owner of the engine alone.
func (w *ruleWatch) observe(set *rules.Set) {
	counted := make(map[*rules.Rule]int64, len(set.Rules()))
	for _, r := range set.Rules() {
		n, first := r.Failures()
		before := w.counted[r]
		w.total.WithLabelValues(r.Name).Add(float64(n - before)) // a series that is 0 is better than one that is missing
		if before == 0 && n > 0 {
			w.log.Warn("a rule fails on routes; this is said once, anywatch_rule_failures_total counts on", "rule", r.Name, "error", first)
		}
		counted[r] = n
	}
	w.counted = counted
}
