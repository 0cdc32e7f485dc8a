package codecommit_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// shop is a repository with a branch main and a branch work that is one commit ahead.
type shop struct {
	*testing.T
	c    operations
	base string
}

func openShop(t *testing.T, c operations) *shop {
	t.Helper()
	if _, err := c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: str("shop")}); err != nil {
		t.Fatal(err)
	}
	s := &shop{T: t, c: c}
	s.base = s.commit("main", "", "a", "1\n2\n3\n")
	s.branch("work", s.base)
	s.commit("work", s.base, "b", "new\n")
	return s
}

// Context is that of somebody who has signed the request, as the server would find out.
func (s *shop) Context() context.Context {
	return awsapi.WithCaller(s.T.Context(), awsapi.Identity{Arn: rootArn, Root: true})
}

func (s *shop) branch(name, commit string) {
	s.Helper()
	if _, err := s.c.CreateBranch(s.Context(), &sdk.CreateBranchInput{RepositoryName: str("shop"), BranchName: &name, CommitId: &commit}); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) commit(branch, parent, path, content string) string {
	s.Helper()
	out, err := s.c.PutFile(s.Context(), &sdk.PutFileInput{
		RepositoryName: str("shop"), BranchName: &branch, ParentCommitId: aws.String(parent), FilePath: &path, FileContent: []byte(content),
	})
	if err != nil {
		s.Fatal(err)
	}
	return *out.CommitId
}

func (s *shop) tip(branch string) string {
	s.Helper()
	out, err := s.c.GetBranch(s.Context(), &sdk.GetBranchInput{RepositoryName: str("shop"), BranchName: &branch})
	if err != nil {
		s.Fatal(err)
	}
	return *out.Branch.CommitId
}

func (s *shop) pull(source, destination string) *types.PullRequest {
	s.Helper()
	out, err := s.c.CreatePullRequest(s.Context(), &sdk.CreatePullRequestInput{
		Title: str("Change"), Targets: []types.Target{{RepositoryName: str("shop"), SourceReference: &source, DestinationReference: &destination}},
	})
	if err != nil {
		s.Fatal(err)
	}
	return out.PullRequest
}

func (s *shop) get(id *string) *types.PullRequest {
	s.Helper()
	out, err := s.c.GetPullRequest(s.Context(), &sdk.GetPullRequestInput{PullRequestId: id})
	if err != nil {
		s.Fatal(err)
	}
	return out.PullRequest
}

