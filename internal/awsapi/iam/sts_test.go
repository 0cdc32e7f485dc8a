package iam_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const trustAda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ada"},"Action":"sts:AssumeRole",
	"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}]}`

// userWithKey makes a user who may do what policy says.
func (w world) userWithKey(t *testing.T, name, policy string) (id, secret string) {
	t.Helper()
	root := w.asRoot()
	must[*sdk.CreateUserOutput](t)(root.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: &name}))
	if policy != "" {
		must[*sdk.PutUserPolicyOutput](t)(root.PutUserPolicy(t.Context(), &sdk.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))
	}
	key := must[*sdk.CreateAccessKeyOutput](t)(root.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: &name}))
	return *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
}

func (w world) session(c *types.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken),
	})
}

// TestAssumeRole: who is trusted gets what the role may, and no more than the session's policy; nobody else gets anything.
func TestAssumeRole(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		w := start(t, st)
		root := w.asRoot()
		role := must[*sdk.CreateRoleOutput](t)(root.CreateRole(t.Context(), &sdk.CreateRoleInput{RoleName: aws.String("reader"), Path: aws.String("/x/"), AssumeRolePolicyDocument: aws.String(trustAda)})).Role
		must[*sdk.AttachRolePolicyOutput](t)(root.AttachRolePolicy(t.Context(), &sdk.AttachRolePolicyInput{RoleName: role.RoleName, PolicyArn: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
		ada := w.sts(w.userWithKey(t, "ada", ""))
		bob := w.sts(w.userWithKey(t, "bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`))
		in := func(change func(*sdksts.AssumeRoleInput)) *sdksts.AssumeRoleInput {
			q := &sdksts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("on-call"), ExternalId: aws.String("secret")}
			change(q)
			return q
		}
		asked := func(c *sdksts.Client, change func(*sdksts.AssumeRoleInput)) error {
			_, err := c.AssumeRole(t.Context(), in(change))
			return err
		}
		as := func(*sdksts.AssumeRoleInput) {}
		refused(t, asked(bob, as), "AccessDenied")
		refused(t, asked(w.sts(w.root.ID, w.root.Secret), as), "AccessDenied")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.ExternalId = aws.String("guess") }), "AccessDenied")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.RoleArn = aws.String("arn:aws:iam::000000000000:role/none-such") }), "AccessDenied")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.RoleArn = aws.String("arn:aws:iam::000000000000:role/reader") }), "AccessDenied")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.DurationSeconds = aws.Int32(7200) }), "ValidationError")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.Policy = aws.String(`{`) }), "MalformedPolicyDocument")
		refused(t, asked(ada, func(q *sdksts.AssumeRoleInput) { q.SerialNumber = aws.String("arn:aws:iam::000000000000:mfa/x") }), "ValidationError")

		out := must[*sdksts.AssumeRoleOutput](t)(ada.AssumeRole(t.Context(), in(as)))
		if *out.AssumedRoleUser.Arn != "arn:aws:sts::000000000000:assumed-role/reader/on-call" || *out.AssumedRoleUser.AssumedRoleId != *role.RoleId+":on-call" || time.Until(*out.Credentials.Expiration) < 50*time.Minute {
			t.Errorf("%+v %v", out.AssumedRoleUser, out.Credentials.Expiration)
		}
		c := w.session(out.Credentials)
		must[*sdk.ListUsersOutput](t)(c.ListUsers(t.Context(), &sdk.ListUsersInput{}))
		_, err := c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: aws.String("eve")})
		refused(t, err, "AccessDenied")

		out = must[*sdksts.AssumeRoleOutput](t)(ada.AssumeRole(t.Context(), in(func(q *sdksts.AssumeRoleInput) { q.Policy = aws.String(mayRead) })))
		c = w.session(out.Credentials)
		must[*sdk.GetUserOutput](t)(c.GetUser(t.Context(), &sdk.GetUserInput{UserName: aws.String("ada")}))
		_, err = c.ListUsers(t.Context(), &sdk.ListUsersInput{})
		refused(t, err, "AccessDenied")

		must[*sdk.DetachRolePolicyOutput](t)(root.DetachRolePolicy(t.Context(), &sdk.DetachRolePolicyInput{RoleName: role.RoleName, PolicyArn: aws.String("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))
		must[*sdk.DeleteRoleOutput](t)(root.DeleteRole(t.Context(), &sdk.DeleteRoleInput{RoleName: role.RoleName}))
		_, err = c.GetUser(t.Context(), &sdk.GetUserInput{UserName: aws.String("ada")})
		refused(t, err, "InvalidClientTokenId")
	})
}

// TestTokens: a user's session is the user; a federated one may do what both the user and its policy allow.
func TestTokens(t *testing.T) {
	w := start(t, sqltest.SQLite(t))
	id, secret := w.userWithKey(t, "ada", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:List*","sts:GetFederationToken"],"Resource":"*"}}`)
	ada := w.sts(id, secret)
	token := must[*sdksts.GetSessionTokenOutput](t)(ada.GetSessionToken(t.Context(), &sdksts.GetSessionTokenInput{}))
	c := w.session(token.Credentials)
	must[*sdk.ListUsersOutput](t)(c.ListUsers(t.Context(), &sdk.ListUsersInput{}))
	_, err := c.GetUser(t.Context(), &sdk.GetUserInput{})
	refused(t, err, "AccessDenied")
	again := sdksts.New(sdksts.Options{
		Region: "eu-west-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(*token.Credentials.AccessKeyId, *token.Credentials.SecretAccessKey, *token.Credentials.SessionToken),
	})
	_, err = again.GetSessionToken(t.Context(), &sdksts.GetSessionTokenInput{})
	refused(t, err, "AccessDenied")

	for policy, want := range map[string]string{
		"": "AccessDenied",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`:           "",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`: "AccessDenied",
	} {
		in := &sdksts.GetFederationTokenInput{Name: aws.String("guest")}
		if policy != "" {
			in.Policy = &policy
		}
		guest := must[*sdksts.GetFederationTokenOutput](t)(ada.GetFederationToken(t.Context(), in))
		_, err := w.session(guest.Credentials).ListUsers(t.Context(), &sdk.ListUsersInput{})
		if want == "" && err != nil || want != "" && err == nil {
			t.Errorf("%q: %v", policy, err)
		}
	}
	_, err = ada.DecodeAuthorizationMessage(t.Context(), &sdksts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("x")})
	refused(t, err, "AccessDenied")
	_, err = w.sts(w.root.ID, w.root.Secret).DecodeAuthorizationMessage(t.Context(), &sdksts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("x")})
	refused(t, err, "InvalidAuthorizationMessageException")

	must[*sdk.UpdateAccessKeyOutput](t)(w.asRoot().UpdateAccessKey(t.Context(), &sdk.UpdateAccessKeyInput{UserName: aws.String("ada"), AccessKeyId: &id, Status: "Inactive"}))
	_, err = c.ListUsers(t.Context(), &sdk.ListUsersInput{})
	refused(t, err, "InvalidClientTokenId")
}
