package codecommit

import (
	"context"
	"errors"
	"regexp"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

const (
	maxComment      = 10240
	commentsPerPage = 100
	maxComments     = 500
)

var commentIDPattern = regexp.MustCompile(`^[0-9a-zA-Z:-]{1,100}$`)

func commentID(id *string) (string, error) {
	switch c := aws.ToString(id); {
	case c == "":
		return "", &types.CommentIdRequiredException{Message: text("The comment id must be specified.")}
	case !commentIDPattern.MatchString(c):
		return "", &types.InvalidCommentIdException{Message: text("%q is not a comment id.", c)}
	default:
		return c, nil
	}
}

func commentContent(content *string) (string, error) {
	switch c := aws.ToString(content); {
	case c == "":
		return "", &types.CommentContentRequiredException{Message: text("The content of the comment must be specified.")}
	case utf8.RuneCountInString(c) > maxComment || !isText(c):
		return "", &types.CommentContentSizeLimitExceededException{Message: text("A comment has at most %d characters.", maxComment)}
	default:
		return c, nil
	}
}

func commentException(err error, id string) error {
	switch {
	case errors.Is(err, pull.ErrNoComment):
		return &types.CommentDoesNotExistException{Message: text("Comment %s does not exist", id)}
	case errors.Is(err, pull.ErrCommentDeleted):
		return &types.CommentDeletedException{Message: text("Comment %s was deleted", id)}
	case errors.Is(err, pull.ErrNotAuthor):
		return &types.CommentNotCreatedByCallerException{Message: text("Only its author may change a comment.")}
	case errors.Is(err, pull.ErrTokenReused):
		return tokenReused()
	}
	return err
}

// commentOf is a comment as the API shows it.
func commentOf(c pull.Comment) *types.Comment {
	out := &types.Comment{
		CommentId: aws.String(c.ID), Content: filled(c.Content), InReplyTo: filled(c.InReplyTo), AuthorArn: aws.String(c.Author),
		CreationDate: aws.Time(c.Created), LastModifiedDate: aws.Time(c.Modified), Deleted: c.Deleted, ClientRequestToken: filled(c.Token),
		CallerReactions: append([]string{}, c.Mine...), ReactionCounts: map[string]int32{},
	}
	for value, n := range c.Reactions {
		out.ReactionCounts[value] = int32(min(n, 1<<30)) //nolint:gosec // bounded
	}
	return out
}

func locationOf(p pull.Place) *types.Location {
	if p.Path == "" {
		return nil
	}
	l := &types.Location{FilePath: aws.String(p.Path), RelativeFileVersion: types.RelativeFileVersionEnum(p.Version)}
	if p.Line > 0 {
		l.FilePosition = aws.Int64(p.Line)
	}
	return l
}

// place checks what a comment is about: two commits and perhaps a file in them.
func (s *Service) place(ctx context.Context, repository *string, before, after *string, at *types.Location) (pull.Place, error) {
	p := pull.Place{Before: aws.ToString(before), After: aws.ToString(after)}
	err := s.view(ctx, repository, func(v *gitrepo.View) error {
		newer, err := commentedCommit(v, p.After)
		if err != nil {
			return err
		}
		older := gitrepo.Commit{}
		if p.Before != "" {
			if older, err = commentedCommit(v, p.Before); err != nil {
				return err
			}
		}
		if p.Before == p.After {
			return &types.BeforeCommitIdAndAfterCommitIdAreSameException{Message: text("The two commits are the same.")}
		}
		if at == nil {
			return nil
		}
		return locate(v, &p, older, newer, at)
	})
	return p, err
}

func commentedCommit(v *gitrepo.View, id string) (gitrepo.Commit, error) {
	switch {
	case id == "":
		return gitrepo.Commit{}, &types.CommitIdRequiredException{Message: text("The commit id must be specified.")}
	case !gitrepo.ValidID(id):
		return gitrepo.Commit{}, &types.InvalidCommitIdException{Message: text("%q is not a full commit id.", id)}
	}
	c, err := v.Commit(id)
	if errors.Is(err, gitrepo.ErrNoRef) {
		err = commitDoesNotExist(id)
	}
	return c, err
}

// locate finds the file a comment is about.
func locate(v *gitrepo.View, p *pull.Place, older, newer gitrepo.Commit, at *types.Location) error {
	path, err := readPath(at.FilePath)
	if err != nil {
		return err
	}
	p.Path, p.Version, p.Line = path, string(at.RelativeFileVersion), aws.ToInt64(at.FilePosition)
	in := newer
	switch at.RelativeFileVersion {
	case types.RelativeFileVersionEnumAfter:
	case types.RelativeFileVersionEnumBefore:
		in = older
	default:
		return &types.InvalidRelativeFileVersionEnumException{Message: text("%q is not a version of a file; use BEFORE or AFTER.", at.RelativeFileVersion)}
	}
	if at.FilePosition != nil && *at.FilePosition < 1 {
		return &types.InvalidFilePositionException{Message: text("The position is a line, from 1.")}
	}
	for _, side := range []struct {
		tree string
		blob *string
	}{{older.Tree, &p.BeforeBlob}, {newer.Tree, &p.AfterBlob}} {
		if side.tree == "" {
			continue
		}
		e, err := v.Lookup(side.tree, path)
		if err != nil && !errors.Is(err, gitrepo.ErrNoPath) {
			return err
		}
		if err == nil && e.Mode != gitrepo.ModeFolder {
			*side.blob = e.ID
		}
	}
	if blob := map[bool]string{true: p.AfterBlob, false: p.BeforeBlob}[in.ID == newer.ID]; blob == "" {
		return &types.PathDoesNotExistException{Message: text("Could not find path %s", path)}
	}
	return nil
}

// PostCommentForPullRequest implements the operation.
func (s *Service) PostCommentForPullRequest(ctx context.Context, in *sdk.PostCommentForPullRequestInput) (*sdk.PostCommentForPullRequestOutput, error) {
	p, err := s.pullIn(ctx, in.PullRequestId, in.RepositoryName)
	content, cerr := commentContent(in.Content)
	if err = errors.Join(err, cerr, checkToken(in.ClientRequestToken)); err != nil {
		return nil, firstOf(err)
	}
	at, err := s.place(ctx, in.RepositoryName, in.BeforeCommitId, in.AfterCommitId, in.Location)
	if err == nil && at.Before == "" {
		err = &types.CommitIdRequiredException{Message: text("The commit id must be specified.")}
	}
	if err != nil {
		return nil, err
	}
	c, err := s.pulls.Post(ctx, pull.Comment{
		RepositoryID: p.RepositoryID, Pull: p.ID, Place: at, Content: content, Author: caller(ctx), Token: aws.ToString(in.ClientRequestToken),
	})
	if err != nil {
		return nil, commentException(err, "")
	}
	return &sdk.PostCommentForPullRequestOutput{
		PullRequestId: in.PullRequestId, RepositoryName: in.RepositoryName, BeforeCommitId: filled(at.Before), AfterCommitId: filled(at.After),
		BeforeBlobId: filled(at.BeforeBlob), AfterBlobId: filled(at.AfterBlob), Location: locationOf(at), Comment: commentOf(c),
	}, nil
}

// pullIn finds a pull request that must be of the named repository.
func (s *Service) pullIn(ctx context.Context, id, repository *string) (pull.Request, error) {
	n, err := pullID(id)
	if err != nil {
		return pull.Request{}, err
	}
	r, err := s.repository(ctx, repository)
	if err != nil {
		return pull.Request{}, err
	}
	p, err := s.pulls.Get(ctx, n)
	if err == nil && p.RepositoryID != r.ID {
		err = notAssociated(r.Name, id)
	}
	return p, pullException(err, id)
}

func notAssociated(repository string, id *string) error {
	return &types.RepositoryNotAssociatedWithPullRequestException{Message: text("The repository %s does not contain the pull request %s", repository, aws.ToString(id))}
}

// PostCommentForComparedCommit implements the operation.
func (s *Service) PostCommentForComparedCommit(ctx context.Context, in *sdk.PostCommentForComparedCommitInput) (*sdk.PostCommentForComparedCommitOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	content, cerr := commentContent(in.Content)
	if err = errors.Join(err, cerr, checkToken(in.ClientRequestToken)); err != nil {
		return nil, firstOf(err)
	}
	at, err := s.place(ctx, in.RepositoryName, in.BeforeCommitId, in.AfterCommitId, in.Location)
	if err != nil {
		return nil, err
	}
	c, err := s.pulls.Post(ctx, pull.Comment{RepositoryID: r.ID, Place: at, Content: content, Author: caller(ctx), Token: aws.ToString(in.ClientRequestToken)})
	if err != nil {
		return nil, commentException(err, "")
	}
	return &sdk.PostCommentForComparedCommitOutput{
		RepositoryName: in.RepositoryName, BeforeCommitId: filled(at.Before), AfterCommitId: filled(at.After),
		BeforeBlobId: filled(at.BeforeBlob), AfterBlobId: filled(at.AfterBlob), Location: locationOf(at), Comment: commentOf(c),
	}, nil
}

// PostCommentReply implements the operation.
func (s *Service) PostCommentReply(ctx context.Context, in *sdk.PostCommentReplyInput) (*sdk.PostCommentReplyOutput, error) {
	to, err := commentID(in.InReplyTo)
	content, cerr := commentContent(in.Content)
	if err = errors.Join(err, cerr, checkToken(in.ClientRequestToken)); err != nil {
		return nil, firstOf(err)
	}
	c, err := s.pulls.Post(ctx, pull.Comment{InReplyTo: to, Content: content, Author: caller(ctx), Token: aws.ToString(in.ClientRequestToken)})
	if err != nil {
		return nil, commentException(err, to)
	}
	return &sdk.PostCommentReplyOutput{Comment: commentOf(c)}, nil
}

// GetComment implements the operation.
func (s *Service) GetComment(ctx context.Context, in *sdk.GetCommentInput) (*sdk.GetCommentOutput, error) {
	id, err := commentID(in.CommentId)
	if err != nil {
		return nil, err
	}
	c, err := s.pulls.Comment(ctx, id, caller(ctx))
	if err == nil && c.Deleted {
		err = pull.ErrCommentDeleted
	}
	if err != nil {
		return nil, commentException(err, id)
	}
	return &sdk.GetCommentOutput{Comment: commentOf(c)}, nil
}

// UpdateComment implements the operation.
func (s *Service) UpdateComment(ctx context.Context, in *sdk.UpdateCommentInput) (*sdk.UpdateCommentOutput, error) {
	id, err := commentID(in.CommentId)
	content, cerr := commentContent(in.Content)
	if err = errors.Join(err, cerr); err != nil {
		return nil, firstOf(err)
	}
	c, err := s.pulls.EditComment(ctx, id, content, caller(ctx))
	if err != nil {
		return nil, commentException(err, id)
	}
	return &sdk.UpdateCommentOutput{Comment: commentOf(c)}, nil
}

// DeleteCommentContent implements the operation.
func (s *Service) DeleteCommentContent(ctx context.Context, in *sdk.DeleteCommentContentInput) (*sdk.DeleteCommentContentOutput, error) {
	id, err := commentID(in.CommentId)
	if err != nil {
		return nil, err
	}
	c, err := s.pulls.DeleteComment(ctx, id, caller(ctx))
	if err != nil {
		return nil, commentException(err, id)
	}
	return &sdk.DeleteCommentContentOutput{Comment: commentOf(c)}, nil
}

// threads reads a page of threads of comments.
func (s *Service) threads(ctx context.Context, f pull.ThreadFilter, token *string, wanted *int32) ([]pull.Thread, *string, error) {
	size, err := pageSize(wanted, commentsPerPage, maxComments)
	if err != nil {
		return nil, nil, err
	}
	after, err := readMark("comments", token)
	if err != nil {
		return nil, nil, err
	}
	list, err := s.pulls.Threads(ctx, f, after, size+1, caller(ctx))
	if err != nil || len(list) <= size {
		return list, nil, err
	}
	list = list[:size]
	return list, mark("comments", list[size-1].Number), nil
}

func commentsOf(t pull.Thread) []types.Comment {
	out := []types.Comment{}
	for _, c := range t.Comments {
		out = append(out, *commentOf(c))
	}
	return out
}

// GetCommentsForPullRequest implements the operation: threads, oldest first.
func (s *Service) GetCommentsForPullRequest(ctx context.Context, in *sdk.GetCommentsForPullRequestInput) (*sdk.GetCommentsForPullRequestOutput, error) {
	id, err := pullID(in.PullRequestId)
	if err != nil {
		return nil, err
	}
	p, err := s.pulls.Get(ctx, id)
	if err == nil && in.RepositoryName != nil {
		p, err = s.pullIn(ctx, in.PullRequestId, in.RepositoryName)
	}
	if err != nil {
		return nil, pullException(err, in.PullRequestId)
	}
	f := pull.ThreadFilter{Pull: p.ID, Before: aws.ToString(in.BeforeCommitId), After: aws.ToString(in.AfterCommitId)}
	list, next, err := s.threads(ctx, f, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetCommentsForPullRequestOutput{NextToken: next, CommentsForPullRequestData: []types.CommentsForPullRequest{}}
	for _, t := range list {
		at := t.Comments[0].Place
		out.CommentsForPullRequestData = append(out.CommentsForPullRequestData, types.CommentsForPullRequest{
			PullRequestId: in.PullRequestId, RepositoryName: aws.String(p.Repository), BeforeCommitId: filled(at.Before), AfterCommitId: filled(at.After),
			BeforeBlobId: filled(at.BeforeBlob), AfterBlobId: filled(at.AfterBlob), Location: locationOf(at), Comments: commentsOf(t),
		})
	}
	return out, nil
}

// GetCommentsForComparedCommit implements the operation: threads, oldest first.
func (s *Service) GetCommentsForComparedCommit(ctx context.Context, in *sdk.GetCommentsForComparedCommitInput) (*sdk.GetCommentsForComparedCommitOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		_, err := commentedCommit(v, aws.ToString(in.AfterCommitId))
		return err
	})
	if err != nil {
		return nil, err
	}
	f := pull.ThreadFilter{RepositoryID: r.ID, Before: aws.ToString(in.BeforeCommitId), After: aws.ToString(in.AfterCommitId)}
	list, next, err := s.threads(ctx, f, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetCommentsForComparedCommitOutput{NextToken: next, CommentsForComparedCommitData: []types.CommentsForComparedCommit{}}
	for _, t := range list {
		at := t.Comments[0].Place
		out.CommentsForComparedCommitData = append(out.CommentsForComparedCommitData, types.CommentsForComparedCommit{
			RepositoryName: aws.String(r.Name), BeforeCommitId: filled(at.Before), AfterCommitId: filled(at.After),
			BeforeBlobId: filled(at.BeforeBlob), AfterBlobId: filled(at.AfterBlob), Location: locationOf(at), Comments: commentsOf(t),
		})
	}
	return out, nil
}

// PutCommentReaction implements the operation; "none" removes the caller's reaction.
func (s *Service) PutCommentReaction(ctx context.Context, in *sdk.PutCommentReactionInput) (*sdk.PutCommentReactionOutput, error) {
	id, err := commentID(in.CommentId)
	if err != nil {
		return nil, err
	}
	if in.ReactionValue == nil {
		return nil, &types.ReactionValueRequiredException{Message: text("The reaction must be specified; \"none\" removes it.")}
	}
	value := *in.ReactionValue
	if value == "none" {
		value = ""
	}
	emoji, known := emojiOf(value)
	if value != "" && !known {
		return nil, &types.InvalidReactionValueException{Message: text("%q is not a reaction; use one of %s.", value, reactionNames())}
	}
	if err := s.pulls.PutReaction(ctx, id, caller(ctx), emoji.short); err != nil {
		return nil, commentException(err, id)
	}
	return &sdk.PutCommentReactionOutput{}, nil
}

// GetCommentReactions implements the operation.
func (s *Service) GetCommentReactions(ctx context.Context, in *sdk.GetCommentReactionsInput) (*sdk.GetCommentReactionsOutput, error) {
	id, err := commentID(in.CommentId)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults, commentsPerPage, maxComments)
	if err != nil {
		return nil, err
	}
	all, err := s.pulls.Reactions(ctx, id, aws.ToString(in.ReactionUserArn))
	if err != nil {
		return nil, commentException(err, id)
	}
	some, next, err := page(all, "reactions", in.NextToken, size)
	out := &sdk.GetCommentReactionsOutput{NextToken: next, ReactionsForComment: []types.ReactionForComment{}}
	for _, r := range some {
		e, _ := emojiOf(r.Value)
		out.ReactionsForComment = append(out.ReactionsForComment, types.ReactionForComment{
			Reaction:      &types.ReactionValueFormats{Emoji: aws.String(e.emoji), ShortCode: aws.String(e.short), Unicode: aws.String(e.unicode)},
			ReactionUsers: r.Who,
		})
	}
	return out, err
}

