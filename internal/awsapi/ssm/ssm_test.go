package ssm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/ssm"
	"github.com/conveyor-cd/conveyor/internal/parameter"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// each runs f with a client of a fresh Parameter Store, on each database.
func each(t *testing.T, f func(t *testing.T, c *sdk.Client)) {
	t.Helper()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		box, err := secret.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		service := ssm.New(parameter.New(st, box), awsapi.Place{})
		f(t, sdk.NewFromConfig(awsapitest.Serve(t, func(m *awsapi.Mux) { m.Add(service.API()) })))
	})
}

func put(t *testing.T, c *sdk.Client, in sdk.PutParameterInput) int64 {
	t.Helper()
	out, err := c.PutParameter(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Version
}

func TestAParameterHasVersionsAndLabels(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		name := aws.String("/site/color")
		put(t, c, sdk.PutParameterInput{Name: name, Value: aws.String("red"), Type: types.ParameterTypeString, Description: aws.String("of the page")})
		_, err := c.PutParameter(t.Context(), &sdk.PutParameterInput{Name: name, Value: aws.String("blue"), Type: types.ParameterTypeString})
		awsapitest.Refused(t, err, "ParameterAlreadyExists", "set the overwrite option")
		if v := put(t, c, sdk.PutParameterInput{Name: name, Value: aws.String("blue"), Overwrite: aws.Bool(true)}); v != 2 {
			t.Errorf("the second version is %d", v)
		}
		if _, err := c.LabelParameterVersion(t.Context(), &sdk.LabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"live"}}); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{
			"/site/color": "blue", "/site/color:1": "red", "/site/color:live": "red",
			"arn:aws:ssm:us-east-1:000000000000:parameter/site/color": "blue",
		} {
			got, err := c.GetParameter(t.Context(), &sdk.GetParameterInput{Name: &id})
			if err != nil || *got.Parameter.Value != want || *got.Parameter.ARN != "arn:aws:ssm:us-east-1:000000000000:parameter/site/color" {
				t.Errorf("%s: %+v, %v", id, got, err)
			}
		}
		_, err = c.GetParameter(t.Context(), &sdk.GetParameterInput{Name: aws.String("/site/color:9")})
		awsapitest.Refused(t, err, "ParameterVersionNotFound", "/site/color:9")
		past, err := c.GetParameterHistory(t.Context(), &sdk.GetParameterHistoryInput{Name: name})
		if err != nil || len(past.Parameters) != 2 || fmt.Sprint(past.Parameters[0].Labels) != "[live]" || *past.Parameters[0].Description != "of the page" {
			t.Errorf("%+v, %v", past, err)
		}
		if _, err := c.UnlabelParameterVersion(t.Context(), &sdk.UnlabelParameterVersionInput{Name: name, ParameterVersion: aws.Int64(1), Labels: []string{"live"}}); err != nil {
			t.Error(err)
		}
		gone, err := c.DeleteParameters(t.Context(), &sdk.DeleteParametersInput{Names: []string{*name, "/none"}})
		if err != nil || len(gone.DeletedParameters) != 1 || fmt.Sprint(gone.InvalidParameters) != "[/none]" {
			t.Errorf("%+v, %v", gone, err)
		}
		_, err = c.DeleteParameter(t.Context(), &sdk.DeleteParameterInput{Name: name})
		awsapitest.Refused(t, err, "ParameterNotFound", "/site/color")
	})
}

func TestSecureStringsAreShownToWhoAsksForDecryption(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		put(t, c, sdk.PutParameterInput{Name: aws.String("token"), Value: aws.String("hush"), Type: types.ParameterTypeSecureString})
		for decrypt, want := range map[bool]bool{true: true, false: false} {
			got, err := c.GetParameters(t.Context(), &sdk.GetParametersInput{Names: []string{"token", "token", "none"}, WithDecryption: &decrypt})
			if err != nil || len(got.Parameters) != 1 || fmt.Sprint(got.InvalidParameters) != "[none]" || (*got.Parameters[0].Value == "hush") != want {
				t.Errorf("decrypt %t: %+v, %v", decrypt, got, err)
			}
		}
	})
}

