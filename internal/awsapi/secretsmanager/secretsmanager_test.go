package secretsmanager_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/secretsmanager"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

// each runs f with a client of a fresh vault, on each database.
func each(t *testing.T, f func(t *testing.T, c *sdk.Client)) {
	t.Helper()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		box, err := secret.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		service := secretsmanager.New(vault.New(st, box), awsapi.Place{})
		f(t, sdk.NewFromConfig(awsapitest.Serve(t, func(m *awsapi.Mux) { m.Add(service.API()) })))
	})
}

func create(t *testing.T, c *sdk.Client, name, value string) *sdk.CreateSecretOutput {
	t.Helper()
	out, err := c.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVersionsOfASecretMoveThroughStages(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		made := create(t, c, "db", "first")
		value := func(stage string) string {
			out, err := c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: made.ARN, VersionStage: &stage})
			if err != nil {
				return err.Error()
			}
			return aws.ToString(out.SecretString)
		}
		second, err := c.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String("db"), SecretString: aws.String("second")})
		if err != nil || value("AWSCURRENT") != "second" || value("AWSPREVIOUS") != "first" {
			t.Fatalf("%v: current %s, previous %s", err, value("AWSCURRENT"), value("AWSPREVIOUS"))
		}
		if _, err := c.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{
			SecretId: aws.String("db"), SecretString: aws.String("third"), VersionStages: []string{"AWSPENDING"},
		}); err != nil || value("AWSCURRENT") != "second" || value("AWSPENDING") != "third" {
			t.Errorf("%v: current %s, pending %s", err, value("AWSCURRENT"), value("AWSPENDING"))
		}
		if _, err := c.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{
			SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: made.VersionId, RemoveFromVersionId: second.VersionId,
		}); err != nil || value("AWSCURRENT") != "first" {
			t.Errorf("%v: current %s", err, value("AWSCURRENT"))
		}
		versions, err := c.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: aws.String("db")})
		if err != nil || len(versions.Versions) != 3 {
			t.Errorf("%+v, %v", versions, err)
		}
		_, err = c.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{
			SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: made.VersionId,
		})
		awsapitest.Refused(t, err, "InvalidParameterException", "can't be completely removed")
	})
}

func TestAPutThatIsRepeatedPutsOnce(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		create(t, c, "db", "first")
		in := &sdk.PutSecretValueInput{
			SecretId: aws.String("db"), SecretString: aws.String("second"), ClientRequestToken: aws.String("7f3c2c9e-8a57-4c2a-9c6c-111111111111"),
		}
		for range 2 {
			if _, err := c.PutSecretValue(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		in.SecretString = aws.String("another")
		_, err := c.PutSecretValue(t.Context(), in)
		awsapitest.Refused(t, err, "ResourceExistsException", "")
		versions, err := c.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: aws.String("db"), IncludeDeprecated: aws.Bool(true)})
		if err != nil || len(versions.Versions) != 2 {
			t.Errorf("%+v, %v", versions, err)
		}
	})
}

func TestASecretIsDeletedLaterOrAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		create(t, c, "db", "first")
		id := aws.String("db")
		if _, err := c.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: aws.Int64(7)}); err != nil {
			t.Fatal(err)
		}
		_, err := c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: id})
		awsapitest.Refused(t, err, "InvalidRequestException", "deletion")
		_, err = c.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: id, SecretString: aws.String("x")})
		awsapitest.Refused(t, err, "InvalidRequestException", "scheduled for deletion")
		if _, err := c.RestoreSecret(t.Context(), &sdk.RestoreSecretInput{SecretId: id}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: id}); err != nil || *got.SecretString != "first" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := c.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
			t.Fatal(err)
		}
		_, err = c.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: id})
		awsapitest.Refused(t, err, "ResourceNotFoundException", "")
	})
}

func TestSecretsAreFoundByFilters(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for _, name := range []string{"web/a", "web/b", "web/c", "db/a"} {
			create(t, c, name, "of "+name)
		}
		if _, err := c.TagResource(t.Context(), &sdk.TagResourceInput{SecretId: aws.String("db/a"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}}); err != nil {
			t.Fatal(err)
		}
		names := func(filters ...types.Filter) (list []string) {
			pages := sdk.NewListSecretsPaginator(c, &sdk.ListSecretsInput{
				Filters: filters, MaxResults: aws.Int32(2), SortBy: types.SortByTypeName, SortOrder: types.SortOrderTypeAsc,
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range page.SecretList {
					list = append(list, *s.Name)
				}
			}
			return list
		}
		for _, tt := range []struct {
			filters []types.Filter
			want    string
		}{
			{nil, "[db/a web/a web/b web/c]"},
			{[]types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"web/"}}}, "[web/a web/b web/c]"},
			{[]types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"!web/"}}}, "[db/a]"},
			{[]types.Filter{{Key: types.FilterNameStringTypeTagKey, Values: []string{"team"}}}, "[db/a]"},
		} {
			if got := fmt.Sprint(names(tt.filters...)); got != tt.want {
				t.Errorf("%+v: %s", tt.filters, got)
			}
		}
		batch, err := c.BatchGetSecretValue(t.Context(), &sdk.BatchGetSecretValueInput{SecretIdList: []string{"web/a", "none"}})
		if err != nil || len(batch.SecretValues) != 1 || *batch.SecretValues[0].SecretString != "of web/a" ||
			len(batch.Errors) != 1 || *batch.Errors[0].ErrorCode != "ResourceNotFoundException" {
			t.Errorf("%+v, %v", batch, err)
		}
	})
}

func TestSecretsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		_, err := c.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x"), SecretBinary: []byte("y")})
		awsapitest.Refused(t, err, "InvalidParameterException", "both a binary secret value and a string")
		create(t, c, "s", "x")
		_, err = c.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x")})
		awsapitest.Refused(t, err, "ResourceExistsException", "")
		_, err = c.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(3)})
		awsapitest.Refused(t, err, "InvalidParameterException", "between 7 and 30")
		_, err = c.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: aws.String("s")})
		awsapitest.Refused(t, err, "UnknownOperationException", "")
	})
}
