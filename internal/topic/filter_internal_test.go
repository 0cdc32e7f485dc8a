package topic

import "testing"

func FuzzFilterPolicy(f *testing.F) {
	for _, seed := range []string{`{"a":["x",1,true,null]}`, `{"a":[{"prefix":"x"}]}`, `{"a":{"b":[{"anything-but":[1,{"suffix":"y"}]}]}}`, `{"a":[1e999999999]}`, `[]`} {
		f.Add(seed, `{"a":{"b":1e99999}}`)
	}
	f.Fuzz(func(t *testing.T, policy, body string) {
		if _, err := parseFilter(policy); err != nil {
			return
		}
		sub := Subscription{Attributes: map[string]string{FilterPolicy: policy, FilterPolicyScope: scopeBody}}
		if _, err := sub.wants(&Message{Body: body}); err != nil {
			t.Errorf("a policy that was accepted cannot be used: %v", err)
		}
	})
}

func FuzzDeliveryPolicy(f *testing.F) {
	f.Add(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":60,"numRetries":50,"backoffFunction":"geometric"}}`)
	f.Add(`{"healthyRetryPolicy":{"numRetries":"5","numNoDelayRetries":5}}`)
	f.Fuzz(func(t *testing.T, policy string) {
		r, err := subscriptionRetries(policy)
		if err != nil || r == nil {
			return
		}
		for n := 1; n <= r.Max; n++ {
			if pause, again := r.Pause(n); !again || pause < 0 || pause > r.Greatest {
				t.Errorf("%s: pause %d is %s, %v", policy, n, pause, again)
			}
		}
		if _, again := r.Pause(r.Max + 1); again {
			t.Errorf("%s: there is no end", policy)
		}
	})
}
