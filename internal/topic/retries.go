package topic

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Retries is how a delivery that failed is tried again: SNS's delivery policy. There are four phases: at once
// (NoDelay), after the least pause (MinDelay), with pauses that grow from the least to the greatest, and after the
// greatest pause (MaxDelay). Max counts the retries of all phases.
type Retries struct {
	Least, Greatest             time.Duration
	Max                         int
	NoDelay, MinDelay, MaxDelay int
	Function                    string // linear, arithmetic, geometric or exponential
}

// DefaultRetries goes on for about six hours: an office's chat server may be away over a long lunch.
var DefaultRetries = Retries{Least: time.Second, Greatest: 20 * time.Minute, Max: 28, Function: "exponential"}

var functions = []string{"linear", "arithmetic", "geometric", "exponential"}

// Pause is how long to wait before the n-th retry (from 1), and false when there is none.
func (r Retries) Pause(n int) (time.Duration, bool) {
	growing := r.Max - r.NoDelay - r.MinDelay - r.MaxDelay
	switch {
	case n > r.Max:
		return 0, false
	case n <= r.NoDelay:
		return 0, true
	case n <= r.NoDelay+r.MinDelay:
		return r.Least, true
	case n > r.Max-r.MaxDelay:
		return r.Greatest, true
	}
	return r.grown(n-r.NoDelay-r.MinDelay-1, growing), true
}

// grown is the pause of step i (from 0) of n. The functions differ in how fast the pause grows; an exponential one
// doubles, so that it is at the greatest pause before the end.
func (r Retries) grown(i, n int) time.Duration {
	span := float64(r.Greatest - r.Least)
	at := 0.0
	if n > 1 {
		at = float64(i) / float64(n-1)
	}
	switch r.Function {
	case "arithmetic":
		at *= at
	case "geometric":
		if r.Least > 0 {
			return r.Least + time.Duration(float64(r.Least)*(math.Pow(float64(r.Greatest)/float64(r.Least), at)-1))
		}
	case "exponential":
		return min(r.Greatest, time.Duration(float64(max(r.Least, time.Second))*math.Pow(2, float64(min(i, 40)))))
	}
	return r.Least + time.Duration(span*at)
}

// document is the policy in SNS's words.
func (r Retries) document() map[string]any {
	return map[string]any{
		"minDelayTarget": int(r.Least / time.Second), "maxDelayTarget": int(r.Greatest / time.Second), "numRetries": r.Max,
		"numNoDelayRetries": r.NoDelay, "numMinDelayRetries": r.MinDelay, "numMaxDelayRetries": r.MaxDelay, "backoffFunction": r.Function,
	}
}

// EffectivePolicy is the delivery policy that a topic's subscriptions are served by unless they have one of their own.
func (s *Store) EffectivePolicy(t Topic) string {
	r, err := topicRetries(t.Attributes[DeliveryPolicy])
	if err != nil || r == nil {
		r = s.o.Retries
	}
	return text(map[string]any{"http": map[string]any{"defaultHealthyRetryPolicy": r.document(), "disableSubscriptionOverrides": false}})
}

// EffectiveSubscriptionPolicy is the delivery policy a subscription is served by.
func (s *Store) EffectiveSubscriptionPolicy(t Topic, sub Subscription) string {
	return text(map[string]any{"healthyRetryPolicy": s.retriesOf(t, sub).document()})
}

func (s *Store) retriesOf(t Topic, sub Subscription) Retries {
	if r, err := subscriptionRetries(sub.Attributes[DeliveryPolicy]); err == nil && r != nil {
		return *r
	}
	if r, err := topicRetries(t.Attributes[DeliveryPolicy]); err == nil && r != nil {
		return *r
	}
	return *s.o.Retries
}

// topicRetries reads a topic's policy, subscriptionRetries a subscription's; nil when it says nothing of retries.
func topicRetries(policy string) (*Retries, error) {
	return policyRetries(policy, "http", "defaultHealthyRetryPolicy")
}

func subscriptionRetries(policy string) (*Retries, error) {
	return policyRetries(policy, "", "healthyRetryPolicy")
}

func policyRetries(policy, within, member string) (*Retries, error) {
	if policy == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(policy))
	d.UseNumber()
	var document map[string]any
	if err := d.Decode(&document); err != nil || document == nil {
		return nil, errors.New("DeliveryPolicy must be a JSON document")
	}
	if within != "" {
		inner, ok := document[within].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("DeliveryPolicy must have the member %s", within)
		}
		document = inner
	}
	for name, v := range document {
		switch name {
		case member:
		case "throttlePolicy", "defaultThrottlePolicy", "sicklyRetryPolicy", "requestPolicy", "defaultRequestPolicy":
			if v != nil {
				return nil, fmt.Errorf("DeliveryPolicy: %s is not supported by this server; there are retry policies only", name)
			}
		case "guaranteed", "disableSubscriptionOverrides":
			if v != false && v != nil {
				return nil, fmt.Errorf("DeliveryPolicy: %s can only be false", name)
			}
		default:
			return nil, fmt.Errorf("DeliveryPolicy: the member %s is unknown", name)
		}
	}
	retry, ok := document[member].(map[string]any)
	if !ok {
		return nil, nil
	}
	return readRetries(retry)
}

// The bounds are SNS's.
const (
	maxRetries    = 100
	maxRetryDelay = 3600
)

func readRetries(in map[string]any) (*Retries, error) {
	r := Retries{Least: 20 * time.Second, Greatest: 20 * time.Second, Max: 3, Function: "linear"}
	least, greatest := 20, 20
	numbers := map[string]*int{
		"minDelayTarget": &least, "maxDelayTarget": &greatest, "numRetries": &r.Max,
		"numNoDelayRetries": &r.NoDelay, "numMinDelayRetries": &r.MinDelay, "numMaxDelayRetries": &r.MaxDelay,
	}
	for name, v := range in {
		if name == "backoffFunction" {
			r.Function, _ = v.(string)
			continue
		}
		to, known := numbers[name]
		if !known {
			return nil, fmt.Errorf("DeliveryPolicy: the member %s of a retry policy is unknown", name)
		}
		if v == nil {
			continue
		}
		n, ok := atoi(v)
		if !ok || n < 0 {
			return nil, fmt.Errorf("DeliveryPolicy: %s must be a number", name)
		}
		*to = n
	}
	r.Least, r.Greatest = time.Duration(least)*time.Second, time.Duration(greatest)*time.Second
	switch {
	case r.Max > maxRetries:
		return nil, fmt.Errorf("DeliveryPolicy: numRetries must be from 0 to %d", maxRetries)
	case least < 1 || least > maxRetryDelay || greatest > maxRetryDelay:
		return nil, fmt.Errorf("DeliveryPolicy: minDelayTarget and maxDelayTarget must be from 1 to %d", maxRetryDelay)
	case greatest < least:
		return nil, errors.New("DeliveryPolicy: maxDelayTarget must be greater than or equal to minDelayTarget")
	case r.NoDelay+r.MinDelay+r.MaxDelay > r.Max:
		return nil, errors.New("DeliveryPolicy: numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries")
	case !slices.Contains(functions, r.Function):
		return nil, fmt.Errorf("DeliveryPolicy: backoffFunction must be one of %s", strings.Join(functions, ", "))
	}
	return &r, nil
}