// until polls a pull request.
func (s *shop) until(id *string, what string, done func(*types.PullRequest) bool) *types.PullRequest {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for {
		p := s.get(id)
		if done(p) {
			return p
		}
		select {
		case <-ctx.Done():
			s.Fatalf("pull request %s is not %s: %+v", *id, what, p)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *shop) events(id *string) string {
	s.Helper()
	out, err := s.c.DescribePullRequestEvents(s.Context(), &sdk.DescribePullRequestEventsInput{PullRequestId: id})
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, e := range slices.Backward(out.PullRequestEvents) {
		names = append(names, strings.TrimPrefix(string(e.PullRequestEventType), "PULL_REQUEST_"))
	}
	return strings.Join(names, " ")
}

func TestPullRequest(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		ctx := s.Context()
		in := &sdk.CreatePullRequestInput{
			Title: str("Add b"), Description: str("because"), ClientRequestToken: str("once"),
			Targets: []types.Target{{RepositoryName: str("shop"), SourceReference: str("refs/heads/work")}},
		}
		made, err := c.CreatePullRequest(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		p := made.PullRequest
		target := p.PullRequestTargets[0]
		if *p.PullRequestId == "" || p.PullRequestStatus != types.PullRequestStatusEnumOpen || *target.DestinationReference != "refs/heads/main" ||
			*target.SourceCommit != s.tip("work") || *target.DestinationCommit != s.base || *target.MergeBase != s.base || target.MergeMetadata.IsMerged || len(*p.RevisionId) != 64 {
			t.Errorf("%+v %+v", p, target)
		}
		again, err := c.CreatePullRequest(ctx, in)
		if err != nil || *again.PullRequest.PullRequestId != *p.PullRequestId {
			t.Errorf("the same request again: %v, %+v", err, again)
		}
		in.Title = str("other")
		_, err = c.CreatePullRequest(ctx, in)
		is(t, "the token for another request", err, "IdempotencyParameterMismatch")

		s.commit("work", s.tip("work"), "b", "newer\n")
		p2 := s.get(p.PullRequestId)
		if *p2.RevisionId == *p.RevisionId || *p2.PullRequestTargets[0].SourceCommit != s.tip("work") {
			t.Errorf("a push to the source: %+v", p2)
		}
		if got := s.events(p.PullRequestId); got != "CREATED SOURCE_REFERENCE_UPDATED" {
			t.Error(got)
		}
		title, err := c.UpdatePullRequestTitle(ctx, &sdk.UpdatePullRequestTitleInput{PullRequestId: p.PullRequestId, Title: str("better")})
		if err != nil || *title.PullRequest.Title != "better" {
			t.Error(err, title)
		}
		closed, err := c.UpdatePullRequestStatus(ctx, &sdk.UpdatePullRequestStatusInput{PullRequestId: p.PullRequestId, PullRequestStatus: "CLOSED"})
		if err != nil || closed.PullRequest.PullRequestStatus != "CLOSED" {
			t.Error(err, closed)
		}
		_, err = c.UpdatePullRequestStatus(ctx, &sdk.UpdatePullRequestStatusInput{PullRequestId: p.PullRequestId, PullRequestStatus: "OPEN"})
		is(t, "reopen", err, "InvalidPullRequestStatusUpdate")
		_, err = c.UpdatePullRequestTitle(ctx, &sdk.UpdatePullRequestTitleInput{PullRequestId: p.PullRequestId, Title: str("x")})
		is(t, "title of a closed one", err, "PullRequestAlreadyClosed")
		_, err = c.MergePullRequestByFastForward(ctx, &sdk.MergePullRequestByFastForwardInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		is(t, "merge a closed one", err, "PullRequestAlreadyClosed")
		if got := s.events(p.PullRequestId); got != "CREATED SOURCE_REFERENCE_UPDATED STATUS_CHANGED" {
			t.Error(got)
		}
		second := s.pull("work", "main")
		list, err := c.ListPullRequests(ctx, &sdk.ListPullRequestsInput{RepositoryName: str("shop"), MaxResults: aws.Int32(1)})
		if err != nil || !slices.Equal(list.PullRequestIds, []string{*second.PullRequestId}) || list.NextToken == nil {
			t.Errorf("%v %+v", err, list)
		}
		list, err = c.ListPullRequests(ctx, &sdk.ListPullRequestsInput{RepositoryName: str("shop"), PullRequestStatus: "CLOSED"})
		if err != nil || !slices.Equal(list.PullRequestIds, []string{*p.PullRequestId}) {
			t.Errorf("%v %+v", err, list)
		}
		if _, err := c.DeleteBranch(ctx, &sdk.DeleteBranchInput{RepositoryName: str("shop"), BranchName: str("work")}); err != nil {
			t.Fatal(err)
		}
		if got := s.get(second.PullRequestId); got.PullRequestStatus != "CLOSED" {
			t.Errorf("its branch was deleted: %+v", got)
		}
	})
}

func TestPullRequestMistakes(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		openShop(t, c)
		target := func(source, destination string) []types.Target {
			return []types.Target{{RepositoryName: str("shop"), SourceReference: str(source), DestinationReference: str(destination)}}
		}
		for what, x := range map[string]struct {
			title   string
			targets []types.Target
			want    string
		}{
			"no title":         {"", target("work", "main"), "TitleRequired"},
			"long title":       {strings.Repeat("x", 151), target("work", "main"), "InvalidTitle"},
			"no target":        {"x", []types.Target{}, "TargetsRequired"},
			"no branch":        {"x", target("nope", "main"), "ReferenceDoesNotExist"},
			"no name":          {"x", target("", "main"), "ReferenceNameRequired"},
			"bad name":         {"x", target("a..b", "main"), "InvalidReferenceName"},
			"a tag":            {"x", target("refs/tags/v1", "main"), "ReferenceTypeNotSupported"},
			"the same branch":  {"x", target("main", "main"), "SourceAndDestinationAreSame"},
			"no repository":    {"x", []types.Target{{RepositoryName: str("nope"), SourceReference: str("a")}}, "RepositoryDoesNotExist"},
			"two repositories": {"x", append(target("work", "main"), types.Target{RepositoryName: str("b"), SourceReference: str("x")}), "MultipleRepositoriesInPullRequest"},
		} {
			_, err := c.CreatePullRequest(t.Context(), &sdk.CreatePullRequestInput{Title: str(x.title), Targets: x.targets})
			is(t, what, err, x.want)
		}
		for id, want := range map[string]string{"999": "PullRequestDoesNotExist", "x": "InvalidPullRequestId", "": "PullRequestIdRequired", "01": "InvalidPullRequestId"} {
			_, err := c.GetPullRequest(t.Context(), &sdk.GetPullRequestInput{PullRequestId: str(id)})
			is(t, id, err, want)
		}
	})
}

