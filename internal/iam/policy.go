package iam

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/versity/versitygw/iamapi/iamerr"
	"github.com/versity/versitygw/iamapi/policy"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The most characters, not counting white space, the inline policies of one principal may have together.
var inlineQuota = map[Kind]int{User: 2048, Role: 10240, Group: 5120}

// trustQuota is the same for a role's trust policy.
const trustQuota = 4096

// document is a policy and where it comes from.
type document struct {
	name   string // as simulations name it
	source string // user, group, role, aws-managed, user-managed; "" for one that is not stored
	text   string
}

func unnamed(texts []string) []document {
	documents := make([]document, len(texts))
	for i, text := range texts {
		documents[i].text = text
	}
	return documents
}

// policySet is the policies that bind a principal: its own and those of its groups, written inside or attached.
type policySet struct {
	kind     Kind
	name     string // the principal's
	tags     []Tag
	own      []document
	bounded  bool // it has a permissions boundary
	boundary []document
	plain    bool // what they say depends on action and resource alone
	asksTags bool // what they say may depend on the tags of resources
	decided  decisions
}

// PutPolicy writes an inline policy, replacing one of the same name.
func (d *Directory) PutPolicy(ctx context.Context, kind Kind, owner, name, document string) error {
	if err := parse(document); err != nil {
		return err
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

// documents are the policies that bind the user or role with this id. Nobody there has none.
func (d *Directory) documents(ctx context.Context, id string) (*policySet, error) {
	return d.inline.get(id, func() (*policySet, error) {
		set := &policySet{}
		err := d.st.Read(ctx, func(r store.Reader) error {
			e, err := d.scan(r.QueryRow(ctx, selectEntity+` WHERE id = $1`, id))
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err == nil {
				err = d.collect(ctx, r, e, set)
			}
			return err
		})
		return set, wrap(err, "read the policies of %s", id)
	})
}

// collect fills set with what binds e.
func (d *Directory) collect(ctx context.Context, r store.Reader, e Entity, set *policySet) error {
	set.kind, set.name, set.tags = e.Kind, e.Name, e.Tags
	owners := []Entity{e}
	if e.Kind == User {
		groups, err := d.groupsOf(ctx, r, e.ID)
		if err != nil {
			return err
		}
		owners = append(owners, groups...)
	}
	for _, owner := range owners {
		more, err := d.documentsOfOwner(ctx, r, owner)
		if err != nil {
			return err
		}
		set.own = append(set.own, more...)
	}
	if set.bounded = e.Boundary != ""; set.bounded {
		doc, err := d.managed(ctx, r, e.Boundary)
		switch {
		case errors.Is(err, ErrNoSuchEntity): // nothing is within a boundary that is not there
		case err != nil:
			return err
		default:
			set.boundary = []document{doc}
		}
	}
	set.plain = plain(set.own) && plain(set.boundary)
	for _, doc := range slices.Concat(set.own, set.boundary) {
		set.asksTags = set.asksTags || asksTags(doc.text)
	}
	return nil
}

// documentsOfOwner are the policies inside and attached to one user, group or role.
func (d *Directory) documentsOfOwner(ctx context.Context, r store.Reader, e Entity) ([]document, error) {
	rows, err := r.Query(ctx, `SELECT name, document FROM iam_inline_policies WHERE principal_id = $1 ORDER BY name`, e.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []document
	for rows.Next() {
		doc := document{source: string(e.Kind)}
		if err := rows.Scan(&doc.name, &doc.text); err != nil {
			return nil, err
		}
		list = append(list, doc)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	arns, err := store.Strings(ctx, r, `SELECT policy_arn FROM iam_attachments WHERE principal_id = $1 ORDER BY policy_arn`, e.ID)
	if err != nil {
		return nil, err
	}
	for _, arn := range arns {
		doc, err := d.managed(ctx, r, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, doc)
	}
	return list, nil
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

// parse refuses what is not a policy that evaluation understands.
func parse(document string) error {
	if err := policy.Parse(document); err != nil {
		return malformed(document, err)
	}
	return nil
}

// malformed passes on what is wrong with a policy and, when it is not JSON, where.
func malformed(document string, err error) error {
	where := ""
	var syntax *json.SyntaxError
	var whatever any
	if errors.As(json.Unmarshal([]byte(document), &whatever), &syntax) {
		line, column := position(document, int(syntax.Offset))
		where = fmt.Sprintf(" It is not JSON at line %d, column %d: %v.", line, column, syntax)
	}
	var known iamerr.Error
	if errors.As(err, &known) {
		return mistake(ErrMalformedPolicy, "%s%s", known.Message, where)
	}
	return mistake(ErrMalformedPolicy, "%s%s", err, where)
}

// position is the line and column of the byte before offset, from 1.
func position(text string, offset int) (line, column int) {
	before := text[:min(max(offset-1, 0), len(text))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndex(before, "\n")
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
