package iam

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// AWS's quotas of managed policies.
const (
	managedQuota      = 6144 // characters of a document, not counting white space
	MaxPolicyVersions = 5
	MaxAttached       = 10 // to one user, role or group
)

// ManagedPolicy is a policy with a name of its own, to be attached.
type ManagedPolicy struct {
	ID          string // ANPA...
	Arn         string
	Name        string
	Path        string
	Description string
	Default     int // the version that counts
	Attached    int // to how many users, roles and groups
	Boundaries  int // of how many users and roles it is the boundary
	Tags        []Tag
	Created     time.Time
	Updated     time.Time
	// Ours tells the policies that every server has and nobody can change.
	Ours bool
}

// PolicyVersion is one of the documents of a managed policy.
type PolicyVersion struct {
	Version  int
	Document string
	Default  bool
	Created  time.Time
}

// CreateManaged adds a policy; Name must be set, and Path, Description and Tags may be.
func (d *Directory) CreateManaged(ctx context.Context, p ManagedPolicy, text string) (ManagedPolicy, error) {
	if err := checkManaged(text); err != nil {
		return ManagedPolicy{}, err
	}
	var err error
	if p.Tags, err = mergeTags(nil, p.Tags); err != nil {
		return ManagedPolicy{}, err
	}
	p.Path = cmp.Or(p.Path, "/")
	p.ID, p.Default = newID(policyPrefix, principalIDLength), 1
	p.Arn = "arn:aws:iam::" + d.account + ":policy" + p.Path + p.Name
	p.Created = d.now().UTC().Truncate(time.Second)
	p.Updated = p.Created
	err = d.write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO iam_policies (id, arn, name, name_key, path, description, standard, latest, tags, created, updated)
			VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8, $8) ON CONFLICT DO NOTHING`,
			p.ID, p.Arn, p.Name, nameKey(p.Name), p.Path, p.Description, tagsJSON(p.Tags), store.Micros(p.Created))
		if err == nil && n == 0 {
			return mistake(ErrAlreadyExists, "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
		}
		if err != nil {
			return err
		}
		return addVersion(ctx, tx, p.ID, 1, text, p.Created)
	})
	return p, wrap(err, "create policy %s", p.Name)
}

func checkManaged(text string) error {
	if err := parse(text); err != nil {
		return err
	}
	if weight(text) > managedQuota {
		return mistake(ErrLimitExceeded, "Cannot exceed quota for PolicySize: %d", managedQuota)
	}
	return nil
}

func addVersion(ctx context.Context, tx store.Tx, id string, version int, text string, at time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO iam_policy_versions (policy_id, version, document, created) VALUES ($1, $2, $3, $4)`,
		id, version, text, store.Micros(at))
	return err
}

// Managed finds a policy by its ARN.
func (d *Directory) Managed(ctx context.Context, arn string) (p ManagedPolicy, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		p, err = d.managedPolicy(ctx, r, arn)
		return err
	})
	return p, wrap(err, "get policy %s", arn)
}

const selectManaged = `SELECT id, arn, name, path, description, standard, tags, created, updated,
	(SELECT COUNT(*) FROM iam_attachments a WHERE a.policy_arn = p.arn),
	(SELECT COUNT(*) FROM iam_principals b WHERE b.boundary <> '' AND b.boundary = p.arn) FROM iam_policies p`

func (d *Directory) managedPolicy(ctx context.Context, r store.Reader, arn string) (ManagedPolicy, error) {
	if standard, ok := standardPolicies[arn]; ok {
		return standard.policy(ctx, r)
	}
	p, err := scanManaged(r.QueryRow(ctx, selectManaged+` WHERE arn = $1`, arn))
	if errors.Is(err, sql.ErrNoRows) {
		return ManagedPolicy{}, mistake(ErrNoSuchEntity, "Policy %s does not exist or is not attachable.", arn)
	}
	return p, err
}