func TestMergePullRequest(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		ctx := s.Context()
		work := s.tip("work")
		p := s.pull("work", "main")
		_, err := c.MergePullRequestByFastForward(ctx, &sdk.MergePullRequestByFastForwardInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop"), SourceCommitId: &s.base})
		is(t, "another source", err, "TipOfSourceReferenceIsDifferent")
		out, err := c.MergePullRequestByFastForward(ctx, &sdk.MergePullRequestByFastForwardInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		if err != nil {
			t.Fatal(err)
		}
		m := out.PullRequest.PullRequestTargets[0].MergeMetadata
		if out.PullRequest.PullRequestStatus != "CLOSED" || !m.IsMerged || *m.MergeCommitId != work || m.MergeOption != "FAST_FORWARD_MERGE" || s.tip("main") != work {
			t.Errorf("%+v %+v", out.PullRequest, m)
		}
		if got := s.events(p.PullRequestId); got != "CREATED MERGE_STATE_CHANGED STATUS_CHANGED" {
			t.Error(got)
		}

		// Both sides change a file, in different lines: that is a conflict of files, not of lines.
		s.branch("other", work)
		s.commit("main", work, "a", "one\n2\n3\n")
		other := s.commit("other", work, "a", "1\n2\nthree\n")
		p = s.pull("other", "main")
		_, err = c.MergePullRequestByFastForward(ctx, &sdk.MergePullRequestByFastForwardInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		is(t, "not forward", err, "ManualMergeRequired")
		_, err = c.MergePullRequestBySquash(ctx, &sdk.MergePullRequestBySquashInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		is(t, "the same file", err, "ManualMergeRequired")
		before := s.tip("main")
		three, err := c.MergePullRequestByThreeWay(ctx, &sdk.MergePullRequestByThreeWayInput{
			PullRequestId: p.PullRequestId, RepositoryName: str("shop"), ConflictDetailLevel: "LINE_LEVEL", AuthorName: str("Ada"), Email: str("ada@example.com"), CommitMessage: str("together"),
		})
		if err != nil {
			t.Fatal(err)
		}
		commit, err := c.GetCommit(ctx, &sdk.GetCommitInput{RepositoryName: str("shop"), CommitId: three.PullRequest.PullRequestTargets[0].MergeMetadata.MergeCommitId})
		if err != nil || !slices.Equal(commit.Commit.Parents, []string{before, other}) || *commit.Commit.Author.Name != "Ada" || *commit.Commit.Message != "together\n" || *commit.Commit.CommitId != s.tip("main") {
			t.Errorf("%v %+v", err, commit)
		}
		file, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("shop"), FilePath: str("a")})
		if err != nil || string(file.FileContent) != "one\n2\nthree\n" {
			t.Errorf("%v %s", err, file.FileContent)
		}
	})
}

func TestMergedByPush(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		p := s.pull("work", "main")
		if _, err := c.MergeBranchesByThreeWay(t.Context(), &sdk.MergeBranchesByThreeWayInput{
			RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main"),
		}); err != nil {
			t.Fatal(err)
		}
		p = s.until(p.PullRequestId, "merged", func(p *types.PullRequest) bool { return p.PullRequestStatus == "CLOSED" })
		if m := p.PullRequestTargets[0].MergeMetadata; !m.IsMerged || m.MergeOption != "THREE_WAY_MERGE" || *m.MergeCommitId != s.tip("main") {
			t.Errorf("%+v", m)
		}
	})
}

