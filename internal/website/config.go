package website

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// configuration is a bucket's website configuration as clients put it. It was validated when it was put.
type configuration struct {
	Index *struct {
		Suffix string
	} `xml:"IndexDocument"`
	Error *struct {
		Key string
	} `xml:"ErrorDocument"`
	RedirectAll *struct {
		HostName string
		Protocol string
	} `xml:"RedirectAllRequestsTo"`
	Rules []rule `xml:"RoutingRules>RoutingRule"`
}

type rule struct {
	Condition *struct {
		KeyPrefixEquals             string
		HTTPErrorCodeReturnedEquals string `xml:"HttpErrorCodeReturnedEquals"`
	}
	Redirect struct {
		HostName             string
		Protocol             string
		HTTPRedirectCode     string  `xml:"HttpRedirectCode"`
		ReplaceKeyWith       *string // nil: absent; an empty element is a value
		ReplaceKeyPrefixWith *string
	}
}

func parseConfiguration(doc []byte) (configuration, error) {
	var c configuration
	err := xml.Unmarshal(doc, &c)
	return c, err
}

func (c configuration) suffix() string {
	if c.Index == nil {
		return ""
	}
	return c.Index.Suffix
}

// before is the first rule that applies before the object is looked up.
func (c configuration) before(key string) *rule {
	for i, r := range c.Rules {
		if r.Condition == nil || r.Condition.HTTPErrorCodeReturnedEquals == "" && strings.HasPrefix(key, r.Condition.KeyPrefixEquals) {
			return &c.Rules[i]
		}
	}
	return nil
}

// after is the first rule that applies to the error a request for key ends with.
func (c configuration) after(key string, status int) *rule {
	for i, r := range c.Rules {
		if r.Condition != nil && r.Condition.HTTPErrorCodeReturnedEquals == strconv.Itoa(status) &&
			strings.HasPrefix(key, r.Condition.KeyPrefixEquals) {
			return &c.Rules[i]
		}
	}
	return nil
}

// target is the key a rule redirects key to.
func (r rule) target(key string) string {
	switch {
	case r.Redirect.ReplaceKeyWith != nil:
		return *r.Redirect.ReplaceKeyWith
	case r.Redirect.ReplaceKeyPrefixWith == nil:
		return key
	case r.Condition != nil:
		return *r.Redirect.ReplaceKeyPrefixWith + strings.TrimPrefix(key, r.Condition.KeyPrefixEquals)
	default:
		return *r.Redirect.ReplaceKeyPrefixWith + key
	}
}

func (r rule) status() int {
	if code, err := strconv.Atoi(r.Redirect.HTTPRedirectCode); err == nil && code >= 300 && code < 400 {
		return code
	}
	return http.StatusMovedPermanently
}
