package pull

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors about comments.
var (
	ErrNoComment      = errors.New("comment does not exist")
	ErrCommentDeleted = errors.New("the comment was deleted")
	ErrNotAuthor      = errors.New("only its author may change a comment")
)

// Place is what a thread of comments is about.
type Place struct {
	Before     string `json:"before,omitempty"` // ids of commits
	After      string `json:"after"`
	BeforeBlob string `json:"beforeBlob,omitempty"`
	AfterBlob  string `json:"afterBlob,omitempty"`
	Path       string `json:"path,omitempty"` // "": the whole comparison
	Line       int64  `json:"line,omitempty"` // 0: the whole file
	Version    string `json:"version,omitempty"`
}

// Comment is one comment.
type Comment struct {
	number       int64
	ID           string
	RepositoryID string
	Repository   string
	Pull         int64 // 0: on a comparison
	Thread       string
	InReplyTo    string
	Place        Place
	Content      string
	Author       string
	Token        string
	Deleted      bool
	Created      time.Time
	Modified     time.Time
	Reactions    map[string]int // how many reacted with each
	Mine         []string       // the caller's reactions
}

// Commented is a comment that was made, changed or deleted.
type Commented struct {
	Comment Comment
	Made    bool     // false: changed
	Request *Request // of its pull request
	Actor   string
	At      time.Time
}

const commentColumns = `c.number, c.id, c.repository_id, r.name, coalesce(c.pull_id, 0), c.thread, c.in_reply_to, c.place, c.content, c.author,
	c.token, c.deleted, c.created_at, c.modified_at`

const commentFrom = ` FROM comments c JOIN repositories r ON r.id = c.repository_id `

func scanComment(row interface{ Scan(...any) error }) (Comment, error) {
	var c Comment
	var place string
	var deleted int
	var created, modified int64
	err := row.Scan(&c.number, &c.ID, &c.RepositoryID, &c.Repository, &c.Pull, &c.Thread, &c.InReplyTo, &place, &c.Content, &c.Author,
		&c.Token, &deleted, &created, &modified)
	if err != nil {
		return Comment{}, err
	}
	c.Deleted, c.Created, c.Modified = deleted == 1, store.FromMicros(created), store.FromMicros(modified)
	if err := json.Unmarshal([]byte(place), &c.Place); err != nil {
		return Comment{}, fmt.Errorf("the place of comment %s is unreadable: %w", c.ID, err)
	}
	return c, nil
}

