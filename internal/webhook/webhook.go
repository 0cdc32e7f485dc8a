// Package webhook decides about webhooks: whether one is well made, whether a request comes from who it should, and
// whether its filters let it through. It is pure; secrets, requests and configurations are given to it.
package webhook

import (
	"net/netip"
	"regexp"

	"github.com/conveyor-cd/conveyor/internal/jsonpath"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Target is the source action a webhook belongs to.
type Target struct {
	// Configuration is the action's, for the filters.
	Configuration map[string]string
	// Secret lists the keys of Configuration whose values no filter may name: a filter that matches would tell them.
	Secret map[string]bool
	// GitHub: the action is a source action of GitHub (version 1), whose repository can be told to call the webhook.
	GitHub bool
}

// Check refuses a webhook whose authentication is incomplete or contradictory, or whose filters cannot work.
func Check(w pipeline.Webhook, t Target) error {
	if problem := authenticationProblem(w); problem != "" {
		return pipeline.Errorf(pipeline.InvalidWebhookAuthentication, "The authentication of webhook '%s' is not valid: %s", w.Name, problem)
	}
	for _, f := range w.Filters {
		if problem := filterProblem(f, t); problem != "" {
			return pipeline.Errorf(pipeline.InvalidWebhookFilterPattern, "The filter with the jsonPath '%s' of webhook '%s' is not valid: %s",
				f.JSONPath, w.Name, problem)
		}
	}
	return nil
}

func authenticationProblem(w pipeline.Webhook) string {
	c := w.AuthenticationConfiguration
	switch w.Authentication {
	case pipeline.WebhookHMAC:
		switch {
		case c.SecretToken == "":
			return "GITHUB_HMAC needs a SecretToken."
		case pipeline.IsMask(c.SecretToken):
			return "the SecretToken is a mask and no secret is stored that it could stand for. Enter the secret."
		case c.AllowedIPRange != "":
			return "GITHUB_HMAC takes a SecretToken and no AllowedIPRange."
		}
	case pipeline.WebhookIP:
		if c.SecretToken != "" {
			return "IP takes an AllowedIPRange and no SecretToken."
		}
		if _, err := netip.ParsePrefix(c.AllowedIPRange); err != nil {
			return "IP needs an AllowedIPRange that is a CIDR block, such as 192.0.2.0/24 or 2001:db8::/32; '" + c.AllowedIPRange + "' is not."
		}
	case pipeline.WebhookUnauthenticated:
		if c != (pipeline.WebhookCredentials{}) {
			return "UNAUTHENTICATED takes neither SecretToken nor AllowedIPRange."
		}
	default:
		return "'" + string(w.Authentication) + "' is none of GITHUB_HMAC, IP and UNAUTHENTICATED."
	}
	return ""
}

// placeholder is {Key} in what a filter compares with.
var placeholder = regexp.MustCompile(`\{[^{}]+\}`)

func filterProblem(f pipeline.WebhookFilter, t Target) string {
	if _, err := jsonpath.Parse(f.JSONPath); err != nil {
		return err.Error()
	}
	for _, p := range placeholder.FindAllString(f.MatchEquals, -1) {
		key := p[1 : len(p)-1]
		if t.Secret[key] {
			return "matchEquals names " + p + ", which is a secret."
		}
		if _, ok := t.Configuration[key]; !ok {
			return "matchEquals names " + p + ", but the configuration of the target action has no such key."
		}
	}
	return ""
}