func TestMergeConflicts(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		ctx := s.Context()
		s.commit("main", s.base, "a", "1\nmain\n3\n")
		s.commit("work", s.tip("work"), "a", "1\nwork\n3\n")
		found, err := c.GetMergeConflicts(ctx, &sdk.GetMergeConflictsInput{
			RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main"), MergeOption: "THREE_WAY_MERGE", ConflictDetailLevel: "LINE_LEVEL",
		})
		if err != nil || found.Mergeable || len(found.ConflictMetadataList) != 1 || *found.BaseCommitId != s.base {
			t.Fatalf("%v %+v", err, found)
		}
		if d := found.ConflictMetadataList[0]; *d.FilePath != "a" || !d.ContentConflict || d.NumberOfConflicts != 1 || d.MergeOperations.Source != "M" || d.FileSizes.Base != 6 || *d.IsBinaryFile.Source {
			t.Errorf("%+v", d)
		}
		one, err := c.DescribeMergeConflicts(ctx, &sdk.DescribeMergeConflictsInput{
			RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main"), MergeOption: "SQUASH_MERGE", FilePath: str("a"),
		})
		if err != nil || len(one.MergeHunks) != 1 || *one.MergeHunks[0].Source.HunkContent != "d29yawo=" || *one.MergeHunks[0].Source.StartLine != 2 {
			t.Errorf("%v %+v", err, one)
		}
		many, err := c.BatchDescribeMergeConflicts(ctx, &sdk.BatchDescribeMergeConflictsInput{
			RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main"), MergeOption: "SQUASH_MERGE", FilePaths: []string{"a", "b"},
		})
		if err != nil || len(many.Conflicts) != 1 || len(many.Errors) != 1 {
			t.Errorf("%v %+v", err, many)
		}
		options, err := c.GetMergeOptions(ctx, &sdk.GetMergeOptionsInput{RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main")})
		if err != nil || len(options.MergeOptions) != 0 {
			t.Errorf("%v %+v", err, options)
		}
		for what, x := range map[string]struct {
			strategy   types.ConflictResolutionStrategyTypeEnum
			resolution *types.ConflictResolution
			want       string // the content of a, or an exception
		}{
			"none":        {"NONE", nil, "ManualMergeRequired"},
			"source":      {"ACCEPT_SOURCE", nil, "1\nwork\n3\n"},
			"destination": {"ACCEPT_DESTINATION", nil, "1\nmain\n3\n"},
			"unresolved":  {"AUTOMERGE", nil, "ManualMergeRequired"},
			"new content": {"AUTOMERGE", &types.ConflictResolution{ReplaceContents: []types.ReplaceContentEntry{{FilePath: str("a"), ReplacementType: "USE_NEW_CONTENT", Content: []byte("new")}}}, "new"},
			"base":        {"AUTOMERGE", &types.ConflictResolution{ReplaceContents: []types.ReplaceContentEntry{{FilePath: str("a"), ReplacementType: "KEEP_BASE"}}}, "1\n2\n3\n"},
			"deleted":     {"AUTOMERGE", &types.ConflictResolution{DeleteFiles: []types.DeleteFileEntry{{FilePath: str("a")}}}, ""},
			"no conflict": {"AUTOMERGE", &types.ConflictResolution{DeleteFiles: []types.DeleteFileEntry{{FilePath: str("b")}}}, "InvalidConflictResolution"},
			"no content":  {"AUTOMERGE", &types.ConflictResolution{ReplaceContents: []types.ReplaceContentEntry{{FilePath: str("a"), ReplacementType: "USE_NEW_CONTENT"}}}, "ReplacementContentRequired"},
		} {
			made, err := c.CreateUnreferencedMergeCommit(ctx, &sdk.CreateUnreferencedMergeCommitInput{
				RepositoryName: str("shop"), SourceCommitSpecifier: str("work"), DestinationCommitSpecifier: str("main"), MergeOption: "SQUASH_MERGE",
				ConflictResolutionStrategy: x.strategy, ConflictResolution: x.resolution,
			})
			if err != nil {
				is(t, what, err, x.want)
				continue
			}
			file, err := c.GetFile(ctx, &sdk.GetFileInput{RepositoryName: str("shop"), CommitSpecifier: made.CommitId, FilePath: str("a")})
			switch {
			case x.want == "":
				is(t, what, err, "FileDoesNotExist")
			case err != nil || string(file.FileContent) != x.want:
				t.Errorf("%s: %v, %+v", what, err, file)
			}
		}
	})
}