func comment(ctx context.Context, r store.Reader, id string) (Comment, error) {
	c, err := scanComment(r.QueryRow(ctx, `SELECT `+commentColumns+commentFrom+`WHERE c.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("comment %s: %w", id, ErrNoComment)
	}
	return c, err
}

// Comment reads a comment as caller sees it, also a deleted one. ErrNoComment.
func (s *Service) Comment(ctx context.Context, id, caller string) (Comment, error) {
	var c Comment
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		if c, err = comment(ctx, r, id); err != nil {
			return err
		}
		return react(ctx, r, []*Comment{&c}, caller)
	})
	return c, err
}

// Post makes a comment of RepositoryID, Pull, Place, InReplyTo, Content, Author and Token. A reply takes its place from
// what it replies to. A repeated request with the same token returns what the first one made. ErrNoComment,
// ErrCommentDeleted, ErrNoRequest, ErrTokenReused.
func (s *Service) Post(ctx context.Context, c Comment) (Comment, error) {
	asked := mustJSON([]any{c.RepositoryID, c.Pull, c.Place, c.InReplyTo, c.Content})
	id := ""
	err := s.db.InTx(ctx, func(tx store.Tx) (err error) {
		id, err = s.insertComment(ctx, tx, c, asked)
		return err
	})
	if store.IsUnique(err) { // the same request, a moment ago
		return s.Post(ctx, c)
	}
	if err != nil {
		return Comment{}, err
	}
	return s.Comment(ctx, id, c.Author)
}

func (s *Service) insertComment(ctx context.Context, tx store.Tx, c Comment, asked string) (string, error) {
	if c.Token != "" {
		var id, before string
		err := tx.QueryRow(ctx, `SELECT id, request FROM comments WHERE author = $1 AND token = $2`, c.Author, c.Token).Scan(&id, &before)
		if err == nil && before != asked {
			return "", ErrTokenReused
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return id, err
		}
	}
	c.ID = uuid.NewString()
	c.Thread = c.ID
	if c.InReplyTo != "" {
		to, err := comment(ctx, tx, c.InReplyTo)
		if err != nil {
			return "", err
		}
		c.Thread, c.Place, c.Pull, c.RepositoryID = to.Thread, to.Place, to.Pull, to.RepositoryID
	}
	on := sql.NullInt64{Int64: c.Pull, Valid: c.Pull > 0}
	if _, err := tx.Exec(ctx, `INSERT INTO comments (id, repository_id, pull_id, thread, in_reply_to, place, before_id, after_id, content, author,
		token, request, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
		c.ID, c.RepositoryID, on, c.Thread, c.InReplyTo, mustJSON(c.Place), c.Place.Before, c.Place.After, c.Content, c.Author,
		c.Token, asked, store.Micros(tx.Now())); err != nil {
		return "", err
	}
	return c.ID, s.commented(ctx, tx, c.ID, c.Author, true)
}

// commented makes the pull request of a comment active and tells the hook.
func (s *Service) commented(ctx context.Context, tx store.Tx, id, actor string, made bool) error {
	c, err := comment(ctx, tx, id)
	if err != nil {
		return err
	}
	said := Commented{Comment: c, Made: made, Actor: actor, At: tx.Now()}
	if c.Pull > 0 {
		if _, err := tx.Exec(ctx, `UPDATE pull_requests SET active_at = $2 WHERE id = $1`, c.Pull, store.Micros(tx.Now())); err != nil {
			return err
		}
		p, err := request(ctx, tx, c.Pull)
		if err != nil {
			return err
		}
		said.Request = &p
	}
	if s.opts.OnComment == nil {
		return nil
	}
	return s.opts.OnComment(ctx, tx, said)
}

// EditComment replaces what a comment says. ErrNoComment, ErrCommentDeleted, ErrNotAuthor.
func (s *Service) EditComment(ctx context.Context, id, content, by string) (Comment, error) {
	return s.changeComment(ctx, id, by, func(tx store.Tx, c Comment) error {
		if c.Author != by {
			return ErrNotAuthor
		}
		_, err := tx.Exec(ctx, `UPDATE comments SET content = $2, modified_at = $3 WHERE id = $1`, id, content, store.Micros(tx.Now()))
		return err
	})
}

// DeleteComment removes what a comment says; that there was one stays. ErrNoComment, ErrCommentDeleted.
func (s *Service) DeleteComment(ctx context.Context, id, by string) (Comment, error) {
	return s.changeComment(ctx, id, by, func(tx store.Tx, _ Comment) error {
		_, err := tx.Exec(ctx, `UPDATE comments SET content = '', deleted = 1, modified_at = $2 WHERE id = $1`, id, store.Micros(tx.Now()))
		return err
	})
}

func (s *Service) changeComment(ctx context.Context, id, by string, change func(store.Tx, Comment) error) (Comment, error) {
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		c, err := lockComment(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := change(tx, c); err != nil {
			return err
		}
		return s.commented(ctx, tx, id, by, false)
	})
	if err != nil {
		return Comment{}, err
	}
	return s.Comment(ctx, id, by)
}

// lockComment reads a comment that is not deleted, and keeps others from changing it. ErrNoComment, ErrCommentDeleted.
func lockComment(ctx context.Context, tx store.Tx, id string) (Comment, error) {
	if _, err := tx.Exec(ctx, `UPDATE comments SET deleted = deleted WHERE id = $1`, id); err != nil {
		return Comment{}, err
	}
	c, err := comment(ctx, tx, id)
	if err == nil && c.Deleted {
		err = fmt.Errorf("comment %s: %w", id, ErrCommentDeleted)
	}
	return c, err
}

// Thread is a comment with the replies to it, oldest first.
type Thread struct {
	Number   int64 // its place in the order
	Comments []Comment
}

// ThreadFilter chooses threads: those of a pull request, or of the comparisons of a repository. Empty commits are any.
type ThreadFilter struct {
	Pull                        int64
	RepositoryID, Before, After string
}

// Threads lists threads of comments, oldest first, from the one after number after, as caller sees them.
func (s *Service) Threads(ctx context.Context, f ThreadFilter, after int64, limit int, caller string) ([]Thread, error) {
	where, args := `c.pull_id = $1`, []any{f.Pull}
	if f.Pull == 0 {
		where, args = `c.pull_id IS NULL AND c.repository_id = $1`, []any{f.RepositoryID}
	}
	args = append(args, f.Before, f.After, after, limit)
	where += ` AND ($2 = '' OR c.before_id = $2) AND ($3 = '' OR c.after_id = $3) AND c.number > $4 AND c.in_reply_to = '' ORDER BY c.number LIMIT $5`
	var list []Thread
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		heads, err := comments(ctx, r, where, args...)
		if err != nil {
			return err
		}
		for _, head := range heads {
			all, err := comments(ctx, r, `c.thread = $1 ORDER BY c.number`, head.ID)
			if err != nil {
				return err
			}
			list = append(list, Thread{Number: head.number, Comments: all})
		}
		var every []*Comment
		for t := range list {
			for c := range list[t].Comments {
				every = append(every, &list[t].Comments[c])
			}
		}
		return react(ctx, r, every, caller)
	})
	return list, err
}

