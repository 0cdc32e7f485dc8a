package flow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	ownerCustom    = "Custom"
	customResource = "actiontype:" // begins the resource of a custom action type's ARN

	maxCustomTypes   = 50
	maxCustomTypeArt = 5 // artifacts in and out
)

// CustomType is an action type that job workers do the work of: those of the account's owner, or of a partner.
type CustomType struct {
	action.Type
	row     int64
	deleted bool
	partner *PartnerType // nil: the owner is Custom
}

// customTypeOf finds a custom action type, also one that was deleted; nil when there never was one.
func customTypeOf(ctx context.Context, r store.Reader, id pipeline.ActionTypeID) (*CustomType, error) {
	t := new(CustomType)
	var text, declaration string
	var deleted int
	err := r.QueryRow(ctx, `SELECT id, definition, deleted, declaration FROM custom_action_types WHERE category = $1 AND provider = $2 AND version = $3 AND owner = $4`,
		id.Category, id.Provider, id.Version, id.Owner).Scan(&t.row, &text, &deleted, &declaration)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.deleted = deleted == 1
	return t, t.decode(text, declaration)
}

func (t *CustomType) decode(definition, declaration string) error {
	err := json.Unmarshal([]byte(definition), &t.Type)
	if declaration != "" && err == nil {
		err = json.Unmarshal([]byte(declaration), &t.partner)
		if t.partner.function() == "" {
			t.Type = withClient(t.Type)
		}
	}
	if err != nil {
		return fmt.Errorf("a custom action type is unreadable: %w", err)
	}
	return nil
}

// customTypeNamed finds one by the resource of its ARN: Custom/CATEGORY/PROVIDER/VERSION.
func customTypeNamed(ctx context.Context, r store.Reader, name string) (*CustomType, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 || parts[0] != ownerCustom {
		return nil, nil
	}
	return customTypeOf(ctx, r, pipeline.ActionTypeID{Category: parts[1], Owner: ownerCustom, Provider: parts[2], Version: parts[3]})
}

// CreateCustomType makes a custom action type. One that was deleted comes back when its definition is the same; for
// another definition its version is used up.
func (s *Service) CreateCustomType(ctx context.Context, t action.Type, tags map[string]string) error {
	t.ID.Owner = ownerCustom
	if t.Properties == nil {
		t.Properties = []action.Property{}
	}
	if problem := typeProblem(t); problem != "" {
		return pipeline.Errorf(pipeline.Validation, "%s", problem)
	}
	return s.store.InTx(ctx, func(tx store.Tx) error {
		if err := pipeline.CheckTags(nil, tags); err != nil {
			return err
		}
		old, err := customTypeOf(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		id, err := s.saveCustomType(ctx, tx, old, t)
		if err != nil {
			return err
		}
		return setTags(ctx, tx, customTags(id), tags)
	})
}

func (s *Service) saveCustomType(ctx context.Context, tx store.Tx, old *CustomType, t action.Type) (id int64, err error) {
	switch {
	case old != nil && !old.deleted:
		return 0, pipeline.Errorf(pipeline.Validation, "The action type %s exists already. Give the new one another version", t)
	case old != nil && !sameType(old.Type, t):
		return 0, pipeline.Errorf(pipeline.Validation, "The version '%s' of the action type %s was used for another definition before and cannot be "+
			"used again. Give the new one another version", t.ID.Version, t)
	}
	var count int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM custom_action_types WHERE deleted = 0 AND owner = 'Custom'`).Scan(&count); err != nil {
		return 0, err
	}
	if count >= maxCustomTypes {
		return 0, pipeline.Errorf(pipeline.LimitExceeded, "Account '%s' already has %d custom action types, and can have no more. Delete one first", s.account, count)
	}
	if old != nil {
		_, err := tx.Exec(ctx, `UPDATE custom_action_types SET deleted = 0 WHERE id = $1`, old.row)
		return old.row, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO custom_action_types (category, provider, version, definition, deleted) VALUES ($1, $2, $3, $4, 0)
		ON CONFLICT (category, provider, version) DO NOTHING RETURNING id`,
		t.ID.Category, t.ID.Provider, t.ID.Version, mustJSON(t)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = pipeline.Errorf(pipeline.ConcurrentModification, "The action type %s is being made by another request, or is a partner's. Give the new one another version", t)
	}
	return id, err
}

func sameType(a, b action.Type) bool {
	var x, y any
	return json.Unmarshal([]byte(mustJSON(a)), &x) == nil && json.Unmarshal([]byte(mustJSON(b)), &y) == nil && reflect.DeepEqual(x, y)
}

