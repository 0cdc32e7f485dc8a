package website

import "testing"

func FuzzConfiguration(f *testing.F) {
	for _, s := range []string{
		"", "<WebsiteConfiguration/>",
		"<WebsiteConfiguration><RoutingRules><RoutingRule><Redirect><ReplaceKeyPrefixWith/></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>",
		"<W><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition><Redirect><HttpRedirectCode>999</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></W>",
	} {
		f.Add(s, "key")
	}
	f.Fuzz(func(t *testing.T, doc, key string) {
		c, err := parseConfiguration([]byte(doc))
		if err != nil {
			return
		}
		_ = c.suffix()
		for _, r := range []*rule{c.before(key), c.after(key, 404)} {
			if r == nil {
				continue
			}
			_ = r.target(key)
			if s := r.status(); s < 300 || s > 399 {
				t.Errorf("a redirect with status %d", s)
			}
		}
	})
}
