package iam_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	service "github.com/conveyor-cd/conveyor/internal/awsapi/iam"
	"github.com/conveyor-cd/conveyor/internal/awsapi/sts"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codepipeline.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	mayRead = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`
)

// world is a server with IAM and STS, and how to speak to it as different people.
type world struct {
	url  string
	root iam.AccessKey
}

func start(t *testing.T, st store.Store) world {
	t.Helper()
	root := iam.AccessKey{ID: "AKIAROOTROOTROOTROOT", Secret: "root-secret"}
	dir := iam.New(st, iam.WithRoot(root))
	mux := awsapi.NewMux(awsapi.MuxOptions{
		Verifier:   awsapi.NewVerifier(dir, awsapi.Place{Region: "eu-west-1"}),
		Authorizer: awsapi.NewAuthorizer(dir),
	})
	mux.AddQuery(service.New(dir, awsapi.Place{}).API(), sts.New(dir, awsapi.Place{}).API())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return world{srv.URL, root}
}

func (w world) iam(id, secret string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

func (w world) asRoot() *sdk.Client { return w.iam(w.root.ID, w.root.Secret) }

func (w world) sts(id, secret string) *sdksts.Client {
	return sdksts.New(sdksts.Options{
		Region: "eu-west-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks that err is the exception want.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("got %v, want the error %s", err, want)
	}
}

func TestUserFromCradleToGrave(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx, w := context.Background(), start(t, st)
		c := w.asRoot()

		made := must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{
			UserName: aws.String("Ada"), Path: aws.String("/team/"), Tags: []types.Tag{{Key: aws.String("role"), Value: aws.String("a host")}},
		})).User
		if got, want := *made.Arn, "arn:aws:iam::000000000000:user/team/Ada"; got != want {
			t.Errorf("arn %s, want %s", got, want)
		}
		_, err := c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("ADA")})
		refused(t, err, "EntityAlreadyExists")

		key := must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String("Ada")})).AccessKey
		if len(*key.AccessKeyId) != 20 || len(*key.SecretAccessKey) != 40 {
			t.Errorf("access key %q with a secret of %d characters", *key.AccessKeyId, len(*key.SecretAccessKey))
		}
		ada := w.iam(*key.AccessKeyId, *key.SecretAccessKey)

		who := must[*sdksts.GetCallerIdentityOutput](t)(w.sts(*key.AccessKeyId, *key.SecretAccessKey).GetCallerIdentity(ctx, nil))
		if *who.Arn != *made.Arn || *who.UserId != *made.UserId || *who.Account != "000000000000" {
			t.Errorf("identity %s %s %s", *who.Arn, *who.UserId, *who.Account)
		}

		_, err = ada.GetUser(ctx, &sdk.GetUserInput{})
		refused(t, err, "AccessDenied")
		must[*sdk.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{
			UserName: aws.String("Ada"), PolicyName: aws.String("read"), PolicyDocument: aws.String(mayRead),
		}))
		self := must[*sdk.GetUserOutput](t)(ada.GetUser(ctx, &sdk.GetUserInput{})).User
		if *self.UserName != "Ada" || len(self.Tags) != 1 || *self.Tags[0].Value != "a host" {
			t.Errorf("user %+v", self)
		}
		_, err = ada.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("Ada")})
		refused(t, err, "AccessDenied")

		_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("Ada")})
		refused(t, err, "DeleteConflict")
		must[*sdk.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(ctx, &sdk.UpdateAccessKeyInput{
			UserName: aws.String("Ada"), AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive,
		}))
		_, err = ada.GetUser(ctx, &sdk.GetUserInput{})
		refused(t, err, "InvalidClientTokenId")

		for _, p := range must[*sdk.ListUserPoliciesOutput](t)(c.ListUserPolicies(ctx, &sdk.ListUserPoliciesInput{UserName: aws.String("Ada")})).PolicyNames {
			must[*sdk.DeleteUserPolicyOutput](t)(c.DeleteUserPolicy(ctx, &sdk.DeleteUserPolicyInput{UserName: aws.String("Ada"), PolicyName: aws.String(p)}))
		}
		for _, k := range must[*sdk.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: aws.String("Ada")})).AccessKeyMetadata {
			must[*sdk.DeleteAccessKeyOutput](t)(c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: aws.String("Ada"), AccessKeyId: k.AccessKeyId}))
		}
		must[*sdk.DeleteUserOutput](t)(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("Ada")}))
		_, err = c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("Ada")})
		refused(t, err, "NoSuchEntity")
	})
}

func TestRole(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx, w := context.Background(), start(t, st)
		c := w.asRoot()
		name := aws.String("belt")
		must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)}))
		must[*sdk.UpdateRoleOutput](t)(c.UpdateRole(ctx, &sdk.UpdateRoleInput{RoleName: name, Description: aws.String(`moves <things> & "more"`), MaxSessionDuration: aws.Int32(7200)}))
		must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: name, Tags: []types.Tag{
			{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("")},
		}}))
		must[*sdk.UntagRoleOutput](t)(c.UntagRole(ctx, &sdk.UntagRoleInput{RoleName: name, TagKeys: []string{"b", "c"}}))

		role := must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})).Role
		document, err := url.PathUnescape(*role.AssumeRolePolicyDocument)
		if err != nil || document != trust || strings.Contains(*role.AssumeRolePolicyDocument, "{") {
			t.Errorf("trust policy %s", *role.AssumeRolePolicyDocument)
		}
		if *role.Description != `moves <things> & "more"` || *role.MaxSessionDuration != 7200 || len(role.Tags) != 1 || *role.Tags[0].Key != "a" {
			t.Errorf("role %+v", role)
		}

		must[*sdk.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(mayRead)}))
		got := must[*sdk.GetRolePolicyOutput](t)(c.GetRolePolicy(ctx, &sdk.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}))
		if text, _ := url.PathUnescape(*got.PolicyDocument); text != mayRead {
			t.Errorf("policy %s", text)
		}
		if n := len(must[*sdk.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &sdk.ListInstanceProfilesForRoleInput{RoleName: name})).InstanceProfiles); n != 0 {
			t.Errorf("%d instance profiles", n)
		}
		must[*sdk.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx, &sdk.ListAttachedRolePoliciesInput{RoleName: name}))
		_, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name})
		refused(t, err, "DeleteConflict")
		must[*sdk.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &sdk.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}))
		must[*sdk.DeleteRoleOutput](t)(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name}))
		_, err = c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})
		refused(t, err, "NoSuchEntity")
	})
}

func TestListsComeInPages(t *testing.T) {
	ctx, w := context.Background(), start(t, sqltest.SQLite(t))
	c := w.asRoot()
	for _, n := range []string{"c", "A", "d", "B", "e"} {
		must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(n), Path: aws.String("/" + n + "/")}))
	}
	var names []string
	for p := sdk.NewListUsersPaginator(c, &sdk.ListUsersInput{MaxItems: aws.Int32(2)}); p.HasMorePages(); {
		for _, u := range must[*sdk.ListUsersOutput](t)(p.NextPage(ctx)).Users {
			names = append(names, *u.UserName)
		}
	}
	if got := strings.Join(names, ""); got != "ABcde" {
		t.Errorf("users %s", got)
	}
	some := must[*sdk.ListUsersOutput](t)(c.ListUsers(ctx, &sdk.ListUsersInput{PathPrefix: aws.String("/d")})).Users
	if len(some) != 1 || *some[0].UserName != "d" {
		t.Errorf("users below /d: %+v", some)
	}
}

func TestMistakesHaveNames(t *testing.T) {
	ctx, w := context.Background(), start(t, sqltest.SQLite(t))
	c := w.asRoot()
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("u")}))
	policy := func(document string) error {
		_, err := c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p"), PolicyDocument: &document})
		return err
	}
	role := func(document string) error {
		_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &document})
		return err
	}
	refused(t, policy(`{"Statement":`), "MalformedPolicyDocument")
	refused(t, policy(`{"Statement":{"Effect":"Allow","Action":"iam:*"}}`), "MalformedPolicyDocument")
	refused(t, policy(strings.Replace(mayRead, "iam:GetUser", "iam:"+strings.Repeat("x", 2100), 1)), "LimitExceeded")
	refused(t, role(mayRead), "MalformedPolicyDocument")
	refused(t, role(`[]`), "MalformedPolicyDocument")
	refused(t, role(strings.Replace(trust, "sts:AssumeRole", "s3:GetObject", 1)), "MalformedPolicyDocument")
	_, err := c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("no spaces allowed")})
	refused(t, err, "ValidationError")
	if want := "1 validation error detected: Value 'no spaces allowed' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{})
	refused(t, err, "ValidationError")
	_, err = c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: aws.String("p")})
	refused(t, err, "InvalidAction")
	_, err = w.sts(w.root.ID, "wrong").GetCallerIdentity(ctx, nil)
	refused(t, err, "SignatureDoesNotMatch")
	_, err = w.sts("AKIANOBODYNOBODYNOBO", "wrong").GetCallerIdentity(ctx, nil)
	refused(t, err, "InvalidClientTokenId")
	for range iam.MaxAccessKeys {
		must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String("u")}))
	}
	_, err = c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String("u")})
	refused(t, err, "LimitExceeded")
}

func TestPresignedIdentity(t *testing.T) {
	w := start(t, sqltest.SQLite(t))
	signed := must[*struct{ URL string }](t)
	p, err := sdksts.NewPresignClient(w.sts(w.root.ID, w.root.Secret)).PresignGetCallerIdentity(context.Background(), nil)
	got := signed(&struct{ URL string }{p.URL}, err)
	body, status := fetch(t, got.URL)
	if status != 200 || !strings.Contains(body, "<Arn>arn:aws:iam::000000000000:root</Arn>") {
		t.Errorf("%d %s", status, body)
	}
	body, status = fetch(t, strings.Replace(got.URL, "X-Amz-Date=2", "X-Amz-Date=1", 1))
	if status != 403 || !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("%d %s", status, body)
	}
}
