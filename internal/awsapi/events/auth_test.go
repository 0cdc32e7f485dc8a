package events_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
)

func clientCredentials() *types.CreateConnectionAuthRequestParameters {
	return &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
		AuthorizationEndpoint: aws.String("https://login.example.com/token"), HttpMethod: types.ConnectionOAuthHttpMethodPost,
		ClientParameters: &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("me"), ClientSecret: aws.String("hush")},
		OAuthHttpParameters: &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{
			{Key: aws.String("audience"), Value: aws.String("api")}, {Key: aws.String("pin"), Value: aws.String("hush"), IsValueSecret: true},
		}},
	}}
}

func TestConnectionsWithClientCredentials(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		ctx, name := t.Context(), aws.String("hook")
		_, err := c.CreateConnection(ctx, &sdk.CreateConnectionInput{
			Name: name, AuthorizationType: types.ConnectionAuthorizationTypeOauthClientCredentials, AuthParameters: clientCredentials(),
		})
		if err != nil {
			t.Fatal(err)
		}
		// What is left out of an update stays, the secret included.
		_, err = c.UpdateConnection(ctx, &sdk.UpdateConnectionInput{Name: name, AuthParameters: &types.UpdateConnectionAuthRequestParameters{
			OAuthParameters: &types.UpdateConnectionOAuthRequestParameters{
				ClientParameters: &types.UpdateConnectionOAuthClientRequestParameters{ClientID: aws.String("you")},
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		seen, err := c.DescribeConnection(ctx, &sdk.DescribeConnectionInput{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		o := seen.AuthParameters.OAuthParameters
		if *o.AuthorizationEndpoint != "https://login.example.com/token" || o.HttpMethod != types.ConnectionOAuthHttpMethodPost || *o.ClientParameters.ClientID != "you" {
			t.Errorf("%+v", o)
		}
		if body := o.OAuthHttpParameters.BodyParameters; *body[0].Value != "api" || body[1].Value != nil || !body[1].IsValueSecret {
			t.Errorf("%+v", body)
		}
	})
}

func TestConnectionsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		basic := &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("eve"), Password: aws.String("hush")}
		oauth := types.ConnectionAuthorizationTypeOauthClientCredentials
		for says, in := range map[string]*sdk.CreateConnectionInput{
			"OAUTH_CLIENT_CREDENTIALS needs OAuthParameters": {AuthorizationType: oauth, AuthParameters: &types.CreateConnectionAuthRequestParameters{BasicAuthParameters: basic}},
			"BASIC needs BasicAuthParameters":                {AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: clientCredentials()},
			"API_KEY needs ApiKeyAuthParameters":             {AuthorizationType: types.ConnectionAuthorizationTypeApiKey, AuthParameters: &types.CreateConnectionAuthRequestParameters{}},
			"AuthorizationEndpoint is not valid": {AuthorizationType: oauth, AuthParameters: func() *types.CreateConnectionAuthRequestParameters {
				p := clientCredentials()
				p.OAuthParameters.AuthorizationEndpoint = aws.String("https://me:hush@login.example.com/")
				return p
			}()},
		} {
			in.Name = aws.String("hook")
			_, err := c.CreateConnection(t.Context(), in)
			awsapitest.Refused(t, err, "ValidationException", says)
		}
	})
}
