package codebuild

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// DescribeTestCases lists the test cases of a report, in the order they were read.
func (s *Service) DescribeTestCases(ctx context.Context, in *sdk.DescribeTestCasesInput) (*sdk.DescribeTestCasesOutput, error) {
	d, err := s.builds.ReportDetails(ctx, *in.ReportArn)
	if err != nil {
		return nil, exception(err)
	}
	f := types.TestCaseFilter{}
	if in.Filter != nil {
		f = *in.Filter
	}
	cases := slices.DeleteFunc(d.Cases, func(c types.TestCase) bool {
		return aws.ToString(f.Status) != "" && *f.Status != *c.Status || !strings.Contains(*c.Name, aws.ToString(f.Keyword))
	})
	page, next, err := pageOf(cases, in.NextToken, pageSize(in.MaxResults))
	return &sdk.DescribeTestCasesOutput{TestCases: page, NextToken: next}, err
}

// DescribeCodeCoverages lists the source files of a report, by what is covered of their lines unless it is told otherwise.
func (s *Service) DescribeCodeCoverages(ctx context.Context, in *sdk.DescribeCodeCoveragesInput) (*sdk.DescribeCodeCoveragesOutput, error) {
	d, err := s.builds.ReportDetails(ctx, *in.ReportArn)
	if err != nil {
		return nil, exception(err)
	}
	least, most := aws.ToFloat64(in.MinLineCoveragePercentage), 100.0
	if in.MaxLineCoveragePercentage != nil {
		most = *in.MaxLineCoveragePercentage
	}
	files := slices.DeleteFunc(d.Files, func(f types.CodeCoverage) bool {
		return *f.LineCoveragePercentage < least || *f.LineCoveragePercentage > most
	})
	slices.SortFunc(files, func(a, b types.CodeCoverage) int {
		order := cmp.Compare(*a.FilePath, *b.FilePath)
		if in.SortBy != types.ReportCodeCoverageSortByTypeFilePath {
			order = cmp.Or(cmp.Compare(*a.LineCoveragePercentage, *b.LineCoveragePercentage), order)
		}
		if !orderOf(in.SortOrder, true) {
			return -order
		}
		return order
	})
	page, next, err := pageOf(files, in.NextToken, pageSize(in.MaxResults))
	return &sdk.DescribeCodeCoveragesOutput{CodeCoverages: page, NextToken: next}, err
}

// pageOf is a page of a list that does not change; tokens are places in it.
func pageOf[T any](list []T, token *string, size int) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		text, err := base64.RawURLEncoding.DecodeString(*token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 {
			return nil, nil, invalid("Invalid nextToken: use the value of the previous answer unchanged")
		}
	}
	from = min(from, len(list))
	to := min(from+size, len(list))
	if to < len(list) {
		next = aws.String(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to))))
	}
	return append([]T{}, list[from:to]...), next, nil
}
