package pull

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Errors about templates of approval rules.
var (
	ErrNoTemplate      = errors.New("approval rule template does not exist")
	ErrTemplateExists  = errors.New("an approval rule template of that name exists already")
	ErrTemplateInUse   = errors.New("the approval rule template is associated with repositories")
	ErrTooManyTemplate = errors.New("there are too many approval rule templates")
	ErrTooManyOfRepo   = errors.New("the repository has too many approval rule templates")
)

const (
	maxTemplates       = 1000
	maxTemplatesOfRepo = 25
)

// Template is a template for the approval rules of pull requests: the new ones of the repositories it is associated with
// get a rule of it.
type Template struct {
	ID, Name, Description, Content string
	ModifiedBy                     string
	Created, Modified              time.Time
}

// TemplateEvent is what happened to a template, by the name that events give it.
type TemplateEvent string

// The events of templates.
const (
	TemplateCreated       TemplateEvent = "approvalRuleTemplateCreated"
	TemplateUpdated       TemplateEvent = "approvalRuleTemplateUpdated"
	TemplateDeleted       TemplateEvent = "approvalRuleTemplateDeleted"
	TemplateAssociated    TemplateEvent = "approvalRuleTemplateAssociatedWithRepository"
	TemplateDisassociated TemplateEvent = "approvalRuleTemplateDisassociatedFromRepository"
)

// TemplateChange is one of them.
type TemplateChange struct {
	Event        TemplateEvent
	Template     Template
	Repository   string // the name of the one it was associated with, or disassociated from
	RepositoryID string
	Actor        string // ARN
	At           time.Time
}

// changed tells the hook what happened to t.
func (s *Service) changed(ctx context.Context, tx store.Tx, what TemplateEvent, t Template, repositoryID, by string) error {
	if s.opts.OnTemplate == nil {
		return nil
	}
	c := TemplateChange{Event: what, Template: t, RepositoryID: repositoryID, Actor: by, At: tx.Now()}
	if repositoryID != "" {
		if err := tx.QueryRow(ctx, `SELECT name FROM repositories WHERE id = $1`, repositoryID).Scan(&c.Repository); err != nil {
			return err
		}
	}
	return s.opts.OnTemplate(ctx, tx, c)
}

const templateColumns = `id, name, description, content, modified_by, created_at, modified_at`

func scanTemplate(row interface{ Scan(...any) error }) (Template, error) {
	var t Template
	var created, modified int64
	err := row.Scan(&t.ID, &t.Name, &t.Description, &t.Content, &t.ModifiedBy, &created, &modified)
	t.Created, t.Modified = store.FromMicros(created), store.FromMicros(modified)
	return t, err
}

func template(ctx context.Context, r store.Reader, name string) (Template, error) {
	t, err := scanTemplate(r.QueryRow(ctx, `SELECT `+templateColumns+` FROM rule_templates WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("approval rule template %s: %w", name, ErrNoTemplate)
	}
	return t, err
}

// Template reads a template. ErrNoTemplate.
func (s *Service) Template(ctx context.Context, name string) (Template, error) {
	var t Template
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		t, err = template(ctx, r, name)
		return err
	})
	return t, err
}

// AddTemplate makes a template of Name, Description, Content and ModifiedBy. ErrTemplateExists, ErrTooManyTemplate.
func (s *Service) AddTemplate(ctx context.Context, t Template) (Template, error) {
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM rule_templates`).Scan(&n); err != nil {
			return err
		}
		if n >= maxTemplates {
			return ErrTooManyTemplate
		}
		t.ID, t.Created, t.Modified = uuid.NewString(), tx.Now(), tx.Now()
		added, err := tx.Exec(ctx, `INSERT INTO rule_templates (`+templateColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING`,
			t.ID, t.Name, t.Description, t.Content, t.ModifiedBy, store.Micros(t.Created))
		if err == nil && added == 0 {
			err = fmt.Errorf("approval rule template %s: %w", t.Name, ErrTemplateExists)
		}
		if err != nil {
			return err
		}
		return s.changed(ctx, tx, TemplateCreated, t, "", t.ModifiedBy)
	})
	return t, err
}

// UpdateTemplate changes what change changes: Name, Description, Content. ErrNoTemplate, ErrTemplateExists, and what
// change returns.
func (s *Service) UpdateTemplate(ctx context.Context, name, by string, change func(*Template) error) (Template, error) {
	var t Template
	err := s.db.InTx(ctx, func(tx store.Tx) (err error) {
		if _, err := tx.Exec(ctx, `UPDATE rule_templates SET name = name WHERE name = $1`, name); err != nil {
			return err
		}
		if t, err = template(ctx, tx, name); err != nil {
			return err
		}
		if err := change(&t); err != nil {
			return err
		}
		if t.Name != name {
			if _, err := template(ctx, tx, t.Name); err == nil {
				return fmt.Errorf("approval rule template %s: %w", t.Name, ErrTemplateExists)
			} else if !errors.Is(err, ErrNoTemplate) {
				return err
			}
		}
		t.Modified, t.ModifiedBy = tx.Now(), by
		_, err = tx.Exec(ctx, `UPDATE rule_templates SET name = $2, description = $3, content = $4, modified_by = $5, modified_at = $6 WHERE id = $1`,
			t.ID, t.Name, t.Description, t.Content, t.ModifiedBy, store.Micros(t.Modified))
		if err != nil {
			return err
		}
		return s.changed(ctx, tx, TemplateUpdated, t, "", by)
	})
	if store.IsUnique(err) {
		err = ErrTemplateExists
	}
	return t, err
}

// DeleteTemplate removes a template and returns its id, "" when there was none. ErrTemplateInUse.
func (s *Service) DeleteTemplate(ctx context.Context, name, by string) (id string, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		id = ""
		t, err := template(ctx, tx, name)
		if errors.Is(err, ErrNoTemplate) {
			return nil
		}
		if err != nil {
			return err
		}
		var used int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM rule_template_repositories WHERE template_id = $1`, t.ID).Scan(&used); err != nil {
			return err
		}
		if used > 0 {
			return fmt.Errorf("approval rule template %s: %w", name, ErrTemplateInUse)
		}
		id = t.ID
		if _, err = tx.Exec(ctx, `DELETE FROM rule_templates WHERE id = $1`, t.ID); err != nil {
			return err
		}
		return s.changed(ctx, tx, TemplateDeleted, t, "", by)
	})
	if store.IsForeignKey(err) { // associated a moment ago
		err = ErrTemplateInUse
	}
	return id, err
}