func TestApprovals(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		ctx := s.Context()
		rule := `{"Version":"2018-11-08","DestinationReferences":["refs/heads/main"],"Statements":[{"Type":"Approvers","NumberOfApprovalsNeeded":1,"ApprovalPoolMembers":["arn:aws:codepipeline:us-east-1:000000000000:shop"]}]}`
		template, err := c.CreateApprovalRuleTemplate(ctx, &sdk.CreateApprovalRuleTemplateInput{ApprovalRuleTemplateName: str("green"), ApprovalRuleTemplateContent: &rule})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.AssociateApprovalRuleTemplateWithRepository(ctx, &sdk.AssociateApprovalRuleTemplateWithRepositoryInput{ApprovalRuleTemplateName: str("green"), RepositoryName: str("shop")}); err != nil {
			t.Fatal(err)
		}
		_, err = c.DeleteApprovalRuleTemplate(ctx, &sdk.DeleteApprovalRuleTemplateInput{ApprovalRuleTemplateName: str("green")})
		is(t, "in use", err, "ApprovalRuleTemplateInUse")
		p := s.pull("work", "main")
		if len(p.ApprovalRules) != 1 || *p.ApprovalRules[0].OriginApprovalRuleTemplate.ApprovalRuleTemplateId != *template.ApprovalRuleTemplate.ApprovalRuleTemplateId {
			t.Fatalf("%+v", p.ApprovalRules)
		}
		_, err = c.DeletePullRequestApprovalRule(ctx, &sdk.DeletePullRequestApprovalRuleInput{PullRequestId: p.PullRequestId, ApprovalRuleName: str("green")})
		is(t, "of a template", err, "CannotDeleteApprovalRuleFromTemplate")
		_, err = c.UpdatePullRequestApprovalState(ctx, &sdk.UpdatePullRequestApprovalStateInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId, ApprovalState: "APPROVE"})
		is(t, "by the author", err, "PullRequestCannotBeApprovedByAuthor")
		_, err = c.MergePullRequestBySquash(ctx, &sdk.MergePullRequestBySquashInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		is(t, "not approved", err, "PullRequestApprovalRulesNotSatisfied")
		if err == nil || !strings.Contains(err.Error(), "pipeline shop has not run on commit") {
			t.Error(err)
		}
		e, err := c.EvaluatePullRequestApprovalRules(ctx, &sdk.EvaluatePullRequestApprovalRulesInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId})
		if err != nil || e.Evaluation.Approved || !slices.Equal(e.Evaluation.ApprovalRulesNotSatisfied, []string{"green"}) {
			t.Errorf("%v %+v", err, e)
		}
		if _, err := c.OverridePullRequestApprovalRules(ctx, &sdk.OverridePullRequestApprovalRulesInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId, OverrideStatus: "OVERRIDE"}); err != nil {
			t.Fatal(err)
		}
		_, err = c.OverridePullRequestApprovalRules(ctx, &sdk.OverridePullRequestApprovalRulesInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId, OverrideStatus: "OVERRIDE"})
		is(t, "twice", err, "OverrideAlreadySet")
		// A new revision needs all of it again.
		s.commit("work", s.tip("work"), "b", "newer\n")
		_, err = c.EvaluatePullRequestApprovalRules(ctx, &sdk.EvaluatePullRequestApprovalRulesInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId})
		is(t, "an old revision", err, "RevisionNotCurrent")
		_, err = c.MergePullRequestBySquash(ctx, &sdk.MergePullRequestBySquashInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")})
		is(t, "a new revision", err, "PullRequestApprovalRulesNotSatisfied")
		p = s.get(p.PullRequestId)
		if _, err := c.OverridePullRequestApprovalRules(ctx, &sdk.OverridePullRequestApprovalRulesInput{PullRequestId: p.PullRequestId, RevisionId: p.RevisionId, OverrideStatus: "OVERRIDE"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.MergePullRequestBySquash(ctx, &sdk.MergePullRequestBySquashInput{PullRequestId: p.PullRequestId, RepositoryName: str("shop")}); err != nil {
			t.Error(err)
		}
		for content, want := range map[string]string{"": "ApprovalRuleTemplateContentRequired", "{}": "InvalidApprovalRuleTemplateContent", rule + "x": "InvalidApprovalRuleTemplateContent"} {
			_, err := c.CreateApprovalRuleTemplate(ctx, &sdk.CreateApprovalRuleTemplateInput{ApprovalRuleTemplateName: str("x"), ApprovalRuleTemplateContent: &content})
			is(t, content, err, want)
		}
	})
}