// emoji is a reaction in the three forms of the API.
type emoji struct{ emoji, short, unicode string }

// emojis are the reactions there are.
func emojis() []emoji {
	return []emoji{
		{"👍", ":thumbsup:", "U+1F44D"},
		{"👎", ":thumbsdown:", "U+1F44E"},
		{"😄", ":smile:", "U+1F604"},
		{"❤", ":heart:", "U+2764"},
		{"😠", ":angry:", "U+1F620"},
		{"😕", ":confused:", "U+1F615"},
		{"😱", ":scream:", "U+1F631"},
		{"😭", ":sob:", "U+1F62D"},
		{"👏", ":clap:", "U+1F44F"},
		{"🎉", ":confetti_ball:", "U+1F389"},
		{"🚢", ":ship:", "U+1F6A2"},
		{"👀", ":eyes:", "U+1F440"},
	}
}

// Emoji is a reaction, given by any of its three forms, in all of them; ok is false for none.
func Emoji(value string) (symbol, short, unicode string, ok bool) {
	e, ok := emojiOf(value)
	return e.emoji, e.short, e.unicode, ok
}

func emojiOf(value string) (emoji, bool) {
	for _, e := range emojis() {
		if value == e.emoji || value == e.short || value == e.unicode {
			return e, true
		}
	}
	return emoji{}, false
}

func reactionNames() string {
	names := ""
	for _, e := range emojis() {
		names += " " + e.short
	}
	return names[1:]
}