func scanManaged(row interface{ Scan(...any) error }) (ManagedPolicy, error) {
	var p ManagedPolicy
	var tags string
	var created, updated int64
	if err := row.Scan(&p.ID, &p.Arn, &p.Name, &p.Path, &p.Description, &p.Default, &tags, &created, &updated, &p.Attached, &p.Boundaries); err != nil {
		return ManagedPolicy{}, err
	}
	p.Created, p.Updated = store.FromMicros(created), store.FromMicros(updated)
	if err := json.Unmarshal([]byte(tags), &p.Tags); err != nil {
		return ManagedPolicy{}, fmt.Errorf("tags of %s: %w", p.Arn, err)
	}
	return p, nil
}

// ListManaged lists policies by name: those of the account, those every server has, or both.
func (d *Directory) ListManaged(ctx context.Context, own, standard bool, prefix string) (list []ManagedPolicy, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		if own {
			rows, err := r.Query(ctx, selectManaged)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				p, err := scanManaged(rows)
				if err != nil {
					return err
				}
				list = append(list, p)
			}
			if err := rows.Err(); err != nil {
				return err
			}
			rows.Close()
		}
		for _, s := range standardPolicies {
			if !standard {
				break
			}
			p, err := s.policy(ctx, r)
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		return nil
	})
	list = slices.DeleteFunc(list, func(p ManagedPolicy) bool { return !strings.HasPrefix(p.Path, cmp.Or(prefix, "/")) })
	slices.SortFunc(list, func(a, b ManagedPolicy) int { return strings.Compare(a.Name+"\x00"+a.Arn, b.Name+"\x00"+b.Arn) })
	return list, wrap(err, "list policies")
}

// managed is the document of a policy that counts.
func (d *Directory) managed(ctx context.Context, r store.Reader, arn string) (document, error) {
	if standard, ok := standardPolicies[arn]; ok {
		return document{name: standard.name, source: "aws-managed", text: standard.document}, nil
	}
	doc := document{source: "user-managed"}
	err := r.QueryRow(ctx, `SELECT p.name, v.document FROM iam_policies p JOIN iam_policy_versions v
		ON v.policy_id = p.id AND v.version = p.standard WHERE p.arn = $1`, arn).Scan(&doc.name, &doc.text)
	if errors.Is(err, sql.ErrNoRows) {
		return document{}, mistake(ErrNoSuchEntity, "Policy %s does not exist or is not attachable.", arn)
	}
	return doc, err
}

// Documents are those of policies, as they count now.
func (d *Directory) Documents(ctx context.Context, arns []string) (texts []string, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		for _, arn := range arns {
			doc, err := d.managed(ctx, r, arn)
			if err != nil {
				return err
			}
			texts = append(texts, doc.text)
		}
		return nil
	})
	return texts, wrap(err, "read policies")
}

func (d *Directory) boundaryExists(ctx context.Context, r store.Reader, arn string) error {
	if arn == "" {
		return nil
	}
	if _, err := d.managed(ctx, r, arn); err != nil {
		if errors.Is(err, ErrNoSuchEntity) {
			return mistake(ErrNoSuchEntity, "Scope ARN: %s does not exist or is not attachable.", arn)
		}
		return err
	}
	return nil
}

// changeManaged runs f on a policy of the account in a transaction.
func (d *Directory) changeManaged(ctx context.Context, arn string, f func(tx store.Tx, p ManagedPolicy) error) error {
	err := d.write(ctx, func(tx store.Tx) error {
		p, err := d.managedPolicy(ctx, tx, arn)
		if err != nil {
			return err
		}
		if p.Ours {
			return mistake(ErrInvalidInput, "The policy %s is one that AWS manages: it cannot be changed. Create a policy of your own.", arn)
		}
		return f(tx, p)
	})
	return wrap(err, "change policy %s", arn)
}

// PolicyVersions lists the documents of a policy, the newest first.
func (d *Directory) PolicyVersions(ctx context.Context, arn string) (list []PolicyVersion, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		p, err := d.managedPolicy(ctx, r, arn)
		if err != nil {
			return err
		}
		if p.Ours {
			list = []PolicyVersion{{Version: 1, Default: true, Document: standardPolicies[arn].document, Created: p.Created}}
			return nil
		}
		rows, err := r.Query(ctx, `SELECT version, document, created FROM iam_policy_versions WHERE policy_id = $1 ORDER BY version DESC`, p.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v PolicyVersion
			var created int64
			if err := rows.Scan(&v.Version, &v.Document, &created); err != nil {
				return err
			}
			v.Created, v.Default = store.FromMicros(created), v.Version == p.Default
			list = append(list, v)
		}
		return rows.Err()
	})
	return list, wrap(err, "list the versions of policy %s", arn)
}

