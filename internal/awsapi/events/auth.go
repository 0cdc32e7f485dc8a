package events

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
)

// define checks what was put and splits it into what may be shown and the secret.
func define(c *event.Connection, kind types.ConnectionAuthorizationType, description string, in *types.CreateConnectionAuthRequestParameters) error {
	if err := checkAuth(kind, in); err != nil {
		return err
	}
	auth := &types.ConnectionAuthResponseParameters{InvocationHttpParameters: withoutSecrets(in.InvocationHttpParameters)}
	if b := in.BasicAuthParameters; b != nil {
		auth.BasicAuthParameters = &types.ConnectionBasicAuthResponseParameters{Username: b.Username}
	}
	if k := in.ApiKeyAuthParameters; k != nil {
		auth.ApiKeyAuthParameters = &types.ConnectionApiKeyAuthResponseParameters{ApiKeyName: k.ApiKeyName}
	}
	if o := in.OAuthParameters; o != nil {
		auth.OAuthParameters = &types.ConnectionOAuthResponseParameters{
			AuthorizationEndpoint: o.AuthorizationEndpoint, HttpMethod: o.HttpMethod, OAuthHttpParameters: withoutSecrets(o.OAuthHttpParameters),
			ClientParameters: &types.ConnectionOAuthClientResponseParameters{ClientID: o.ClientParameters.ClientID},
		}
	}
	wire, err := awsapi.Marshal(auth)
	if err != nil {
		return err
	}
	if c.Definition, err = json.Marshal(shown{Description: description, Type: kind, AuthWire: wire}); err != nil {
		return err
	}
	c.Secret, err = awsapi.Marshal(in)
	return err
}

func checkAuth(kind types.ConnectionAuthorizationType, in *types.CreateConnectionAuthRequestParameters) error {
	if in == nil {
		in = &types.CreateConnectionAuthRequestParameters{}
	}
	if in.ConnectivityParameters != nil {
		return invalid("Parameter ConnectivityParameters is not supported: there are no private networks to connect to.")
	}
	given := map[types.ConnectionAuthorizationType]bool{
		types.ConnectionAuthorizationTypeBasic:                  in.BasicAuthParameters != nil,
		types.ConnectionAuthorizationTypeApiKey:                 in.ApiKeyAuthParameters != nil,
		types.ConnectionAuthorizationTypeOauthClientCredentials: in.OAuthParameters != nil,
	}
	for other, is := range given {
		if is != (other == kind) {
			return invalid("A connection of the type %s needs %s, and no others.", kind, parametersOf[kind])
		}
	}
	return checkOAuth(in.OAuthParameters)
}

// parametersOf names the parameters that a kind of connection has.
var parametersOf = map[types.ConnectionAuthorizationType]string{
	types.ConnectionAuthorizationTypeBasic:                  "BasicAuthParameters",
	types.ConnectionAuthorizationTypeApiKey:                 "ApiKeyAuthParameters",
	types.ConnectionAuthorizationTypeOauthClientCredentials: "OAuthParameters",
}

// checkOAuth refuses what no token can be had with. An update may have left members out.
func checkOAuth(in *types.CreateConnectionOAuthRequestParameters) error {
	switch {
	case in == nil:
		return nil
	case in.ClientParameters == nil || aws.ToString(in.ClientParameters.ClientID) == "" || aws.ToString(in.ClientParameters.ClientSecret) == "":
		return invalid("OAuthParameters needs ClientParameters with a ClientID and a ClientSecret.")
	case in.HttpMethod == "":
		return invalid("OAuthParameters needs an HttpMethod: GET, POST or PUT.")
	}
	if err := event.CheckEndpoint(aws.ToString(in.AuthorizationEndpoint)); err != nil {
		return invalid("Parameter AuthorizationEndpoint is not valid. Reason: %v.", err)
	}
	return nil
}

// withoutSecrets blanks the values that are secret.
func withoutSecrets(in *types.ConnectionHttpParameters) *types.ConnectionHttpParameters {
	if in == nil {
		return nil
	}
	out := &types.ConnectionHttpParameters{}
	for _, p := range in.HeaderParameters {
		if p.IsValueSecret {
			p.Value = nil
		}
		out.HeaderParameters = append(out.HeaderParameters, p)
	}
	for _, p := range in.QueryStringParameters {
		if p.IsValueSecret {
			p.Value = nil
		}
		out.QueryStringParameters = append(out.QueryStringParameters, p)
	}
	for _, p := range in.BodyParameters {
		if p.IsValueSecret {
			p.Value = nil
		}
		out.BodyParameters = append(out.BodyParameters, p)
	}
	return out
}

// merge lays an update over what is there: its members are the same as when a connection is made, but optional. What a
// connection adds to requests is replaced whole. A connection has the parameters of its kind alone.
func merge(
	auth types.CreateConnectionAuthRequestParameters, update *types.UpdateConnectionAuthRequestParameters, kind types.ConnectionAuthorizationType,
) (merged types.CreateConnectionAuthRequestParameters, err error) {
	before, err := members(auth)
	if err != nil {
		return merged, err
	}
	for other, name := range parametersOf {
		if other != kind {
			delete(before, name)
		}
	}
	changes, err := members(update)
	if err != nil {
		return merged, err
	}
	overlay(before, changes)
	text, err := json.Marshal(before)
	if err != nil {
		return merged, err
	}
	return merged, awsapi.Unmarshal(text, &merged)
}

// members is a structure as its wire names tell.
func members(v any) (tree map[string]any, err error) {
	text, err := awsapi.Marshal(v)
	if err != nil {
		return nil, err
	}
	return tree, json.Unmarshal(text, &tree)
}

func overlay(under, over map[string]any) {
	for name, value := range over {
		below, nested := under[name].(map[string]any)
		above, both := value.(map[string]any)
		if nested && both && !strings.HasSuffix(name, "HttpParameters") {
			overlay(below, above)
			continue
		}
		under[name] = value
	}
}
