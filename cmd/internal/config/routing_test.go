package config

import (
	"testing"
	"time"
)

// Labels of the defaults and of a prefix are joined; the prefix's own win, and what one prefix has no other gets.
func TestLabels(t *testing.T) {
	c := load(t, "full.yaml")
	equal(t, "defaults", c.Defaults.Labels, map[string]string{"team": "dns", "tier": "1"})
	equal(t, "joined", c.Prefixes[0].Labels, map[string]string{"team": "dns", "tier": "gold", "on call": "yes"})
	equal(t, "inherited", c.Prefixes[1].Labels, c.Defaults.Labels)
	equal(t, "none", load(t, "minimal.yaml").Prefixes[0].Labels, map[string]string(nil))
}

func TestRoutingOfSinks(t *testing.T) {
	sinks := load(t, "full.yaml").Alerts.Sinks
	equal(t, "labels", sinks[0].Labels, map[string]string{"team": "dns"})
	equal(t, "escalate", sinks[0].Escalate, Escalate{After: 10 * time.Minute, To: "pager"})
	for n, want := range []GroupBy{BySite, ByPrefix, ByOffender, ByIncident, ""} {
		equal(t, "group_by of "+sinks[n].Name, sinks[n].GroupBy, want)
	}
	equal(t, "escalate without a time", sinks[5].Escalate, Escalate{After: 15 * time.Minute, To: "pager"})
	equal(t, "no escalation", sinks[1].Escalate, Escalate{})
}

func TestSecretsOfTheEnvironment(t *testing.T) {
	byName := map[string]Sink{}
	for _, s := range load(t, "full.yaml").Alerts.Sinks {
		byName[s.Name] = s
	}
	const secret = "sEcReT-of-the-environment"
	equal(t, "password", byName["mail"].Email.Password.Reveal(), secret)
	equal(t, "token", byName["am-token"].Alertmanager.Token.Reveal(), secret)
	equal(t, "app token", byName["am-bot"].Slack.AppToken.Reveal(), secret)
	equal(t, "routing key", byName["key"].PagerDuty.RoutingKey.Reveal(), secret)
	equal(t, "key", byName["signed"].Webhook.Key.Reveal(), secret)
	equal(t, "hook", byName["other-slack"].Slack.WebhookURL.Reveal(), "https://hooks.example.net/sEcReT")
	equal(t, "room", byName["room"].Chat.URL.Reveal(), "matrix://sEcReT@matrix.example.net/!noc:example.net")
}