// typeProblem says what is wrong with a definition whose shapes have been checked, or "" (api.md section 2).
func typeProblem(t action.Type) string {
	if err := t.Check(); err != nil {
		return capital(err.Error())
	}
	switch t.ID.Category {
	case "Source", "Build", "Deploy", "Test", "Invoke":
	default:
		return fmt.Sprintf("%s actions cannot be of the category %s; it must be Source, Build, Deploy, Test or Invoke", t.ID.Owner, t.ID.Category)
	}
	if t.Inputs.Max > maxCustomTypeArt || t.Outputs.Max > maxCustomTypeArt {
		return fmt.Sprintf("A %s action can have at most %d input and %d output artifacts", t.ID.Owner, maxCustomTypeArt, maxCustomTypeArt)
	}
	queryable := ""
	for _, p := range t.Properties {
		if !p.Queryable {
			continue
		}
		switch {
		case queryable != "":
			return fmt.Sprintf("The properties '%s' and '%s' are both queryable; at most one can be", queryable, p.Name)
		case !p.Required || p.Secret:
			return fmt.Sprintf("The property '%s' is queryable, so it must be required and not secret", p.Name)
		}
		queryable = p.Name
	}
	for _, u := range []urlTemplate{
		{"thirdPartyConfigurationUrl", t.SettingsURL, ""},
		{"entityUrlTemplate", t.EntityURL, ""},
		{"revisionUrlTemplate", t.RevisionURL, "RevisionId"},
		{"executionUrlTemplate", t.ExecutionURL, "ExternalExecutionId"},
	} {
		if problem := u.problem(t); problem != "" {
			return problem
		}
	}
	return ""
}

// urlTemplate is an address with {Config:Name} and one more placeholder in it.
type urlTemplate struct{ field, text, placeholder string }

func (u urlTemplate) problem(t action.Type) string {
	if u.text == "" {
		return ""
	}
	if !strings.HasPrefix(u.text, "https://") && !strings.HasPrefix(u.text, "http://") {
		return fmt.Sprintf("The %s must begin with https:// or http://", u.field)
	}
	for _, name := range placeholders(u.text) {
		key, isConfig := strings.CutPrefix(name, "Config:")
		p, known := t.Property(key)
		switch {
		case isConfig && (!known || p.Secret || !p.Required):
			return fmt.Sprintf("The %s refers to {%s}, which is not a required property that is not secret", u.field, name)
		case !isConfig && name != u.placeholder:
			return fmt.Sprintf("The %s refers to {%s}, which nothing will be put in place of; use %s", u.field, name, u.known())
		}
	}
	return ""
}

func (u urlTemplate) known() string {
	if u.placeholder == "" {
		return "{Config:Name}"
	}
	return "{Config:Name} or {" + u.placeholder + "}"
}

// placeholders lists what stands in braces in a template.
func placeholders(template string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(template, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return names
		}
		names, template = append(names, name), after
	}
}

// executionURL fills in a custom type's template for the page of one execution; "" while something is not known.
func executionURL(template string, configuration map[string]string, externalID string) string {
	var pairs []string
	for _, name := range placeholders(template) {
		value := externalID
		if key, ok := strings.CutPrefix(name, "Config:"); ok {
			value = configuration[key]
		}
		if value == "" {
			return ""
		}
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(template) // in one go: a value with braces is no placeholder
}

// DeleteCustomType ends the use of a custom action type. Pipelines keep their declarations; their actions fail, those that
// wait for a worker at once. Deleting one that does not exist is fine.
func (s *Service) DeleteCustomType(ctx context.Context, id pipeline.ActionTypeID) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		t, err := customTypeOf(ctx, tx, id)
		if err != nil || t == nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM custom_action_type_tags WHERE type_id = $1`, t.row); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE custom_action_types SET deleted = 1 WHERE id = $1`, t.row); err != nil {
			return err
		}
		return s.dropWaitingJobs(ctx, tx, t)
	})
}

// CustomTypes lists the action types of job workers, custom and partners', that were not deleted, in the order in which they were made.
func (s *Service) CustomTypes(ctx context.Context) ([]CustomType, error) {
	var list []CustomType
	err := s.store.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT id, definition, declaration FROM custom_action_types WHERE deleted = 0 ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var t CustomType
			var text, declaration string
			if err := rows.Scan(&t.row, &text, &declaration); err != nil {
				return err
			}
			if err := t.decode(text, declaration); err != nil {
				return err
			}
			list = append(list, t)
		}
		return rows.Err()
	})
	return list, err
}