// PolicyVersion is one document of a policy; id is "v1", "v2", ...
func (d *Directory) PolicyVersion(ctx context.Context, arn, id string) (PolicyVersion, error) {
	list, err := d.PolicyVersions(ctx, arn)
	if err != nil {
		return PolicyVersion{}, err
	}
	for _, v := range list {
		if v.ID() == id {
			return v, nil
		}
	}
	return PolicyVersion{}, noVersion(arn, id)
}

// ID is how the version is called: "v1".
func (v PolicyVersion) ID() string { return VersionID(v.Version) }

// VersionID is how version n of a policy is called: "v1".
func VersionID(n int) string { return "v" + strconv.Itoa(n) }

func noVersion(arn, id string) error {
	return mistake(ErrNoSuchEntity, "Policy %s version %s does not exist or is not attachable.", arn, id)
}

// AddPolicyVersion gives a policy another document, which counts at once when standard is set.
func (d *Directory) AddPolicyVersion(ctx context.Context, arn, text string, standard bool) (v PolicyVersion, err error) {
	if err := checkManaged(text); err != nil {
		return v, err
	}
	err = d.changeManaged(ctx, arn, func(tx store.Tx, p ManagedPolicy) error {
		var n, latest int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*), MAX(latest) FROM iam_policy_versions v JOIN iam_policies p ON p.id = v.policy_id
			WHERE v.policy_id = $1`, p.ID).Scan(&n, &latest); err != nil {
			return err
		}
		if n >= MaxPolicyVersions {
			return mistake(ErrLimitExceeded, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", MaxPolicyVersions)
		}
		v = PolicyVersion{Version: latest + 1, Document: text, Default: standard, Created: d.now().UTC().Truncate(time.Second)}
		counts := p.Default
		if standard {
			counts = v.Version
		}
		if _, err := tx.Exec(ctx, `UPDATE iam_policies SET latest = $2, standard = $3, updated = $4 WHERE id = $1`,
			p.ID, v.Version, counts, store.Micros(v.Created)); err != nil {
			return err
		}
		return addVersion(ctx, tx, p.ID, v.Version, text, v.Created)
	})
	return v, err
}

// SetPolicyVersion makes a version the one that counts.
func (d *Directory) SetPolicyVersion(ctx context.Context, arn, id string) error {
	return d.changeManaged(ctx, arn, func(tx store.Tx, p ManagedPolicy) error {
		n, err := tx.Exec(ctx, `UPDATE iam_policies SET standard = $2, updated = $3 WHERE id = $1 AND EXISTS
			(SELECT 1 FROM iam_policy_versions WHERE policy_id = $1 AND version = $2)`, p.ID, versionNumber(id), store.Micros(d.now()))
		if err == nil && n == 0 {
			return noVersion(arn, id)
		}
		return err
	})
}

// DeletePolicyVersion removes a version that does not count.
func (d *Directory) DeletePolicyVersion(ctx context.Context, arn, id string) error {
	return d.changeManaged(ctx, arn, func(tx store.Tx, p ManagedPolicy) error {
		if VersionID(p.Default) == id {
			return mistake(ErrDeleteConflict, "Cannot delete the default version of a policy.")
		}
		n, err := tx.Exec(ctx, `DELETE FROM iam_policy_versions WHERE policy_id = $1 AND version = $2`, p.ID, versionNumber(id))
		if err == nil && n == 0 {
			return noVersion(arn, id)
		}
		return err
	})
}

// versionNumber is the number in "v1"; 0, which no version has, for anything else.
func versionNumber(id string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil || VersionID(n) != id {
		return 0
	}
	return n
}

// DeleteManaged removes a policy that is attached to nothing and has one version.
func (d *Directory) DeleteManaged(ctx context.Context, arn string) error {
	return d.changeManaged(ctx, arn, func(tx store.Tx, p ManagedPolicy) error {
		if p.Attached > 0 {
			return mistake(ErrDeleteConflict, "Cannot delete a policy attached to entities.")
		}
		if p.Boundaries > 0 {
			return mistake(ErrDeleteConflict, "Cannot delete a policy that is used as a permissions boundary.")
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM iam_policy_versions WHERE policy_id = $1`, p.ID).Scan(&n); err != nil {
			return err
		}
		if n > 1 {
			return mistake(ErrDeleteConflict, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM iam_policy_versions WHERE policy_id = $1`, p.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM iam_policies WHERE id = $1`, p.ID)
		return err
	})
}

