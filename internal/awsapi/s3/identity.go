package s3

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// identities lets the gateway look up who signs requests and what their policies allow, in Conveyor's own directory.
type identities struct {
	base    context.Context
	keys    awsapi.Keys
	decider awsapi.Decider // nil: only root may do anything
	owner   auth.Account
	now     func() time.Time
}

var (
	_ auth.IAMService         = (*identities)(nil)
	_ auth.SigningKeyProvider = (*identities)(nil)
	_ auth.PolicyEvaluator    = (*identities)(nil)
	_ auth.PrincipalResolver  = (*identities)(nil)
	_ auth.FixedBucketOwner   = (*identities)(nil)
)

func (i *identities) key(access, token string) (iam.AccessKey, error) {
	key, err := i.keys.AccessKey(i.base, access)
	switch {
	case errors.Is(err, iam.ErrNoAccessKey):
		return key, auth.ErrNoSuchUser
	case err != nil:
		return key, err
	case subtle.ConstantTimeCompare([]byte(key.SessionToken), []byte(token)) != 1:
		return key, auth.ErrInvalidSessionToken
	case !key.Expires.IsZero() && !i.now().Before(key.Expires):
		return key, errExpired
	}
	return key, nil
}

// errExpired is how S3 answers credentials whose time is over.
var errExpired = s3err.APIError{Code: "ExpiredToken", Description: "The provided token has expired.", HTTPStatusCode: http.StatusBadRequest}

func account(key iam.AccessKey) auth.Account {
	a := auth.Account{
		Access: key.ID, Role: auth.RoleUser, Arn: key.Principal.Arn, SessionToken: key.SessionToken, IsSession: key.SessionToken != "",
	}
	if key.Principal.Root && key.Principal.Grant == "" {
		a.Role = auth.RoleAdmin
	}
	return a
}

// DeriveSigningKey implements auth.SigningKeyProvider.
func (i *identities) DeriveSigningKey(access, token, date, region, service string) ([]byte, auth.Account, error) {
	key, err := i.key(access, token)
	if err != nil {
		return nil, auth.Account{}, err
	}
	k := []byte("AWS4" + key.Secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		m := hmac.New(sha256.New, k)
		_, _ = m.Write([]byte(part))
		k = m.Sum(nil)
	}
	return k, account(key), nil
}

// EvaluatePolicy implements auth.PolicyEvaluator.
func (i *identities) EvaluatePolicy(access, token string, actions []auth.Action, resources []string, conditions map[string][]string) (auth.PolicyEvaluation, error) {
	key, err := i.key(access, token)
	if err != nil {
		return auth.PolicyEvaluation{}, err
	}
	ctx := iam.WithConditions(i.base, conditions)
	out := auth.PolicyEvaluation{PrincipalArn: key.Principal.PolicyArn()}
	err = fill(&out.Decisions, len(resources), len(actions), func(r, a int) (iam.Decision, error) {
		if i.decider == nil {
			return iam.NotAllowed, nil
		}
		return i.decider.Decide(ctx, key.Principal, string(actions[a]), resources[r])
	})
	return out, err
}

// fill makes a matrix of the gateway's decisions, whose type has no name outside its package: 0 is no match, 1 allow and
// 2 deny.
func fill[D ~int](into *[][]D, rows, columns int, decide func(row, column int) (iam.Decision, error)) error {
	for r := range rows {
		line := make([]D, columns)
		for c := range columns {
			d, err := decide(r, c)
			if err != nil {
				return err
			}
			switch d {
			case iam.Allowed:
				line[c] = 1
			case iam.NotAllowed:
				line[c] = 0
			default:
				line[c] = 2
			}
		}
		*into = append(*into, line)
	}
	return nil
}

// ResolvePrincipals implements auth.PrincipalResolver: bucket policies may name principals that do not exist (yet).
func (i *identities) ResolvePrincipals([]string) ([]string, error) { return nil, nil }

// ResolveAccounts implements auth.IAMService.
func (i *identities) ResolveAccounts(ids []string) ([]string, error) {
	var missing []string
	for _, id := range ids {
		if id != i.owner.Access {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// BucketOwner implements auth.FixedBucketOwner: everything belongs to the account.
func (i *identities) BucketOwner() auth.Account { return i.owner }

// GetUserAccount implements auth.IAMService.
func (i *identities) GetUserAccount(access string) (auth.Account, error) {
	key, err := i.keys.AccessKey(i.base, access)
	if errors.Is(err, iam.ErrNoAccessKey) {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return account(key), err
}

var errElsewhere = errors.New("identities are managed through IAM")

// CreateAccount implements auth.IAMService.
func (i *identities) CreateAccount(auth.Account) error { return errElsewhere }

// UpdateUserAccount implements auth.IAMService.
func (i *identities) UpdateUserAccount(string, auth.MutableProps) error { return errElsewhere }

// DeleteUserAccount implements auth.IAMService.
func (i *identities) DeleteUserAccount(string) error { return errElsewhere }

// ListUserAccounts implements auth.IAMService.
func (i *identities) ListUserAccounts() ([]auth.Account, error) { return nil, errElsewhere }

// Shutdown implements auth.IAMService.
func (i *identities) Shutdown() error { return nil }