func TestParametersAreListedByPathPageByPage(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for i := range 12 {
			put(t, c, sdk.PutParameterInput{Name: aws.String(fmt.Sprintf("/a/%02d", i)), Value: aws.String("x"), Type: types.ParameterTypeString})
		}
		put(t, c, sdk.PutParameterInput{
			Name: aws.String("/a/b/deep"), Value: aws.String("1,2"), Type: types.ParameterTypeStringList,
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		})
		count := func(recursive bool) (n, pages int) {
			list := sdk.NewGetParametersByPathPaginator(c, &sdk.GetParametersByPathInput{Path: aws.String("/a"), Recursive: &recursive})
			for list.HasMorePages() {
				out, err := list.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n, pages = n+len(out.Parameters), pages+1
			}
			return n, pages
		}
		if n, pages := count(false); n != 12 || pages != 2 {
			t.Errorf("%d on %d pages", n, pages)
		}
		if n, _ := count(true); n != 13 {
			t.Errorf("%d in all", n)
		}
		described, err := c.DescribeParameters(t.Context(), &sdk.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{
			{Key: aws.String("tag:team"), Values: []string{"web"}}, {Key: aws.String("Type"), Values: []string{"StringList"}},
		}})
		if err != nil || len(described.Parameters) != 1 || *described.Parameters[0].Name != "/a/b/deep" {
			t.Errorf("%+v, %v", described, err)
		}
	})
}

func TestTagsOfParameters(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		put(t, c, sdk.PutParameterInput{Name: aws.String("p"), Value: aws.String("x"), Type: types.ParameterTypeString})
		kind, id := types.ResourceTypeForTaggingParameter, aws.String("p")
		if _, err := c.AddTagsToResource(t.Context(), &sdk.AddTagsToResourceInput{ResourceType: kind, ResourceId: id, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")},
		}}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.RemoveTagsFromResource(t.Context(), &sdk.RemoveTagsFromResourceInput{ResourceType: kind, ResourceId: id, TagKeys: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		tags, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceType: kind, ResourceId: id})
		if err != nil || len(tags.TagList) != 1 || *tags.TagList[0].Key != "b" {
			t.Errorf("%+v, %v", tags, err)
		}
	})
}

func TestParametersThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c *sdk.Client) {
		for _, tt := range []struct {
			in              sdk.PutParameterInput
			exception, says string
		}{
			{sdk.PutParameterInput{Name: aws.String("a/b")}, "ValidationException", "as in /a/b"},
			{sdk.PutParameterInput{Name: aws.String("awsome")}, "ValidationException", "can't be prefixed"},
			{sdk.PutParameterInput{Name: aws.String("p"), Value: aws.String(strings.Repeat("x", 4097))}, "ValidationException", "4096"},
			{sdk.PutParameterInput{Name: aws.String("p"), AllowedPattern: aws.String("^y$")}, "ParameterPatternMismatchException", "^y$"},
			{sdk.PutParameterInput{Name: aws.String("p"), AllowedPattern: aws.String("(")}, "InvalidAllowedPatternException", "not a regular expression"},
			{sdk.PutParameterInput{Name: aws.String("p"), Policies: aws.String(`[{"Type":"Expiration"}]`)}, "ValidationException", "Policies"},
		} {
			if tt.in.Value == nil {
				tt.in.Value = aws.String("x")
			}
			tt.in.Type = types.ParameterTypeString
			_, err := c.PutParameter(t.Context(), &tt.in)
			awsapitest.Refused(t, err, tt.exception, tt.says)
		}
		all, err := c.DescribeParameters(t.Context(), &sdk.DescribeParametersInput{})
		if err != nil || len(all.Parameters) != 0 {
			t.Errorf("refused, and yet there: %+v, %v", all, err)
		}
	})
}
