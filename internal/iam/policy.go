package iam

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/versity/versitygw/iamapi/iamerr"
	"github.com/versity/versitygw/iamapi/policy"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The most characters, not counting white space, the inline policies of one principal may have together.
var inlineQuota = map[Kind]int{User: 2048, Role: 10240}

// trustQuota is the same for a role's trust policy.
const trustQuota = 4096

// policySet is the inline policies of a principal.
type policySet struct {
	name      string // the principal's
	documents []string
}

// PutPolicy writes an inline policy, replacing one of the same name.
func (d *Directory) PutPolicy(ctx context.Context, kind Kind, owner, name, document string) error {
	if err := policy.Parse(document); err != nil {
		return malformed(err)
	}
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, kind, owner)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO iam_inline_policies (principal_id, name, document) VALUES ($1, $2, $3)
			ON CONFLICT (principal_id, name) DO UPDATE SET document = excluded.document`, e.ID, name, document); err != nil {
			return err
		}
		set, err := documentsOf(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		size := 0
		for _, doc := range set {
			size += weight(doc)
		}
		if quota := inlineQuota[kind]; size > quota {
			return mistake(ErrLimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", quota, kind, e.Name)
		}
		return nil
	})
	return wrap(err, "put policy %s of %s %s", name, kind, owner)
}

// Policy is the document of an inline policy, as it was written.
func (d *Directory) Policy(ctx context.Context, kind Kind, owner, name string) (string, error) {
	var document string
	err := d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, kind, owner)
		if err != nil {
			return err
		}
		err = r.QueryRow(ctx, `SELECT document FROM iam_inline_policies WHERE principal_id = $1 AND name = $2`, e.ID, name).Scan(&document)
		if errors.Is(err, sql.ErrNoRows) {
			return noPolicy(kind, name)
		}
		return err
	})
	return document, wrap(err, "get policy %s of %s %s", name, kind, owner)
}

// Policies lists the names of the inline policies.
func (d *Directory) Policies(ctx context.Context, kind Kind, owner string) ([]string, error) {
	var names []string
	err := d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, kind, owner)
		if err != nil {
			return err
		}
		names, err = store.Strings(ctx, r, `SELECT name FROM iam_inline_policies WHERE principal_id = $1 ORDER BY name`, e.ID)
		return err
	})
	return names, wrap(err, "list the policies of %s %s", kind, owner)
}

// DeletePolicy removes an inline policy.
func (d *Directory) DeletePolicy(ctx context.Context, kind Kind, owner, name string) error {
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, kind, owner)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM iam_inline_policies WHERE principal_id = $1 AND name = $2`, e.ID, name)
		if err == nil && n == 0 {
			return noPolicy(kind, name)
		}
		return err
	})
	return wrap(err, "delete policy %s of %s %s", name, kind, owner)
}

func noPolicy(kind Kind, name string) error {
	return mistake(ErrNoSuchEntity, "The %s policy with name %s cannot be found.", kind, name)
}

// documents are the policies that bind the principal with this id. Nobody there has none.
func (d *Directory) documents(ctx context.Context, id string) (policySet, error) {
	return d.inline.get(id, func() (policySet, error) {
		var set policySet
		err := d.st.Read(ctx, func(r store.Reader) error {
			err := r.QueryRow(ctx, `SELECT name FROM iam_principals WHERE id = $1`, id).Scan(&set.name)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			set.documents, err = documentsOf(ctx, r, id)
			return err
		})
		return set, wrap(err, "read the policies of %s", id)
	})
}

func documentsOf(ctx context.Context, r store.Reader, id string) ([]string, error) {
	return store.Strings(ctx, r, `SELECT document FROM iam_inline_policies WHERE principal_id = $1 ORDER BY name`, id)
}

// weight is a document's length as quotas count it.
func weight(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// malformed passes on what is wrong with a policy.
func malformed(err error) error {
	var known iamerr.Error
	if errors.As(err, &known) {
		return mistake(ErrMalformedPolicy, "%s", known.Message)
	}
	return mistake(ErrMalformedPolicy, "%s", err)
}

// validateTrust checks a role's trust policy: who (Principal) may perform which of the sts actions. Any service may be
// named, since a role made for AWS must be accepted here too.
func validateTrust(document string) error {
	if weight(document) > trustQuota {
		return mistake(ErrLimitExceeded, "Cannot exceed quota for ACLSizePerRole: %d", trustQuota)
	}
	var doc policy.Document
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		return mistake(ErrMalformedPolicy, "This policy contains invalid Json")
	}
	if doc.Version != "" && doc.Version != policy.Version2008 && doc.Version != policy.Version2012 {
		return mistake(ErrMalformedPolicy, "The policy must contain a valid version string")
	}
	if len(doc.Statement) == 0 {
		return mistake(ErrMalformedPolicy, "Could not parse the policy: Statement is empty!")
	}
	for i, s := range doc.Statement {
		if problem := trustProblem(s); problem != "" {
			return mistake(ErrMalformedPolicy, "%s (statement %d)", problem, i+1)
		}
	}
	return nil
}

func trustProblem(s policy.Statement) string {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Sprintf("Invalid effect: %q", s.Effect)
	}
	if len(s.NotPrincipal) > 0 {
		return "AssumeRole policy must not contain NotPrincipal field."
	}
	if problem := principalProblem(s.Principal); problem != "" {
		return problem
	}
	if len(s.Resource)+len(s.NotResource) > 0 {
		return "Has prohibited field Resource"
	}
	if len(s.Action) == 0 {
		return "Missing required field Action"
	}
	for _, action := range s.Action {
		if !strings.HasPrefix(strings.ToLower(action), "sts:") {
			return "AssumeRole policy may only specify STS AssumeRole actions."
		}
	}
	return ""
}

func principalProblem(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "Missing required field Principal"
	}
	var everyone string
	if json.Unmarshal(raw, &everyone) == nil {
		if everyone == "*" {
			return ""
		}
		return "Principal must be a JSON object."
	}
	var who map[string]policy.StringOrSlice
	if err := json.Unmarshal(raw, &who); err != nil || len(who) == 0 {
		return "Missing required field Principal cannot be empty!"
	}
	for kind := range who {
		switch kind {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return fmt.Sprintf("Invalid principal in policy: %q", kind)
		}
	}
	return ""
}