// TagManaged changes the tags of a policy: adds some and removes others.
func (d *Directory) TagManaged(ctx context.Context, arn string, add []Tag, remove []string) error {
	return d.changeManaged(ctx, arn, func(tx store.Tx, p ManagedPolicy) error {
		tags, err := mergeTags(p.Tags, add)
		if err != nil {
			return err
		}
		tags = slices.DeleteFunc(tags, func(t Tag) bool { return slices.Contains(remove, t.Key) })
		_, err = tx.Exec(ctx, `UPDATE iam_policies SET tags = $2 WHERE id = $1`, p.ID, tagsJSON(tags))
		return err
	})
}

// Attach gives a user, role or group a managed policy. One it has already it keeps.
func (d *Directory) Attach(ctx context.Context, kind Kind, name, arn string) error {
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, kind, name)
		if err != nil {
			return err
		}
		if _, err := d.managed(ctx, tx, arn); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO iam_attachments (principal_id, policy_arn) VALUES ($1, $2) ON CONFLICT DO NOTHING`, e.ID, arn); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM iam_attachments WHERE principal_id = $1`, e.ID).Scan(&n); err != nil {
			return err
		}
		if n > MaxAttached {
			return mistake(ErrLimitExceeded, "Cannot exceed quota for PoliciesPer%s: %d", kind.title(), MaxAttached)
		}
		return nil
	})
	return wrap(err, "attach policy %s to %s %s", arn, kind, name)
}

// Detach takes a managed policy from a user, role or group.
func (d *Directory) Detach(ctx context.Context, kind Kind, name, arn string) error {
	err := d.write(ctx, func(tx store.Tx) error {
		e, err := d.get(ctx, tx, kind, name)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM iam_attachments WHERE principal_id = $1 AND policy_arn = $2`, e.ID, arn)
		if err == nil && n == 0 {
			return mistake(ErrNoSuchEntity, "Policy %s was not found.", arn)
		}
		return err
	})
	return wrap(err, "detach policy %s from %s %s", arn, kind, name)
}

// Attached lists the ARNs of the policies attached to a user, role or group, by name.
func (d *Directory) Attached(ctx context.Context, kind Kind, name string) (arns []string, err error) {
	err = d.st.Read(ctx, func(r store.Reader) error {
		e, err := d.get(ctx, r, kind, name)
		if err == nil {
			arns, err = store.Strings(ctx, r, `SELECT policy_arn FROM iam_attachments WHERE principal_id = $1`, e.ID)
		}
		return err
	})
	slices.SortFunc(arns, func(a, b string) int { return strings.Compare(PolicyName(a)+"\x00"+a, PolicyName(b)+"\x00"+b) })
	return arns, wrap(err, "list the policies attached to %s %s", kind, name)
}

// PolicyName is the name in a policy's ARN.
func PolicyName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// Having lists who has a policy attached, or has it as boundary.
func (d *Directory) Having(ctx context.Context, arn string, boundary bool) (list []Entity, err error) {
	which := `id IN (SELECT principal_id FROM iam_attachments WHERE policy_arn = $1)`
	if boundary {
		which = `boundary <> '' AND boundary = $1`
	}
	err = d.st.Read(ctx, func(r store.Reader) error {
		_, err := d.managedPolicy(ctx, r, arn)
		if err == nil {
			list, err = d.entities(ctx, r, selectEntity+` WHERE `+which+` ORDER BY kind, name_key`, arn)
		}
		return err
	})
	return list, wrap(err, "list who has policy %s", arn)
}
