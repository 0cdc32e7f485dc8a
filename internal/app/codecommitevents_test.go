package app

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
)

// codecommitEvents waits for so many events of repositories and returns what they tell.
func (m matrix) codecommitEvents(t *testing.T, who aws.Credentials, n int) []map[string]any {
	t.Helper()
	q := of("events", "", "/conveyor/events", "GET ?source=aws.codecommit&last-event-id=0")[0]
	req, err := http.NewRequestWithContext(t.Context(), q.method, m.url+q.path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	m.prove(t, req, who, q)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	timer := time.AfterFunc(time.Minute, func() { _ = resp.Body.Close() })
	defer timer.Stop()
	var list []map[string]any
	for lines := bufio.NewScanner(resp.Body); len(list) < n; {
		if !lines.Scan() {
			t.Fatalf("the stream ended after %d of %d events: %v", len(list), n, lines.Err())
		}
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e struct {
			DetailType string         `json:"detail-type"`
			Detail     map[string]any `json:"detail"`
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		e.Detail["detail-type"] = e.DetailType
		list = append(list, e.Detail)
	}
	return list
}

// TestEventsOfTemplatesAndReactions: rules hear of templates of approval rules and of reactions to comments.
func TestEventsOfTemplatesAndReactions(t *testing.T) {
	w := startMatrix(t)
	admin := w.user(t, "admin", "arn:aws:iam::aws:policy/AdministratorAccess")
	c := codecommit.NewFromConfig(w.as(admin))
	ctx, site, name := t.Context(), aws.String("site"), aws.String("two")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.CreateApprovalRuleTemplate(ctx, &codecommit.CreateApprovalRuleTemplateInput{
		ApprovalRuleTemplateName: name, ApprovalRuleTemplateContent: aws.String(`{"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 2}]}`),
	}))
	must(c.UpdateApprovalRuleTemplateDescription(ctx, &codecommit.UpdateApprovalRuleTemplateDescriptionInput{ApprovalRuleTemplateName: name, ApprovalRuleTemplateDescription: aws.String("d")}))
	for range 2 { // the second time changes nothing
		must(c.AssociateApprovalRuleTemplateWithRepository(ctx, &codecommit.AssociateApprovalRuleTemplateWithRepositoryInput{ApprovalRuleTemplateName: name, RepositoryName: site}))
	}
	must(c.DisassociateApprovalRuleTemplateFromRepository(ctx, &codecommit.DisassociateApprovalRuleTemplateFromRepositoryInput{ApprovalRuleTemplateName: name, RepositoryName: site}))
	must(c.DeleteApprovalRuleTemplate(ctx, &codecommit.DeleteApprovalRuleTemplateInput{ApprovalRuleTemplateName: name}))

	made, err := c.PutFile(ctx, &codecommit.PutFileInput{RepositoryName: site, BranchName: aws.String("main"), FilePath: aws.String("a"), FileContent: []byte("a")})
	must(made, err)
	said, err := c.PostCommentForComparedCommit(ctx, &codecommit.PostCommentForComparedCommitInput{
		RepositoryName: site, AfterCommitId: made.CommitId, Content: aws.String("words"),
		Location: &types.Location{FilePath: aws.String("a"), FilePosition: aws.Int64(1), RelativeFileVersion: types.RelativeFileVersionEnumAfter},
	})
	must(said, err)
	for _, value := range []string{":thumbsup:", ":thumbsdown:"} {
		must(c.PutCommentReaction(ctx, &codecommit.PutCommentReactionInput{CommentId: said.Comment.CommentId, ReactionValue: aws.String(value)}))
	}
	want := []string{
		"approvalRuleTemplateCreated", "approvalRuleTemplateUpdated", "approvalRuleTemplateAssociatedWithRepository", "approvalRuleTemplateDisassociatedFromRepository",
		"approvalRuleTemplateDeleted", "referenceCreated", "commentOnCommitCreated", "commentReactionCreated", "commentReactionUpdated",
	}
	list := w.codecommitEvents(t, admin, len(want))
	var got []string
	for _, detail := range list {
		got = append(got, detail["event"].(string))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	associated, reacted := list[2], list[7]
	if associated["detail-type"] != "CodeCommit Approval Rule Template Change" || associated["approvalRuleTemplateName"] != "two" || len(associated["repositories"].(map[string]any)) != 1 {
		t.Errorf("%v", associated)
	}
	if reacted["detail-type"] != "CodeCommit Comment Reaction Change" || reacted["reactionUnicodes"].([]any)[0] != "U+1F44D" || reacted["repositoryName"] != "site" {
		t.Errorf("%v", reacted)
	}
}