func comments(ctx context.Context, r store.Reader, where string, args ...any) ([]Comment, error) {
	rows, err := r.Query(ctx, `SELECT `+commentColumns+commentFrom+`WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Comment
	for rows.Next() {
		c, err := scanComment(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Reaction is one emoji and who reacted with it.
type Reaction struct {
	Value string
	Who   []string // ARNs
}

// Reacted is a reaction that was given, changed or, with Value "", taken back.
type Reacted struct {
	Comment Comment
	Value   string
	Made    bool // it is the caller's first to the comment
	Actor   string
	At      time.Time
}

// PutReaction replaces the caller's reaction to a comment, "" removes it. ErrNoComment, ErrCommentDeleted.
func (s *Service) PutReaction(ctx context.Context, id, who, value string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		c, err := lockComment(ctx, tx, id)
		if err != nil {
			return err
		}
		before, err := tx.Exec(ctx, `DELETE FROM comment_reactions WHERE comment_id = $1 AND who = $2`, id, who)
		if err == nil && value != "" {
			_, err = tx.Exec(ctx, `INSERT INTO comment_reactions (comment_id, who, reaction, at) VALUES ($1, $2, $3, $4)`, id, who, value, store.Micros(tx.Now()))
		}
		if err != nil || s.opts.OnReaction == nil || before == 0 && value == "" {
			return err
		}
		return s.opts.OnReaction(ctx, tx, Reacted{Comment: c, Value: value, Made: before == 0, Actor: who, At: tx.Now()})
	})
}

// Reactions lists the reactions to a comment, by emoji; with who only theirs. ErrNoComment, ErrCommentDeleted.
func (s *Service) Reactions(ctx context.Context, id, who string) ([]Reaction, error) {
	var list []Reaction
	err := s.db.Read(ctx, func(r store.Reader) error {
		c, err := comment(ctx, r, id)
		if err == nil && c.Deleted {
			err = fmt.Errorf("comment %s: %w", id, ErrCommentDeleted)
		}
		if err != nil {
			return err
		}
		list, err = reactions(ctx, r, id, who)
		return err
	})
	return list, err
}

func reactions(ctx context.Context, r store.Reader, id, who string) ([]Reaction, error) {
	rows, err := r.Query(ctx, `SELECT reaction, who FROM comment_reactions WHERE comment_id = $1 AND ($2 = '' OR who = $2) ORDER BY reaction, who`, id, who)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Reaction
	for rows.Next() {
		var value, who string
		if err := rows.Scan(&value, &who); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].Value != value {
			list = append(list, Reaction{Value: value})
		}
		list[len(list)-1].Who = append(list[len(list)-1].Who, who)
	}
	return list, rows.Err()
}

// react fills in the reactions to comments.
func react(ctx context.Context, r store.Reader, list []*Comment, caller string) error {
	for _, c := range list {
		given, err := reactions(ctx, r, c.ID, "")
		if err != nil {
			return err
		}
		c.Reactions = map[string]int{}
		for _, g := range given {
			c.Reactions[g.Value] = len(g.Who)
			for _, who := range g.Who {
				if who == caller {
					c.Mine = append(c.Mine, g.Value)
				}
			}
		}
	}
	return nil
}
