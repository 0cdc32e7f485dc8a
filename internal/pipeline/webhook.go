package pipeline

// Webhook starts a pipeline when somebody outside posts to its URL (AWS: WebhookDefinition).
type Webhook struct {
	Name                        string                `json:"name"`
	TargetPipeline              string                `json:"targetPipeline"`
	TargetAction                string                `json:"targetAction"` // a source action, whose configuration filters can name
	Filters                     []WebhookFilter       `json:"filters"`
	Authentication              WebhookAuthentication `json:"authentication"`
	AuthenticationConfiguration WebhookCredentials    `json:"authenticationConfiguration"`
}

// WebhookAuthentication says how a sender proves that it may call a webhook.
type WebhookAuthentication string

// The three ways.
const (
	WebhookHMAC            WebhookAuthentication = "GITHUB_HMAC"     // it signs the body with a shared secret
	WebhookIP              WebhookAuthentication = "IP"              // it has an address in a range
	WebhookUnauthenticated WebhookAuthentication = "UNAUTHENTICATED" // it knows the URL
)

// WebhookCredentials is what a webhook's authentication compares with.
type WebhookCredentials struct {
	AllowedIPRange string `json:"AllowedIPRange,omitempty"` // a CIDR block
	SecretToken    string `json:"SecretToken,omitempty"`
}

// WebhookFilter must hold for a request to start anything: the JSONPath selects a value in its body, and that equals
// MatchEquals, in which {Key} stands for the value of that key in the target action's configuration. Without
// MatchEquals it is enough that the path selects something.
type WebhookFilter struct {
	JSONPath    string `json:"jsonPath"`
	MatchEquals string `json:"matchEquals,omitempty"`
}

// Masked is w as answers show it, with its secret replaced by Masked.
func (w Webhook) Masked() Webhook {
	if w.AuthenticationConfiguration.SecretToken != "" {
		w.AuthenticationConfiguration.SecretToken = Masked
	}
	return w
}

// RestoreSecret is w, as sent by a client that had read it before, with a masked secret replaced by the one of old.
// Where old has none the mask stays.
func (w Webhook) RestoreSecret(old Webhook) Webhook {
	if secret := old.AuthenticationConfiguration.SecretToken; secret != "" && IsMask(w.AuthenticationConfiguration.SecretToken) {
		w.AuthenticationConfiguration.SecretToken = secret
	}
	return w
}
