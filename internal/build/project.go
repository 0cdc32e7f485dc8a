package build

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// CreateProject stores a project. ErrProjectExists. Name, ARN and times are the service's.
func (s *Service) CreateProject(ctx context.Context, p types.Project) (types.Project, error) {
	err := s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		now := tx.Now()
		p.Arn = aws.String(s.cfg.Place.ProjectARN(*p.Name))
		p.Created, p.LastModified = aws.Time(now), aws.Time(now)
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO build_projects (name, body, created_at, modified_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (name) DO NOTHING`, *p.Name, string(body), store.Micros(now))
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrProjectExists, *p.Name)
		}
		return err
	})
	return p, err
}

// UpdateProject changes a project in one transaction: change gets it as it is. ErrNoProject.
func (s *Service) UpdateProject(ctx context.Context, name string, change func(*types.Project) error) (types.Project, error) {
	var p types.Project
	err := s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		var err error
		// The update comes first because it locks the row.
		if _, err = tx.Exec(ctx, `UPDATE build_projects SET modified_at = $2 WHERE name = $1`, name, store.Micros(tx.Now())); err != nil {
			return err
		}
		if p, err = project(ctx, tx, name); err != nil {
			return err
		}
		if err := change(&p); err != nil {
			return err
		}
		p.LastModified = aws.Time(tx.Now())
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `UPDATE build_projects SET body = $2 WHERE name = $1`, name, string(body)); err != nil {
			return err
		}
		return s.admit(ctx, tx, name, &p)
	})
	return p, err
}

// DeleteProject forgets a project; its builds stay, and those that wait for others run. Deleting one that does not exist changes nothing.
func (s *Service) DeleteProject(ctx context.Context, name string) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM build_projects WHERE name = $1`, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM build_policies WHERE resource = $1`, s.cfg.Place.ProjectARN(name)); err != nil {
			return err
		}
		return s.admit(ctx, tx, name, nil)
	})
}

// Project reads a project. ErrNoProject.
func (s *Service) Project(ctx context.Context, name string) (p types.Project, err error) {
	err = s.cfg.Store.Read(ctx, func(r store.Reader) error {
		p, err = project(ctx, r, name)
		return err
	})
	return p, err
}

func project(ctx context.Context, r store.Reader, name string) (types.Project, error) {
	var body string
	err := r.QueryRow(ctx, `SELECT body FROM build_projects WHERE name = $1`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return types.Project{}, fmt.Errorf("%w: %s", ErrNoProject, name)
	}
	if err != nil {
		return types.Project{}, err
	}
	return decodeProject(body)
}

func decodeProject(body string) (p types.Project, err error) {
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return types.Project{}, fmt.Errorf("a stored build project cannot be read: %w", err)
	}
	return p, nil
}

// PageSize is how many names or ids a list operation returns at once.
const PageSize = 100

// ProjectOrder is what a list of projects, or of report groups, is sorted by.
type ProjectOrder string

// The orders of ListProjects and ListReportGroups.
const (
	ByName     ProjectOrder = "name"
	ByCreated  ProjectOrder = "created_at"
	ByModified ProjectOrder = "modified_at"
)

// ListProjects returns a page of names and the cursor of the next one, "" at the end.
func (s *Service) ListProjects(ctx context.Context, by ProjectOrder, descending bool, after string) (names []string, next string, err error) {
	return s.listNames(ctx, "build_projects", by, descending, after, PageSize)
}

// listNames lists what has a name and two times: projects and report groups.
func (s *Service) listNames(ctx context.Context, table string, by ProjectOrder, descending bool, after string, limit int) (names []string, next string, err error) {
	column := map[ProjectOrder]string{ByName: "name", ByCreated: "created_at", ByModified: "modified_at"}[by]
	if column == "" {
		return nil, "", fmt.Errorf("%s cannot be listed by %q", table, by)
	}
	order, than := "ASC", ">"
	if descending {
		order, than = "DESC", "<"
	}
	query, args := `SELECT name, `+column+` FROM `+table, []any{}
	if after != "" {
		var c cursor
		if err := c.parse(after); err != nil {
			return nil, "", err
		}
		if by == ByName {
			query, args = query+` WHERE name `+than+` $1`, append(args, c.ID)
		} else {
			query, args = query+` WHERE (`+column+`, name) `+than+` ($1, $2)`, append(args, c.At, c.ID)
		}
	}
	query += ` ORDER BY ` + column + ` ` + order + `, name ` + order + fmt.Sprintf(` LIMIT %d`, limit+1)
	var last cursor
	err = s.cfg.Store.Read(ctx, func(r store.Reader) error {
		names, next = nil, ""
		rows, err := r.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if len(names) == limit {
				next = last.String()
				break
			}
			var at any
			var c cursor
			if err := rows.Scan(&c.ID, &at); err != nil {
				return err
			}
			c.At, _ = at.(int64)
			last, names = c, append(names, c.ID)
		}
		return rows.Err()
	})
	return names, next, err
}