// Associate lets a template apply to the future pull requests of a repository; doing so twice is no mistake.
// ErrNoTemplate, ErrTooManyOfRepo.
func (s *Service) Associate(ctx context.Context, name, repositoryID, by string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := template(ctx, tx, name)
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM rule_template_repositories WHERE repository_id = $1 AND template_id <> $2`,
			repositoryID, t.ID).Scan(&n); err != nil {
			return err
		}
		if n >= maxTemplatesOfRepo {
			return ErrTooManyOfRepo
		}
		added, err := tx.Exec(ctx, `INSERT INTO rule_template_repositories (template_id, repository_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, t.ID, repositoryID)
		if err != nil || added == 0 {
			return err
		}
		return s.changed(ctx, tx, TemplateAssociated, t, repositoryID, by)
	})
}

// Disassociate ends what Associate began; the rules that were made stay. ErrNoTemplate.
func (s *Service) Disassociate(ctx context.Context, name, repositoryID, by string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := template(ctx, tx, name)
		if err != nil {
			return err
		}
		removed, err := tx.Exec(ctx, `DELETE FROM rule_template_repositories WHERE template_id = $1 AND repository_id = $2`, t.ID, repositoryID)
		if err != nil || removed == 0 {
			return err
		}
		return s.changed(ctx, tx, TemplateDisassociated, t, repositoryID, by)
	})
}

// Templates lists the names of all templates, TemplatesOf those of a repository, RepositoriesOf the names of the
// repositories of a template.
func (s *Service) Templates(ctx context.Context) ([]string, error) {
	return s.names(ctx, `SELECT name FROM rule_templates ORDER BY name`)
}

// TemplatesOf lists the names of the templates that are associated with a repository.
func (s *Service) TemplatesOf(ctx context.Context, repositoryID string) ([]string, error) {
	return s.names(ctx, `SELECT t.name FROM rule_templates t JOIN rule_template_repositories a ON a.template_id = t.id
		WHERE a.repository_id = $1 ORDER BY t.name`, repositoryID)
}

// RepositoriesOf lists the names of the repositories that a template is associated with. ErrNoTemplate.
func (s *Service) RepositoriesOf(ctx context.Context, name string) ([]string, error) {
	t, err := s.Template(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.names(ctx, `SELECT r.name FROM repositories r JOIN rule_template_repositories a ON a.repository_id = r.id
		WHERE a.template_id = $1 ORDER BY r.name`, t.ID)
}

func (s *Service) names(ctx context.Context, query string, args ...any) ([]string, error) {
	var list []string
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		list, err = store.Strings(ctx, r, query, args...)
		return err
	})
	return list, err
}

// applyTemplates gives a new pull request the rules of its repository's templates.
func applyTemplates(ctx context.Context, tx store.Tx, p Request) ([]Rule, error) {
	templates, err := templatesOf(ctx, tx, p.RepositoryID)
	if err != nil {
		return nil, err
	}
	var list []Rule
	for _, t := range templates {
		c, err := ParseContent(t.Content, true)
		if err != nil {
			return nil, fmt.Errorf("approval rule template %s is unreadable: %w", t.Name, err)
		}
		if !c.appliesTo(p.Destination) {
			continue
		}
		u, err := insertRule(ctx, tx, p.ID, Rule{Name: t.Name, Content: t.Content, TemplateID: t.ID, TemplateName: t.Name, ModifiedBy: p.Author})
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

func templatesOf(ctx context.Context, r store.Reader, repositoryID string) ([]Template, error) {
	rows, err := r.Query(ctx, `SELECT `+templateColumns+` FROM rule_templates WHERE id IN
		(SELECT template_id FROM rule_template_repositories WHERE repository_id = $1) ORDER BY name`, repositoryID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Template
	for rows.Next() {
		t, err := scanTemplate(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, rows.Err()
}