func TestComments(t *testing.T) {
	each(t, func(t *testing.T, c operations, _ *gitrepo.Store) {
		s := openShop(t, c)
		ctx := s.Context()
		p := s.pull("work", "main")
		work := s.tip("work")
		in := &sdk.PostCommentForPullRequestInput{
			PullRequestId: p.PullRequestId, RepositoryName: str("shop"), BeforeCommitId: &s.base, AfterCommitId: &work, Content: str("Why?"), ClientRequestToken: str("t"),
			Location: &types.Location{FilePath: str("b"), FilePosition: aws.Int64(1), RelativeFileVersion: "AFTER"},
		}
		first, err := c.PostCommentForPullRequest(ctx, in)
		if err != nil || first.AfterBlobId == nil || first.BeforeBlobId != nil {
			t.Fatalf("%v %+v", err, first)
		}
		again, err := c.PostCommentForPullRequest(ctx, in)
		if err != nil || *again.Comment.CommentId != *first.Comment.CommentId {
			t.Errorf("%v %+v", err, again)
		}
		reply, err := c.PostCommentReply(ctx, &sdk.PostCommentReplyInput{InReplyTo: first.Comment.CommentId, Content: str("Because.")})
		if err != nil || *reply.Comment.InReplyTo != *first.Comment.CommentId {
			t.Fatalf("%v %+v", err, reply)
		}
		if _, err := c.PutCommentReaction(ctx, &sdk.PutCommentReactionInput{CommentId: first.Comment.CommentId, ReactionValue: str(":heart:")}); err != nil {
			t.Fatal(err)
		}
		_, err = c.PutCommentReaction(ctx, &sdk.PutCommentReactionInput{CommentId: first.Comment.CommentId, ReactionValue: str("x")})
		is(t, "reaction", err, "InvalidReactionValue")
		list, err := c.GetCommentsForPullRequest(ctx, &sdk.GetCommentsForPullRequestInput{PullRequestId: p.PullRequestId})
		if err != nil || len(list.CommentsForPullRequestData) != 1 || len(list.CommentsForPullRequestData[0].Comments) != 2 ||
			list.CommentsForPullRequestData[0].Comments[0].ReactionCounts[":heart:"] != 1 || *list.CommentsForPullRequestData[0].Location.FilePath != "b" {
			t.Errorf("%v %+v", err, list)
		}
		reactions, err := c.GetCommentReactions(ctx, &sdk.GetCommentReactionsInput{CommentId: first.Comment.CommentId})
		if err != nil || len(reactions.ReactionsForComment) != 1 || *reactions.ReactionsForComment[0].Reaction.Unicode != "U+2764" {
			t.Errorf("%v %+v", err, reactions)
		}
		if _, err := c.UpdateComment(ctx, &sdk.UpdateCommentInput{CommentId: first.Comment.CommentId, Content: str("Why so?")}); err != nil {
			t.Error(err)
		}
		gone, err := c.DeleteCommentContent(ctx, &sdk.DeleteCommentContentInput{CommentId: first.Comment.CommentId})
		if err != nil || !gone.Comment.Deleted || gone.Comment.Content != nil {
			t.Errorf("%v %+v", err, gone)
		}
		_, err = c.UpdateComment(ctx, &sdk.UpdateCommentInput{CommentId: first.Comment.CommentId, Content: str("x")})
		is(t, "deleted", err, "CommentDeleted")
		_, err = c.GetComment(ctx, &sdk.GetCommentInput{CommentId: str("nope")})
		is(t, "no comment", err, "CommentDoesNotExist")
		if _, err := c.PostCommentForComparedCommit(ctx, &sdk.PostCommentForComparedCommitInput{RepositoryName: str("shop"), AfterCommitId: &work, Content: str("Nice")}); err != nil {
			t.Error(err)
		}
		compared, err := c.GetCommentsForComparedCommit(ctx, &sdk.GetCommentsForComparedCommitInput{RepositoryName: str("shop"), AfterCommitId: &work})
		if err != nil || len(compared.CommentsForComparedCommitData) != 1 {
			t.Errorf("%v %+v", err, compared)
		}
		in.ClientRequestToken, in.Location.FilePath = nil, str("nope")
		_, err = c.PostCommentForPullRequest(ctx, in)
		is(t, "no file", err, "PathDoesNotExist")
	})
}
