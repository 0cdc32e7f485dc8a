package flow

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const ownerPartner = "ThirdParty"

// PartnerType declares an action type that a partner's job workers, or a function of theirs, do the work of. Its JSON has
// the names of the wire (AWS: ActionTypeDeclaration).
type PartnerType struct {
	ID          pipeline.ActionTypeID `json:"id"`
	Description string                `json:"description,omitempty"`
	Executor    struct {
		Type          string `json:"type"` // JobWorker or Lambda
		Configuration struct {
			Lambda *struct {
				ARN string `json:"lambdaFunctionArn"`
			} `json:"lambdaExecutorConfiguration,omitempty"`
			Worker *struct {
				Accounts   []string `json:"pollingAccounts,omitempty"`
				Principals []string `json:"pollingServicePrincipals,omitempty"`
			} `json:"jobWorkerExecutorConfiguration,omitempty"`
		} `json:"configuration"`
		Policy     string `json:"policyStatementsTemplate,omitempty"`
		JobTimeout int    `json:"jobTimeout,omitempty"` // of one job, in seconds
	} `json:"executor"`
	Inputs      PartnerCount `json:"inputArtifactDetails"`
	Outputs     PartnerCount `json:"outputArtifactDetails"`
	Permissions *struct {
		Accounts []string `json:"allowedAccounts"` // whose pipelines may use it; * is all
	} `json:"permissions,omitempty"`
	Properties []PartnerProperty `json:"properties,omitempty"`
	URLs       *struct {
		Settings  string `json:"configurationUrl,omitempty"`
		Entity    string `json:"entityUrlTemplate,omitempty"`
		Execution string `json:"executionUrlTemplate,omitempty"`
		Revision  string `json:"revisionUrlTemplate,omitempty"`
	} `json:"urls,omitempty"`
}

// PartnerCount bounds artifacts.
type PartnerCount struct {
	Min int `json:"minimumCount"`
	Max int `json:"maximumCount"`
}

// PartnerProperty is a configuration key.
type PartnerProperty struct {
	Name        string `json:"name"`
	Optional    bool   `json:"optional"`
	Key         bool   `json:"key"`
	NoEcho      bool   `json:"noEcho"`
	Queryable   bool   `json:"queryable,omitempty"`
	Description string `json:"description,omitempty"`
}

// The keys by which an action says which client of the partner it works for. Workers show the token to get at a job.
const (
	keyClientID    = "ConveyorClientId"
	KeyClientToken = "ConveyorClientToken"
)

var clientID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func clientIDProblem(value string) string {
	if !clientID.MatchString(value) {
		return "a UUID in small letters: the id by which the partner knows this client"
	}
	return ""
}

// actionType is what the belt has to know of the declaration.
func (p *PartnerType) actionType() action.Type {
	t := action.Type{
		ID: p.ID, Inputs: action.Count(p.Inputs), Outputs: action.Count(p.Outputs), Properties: []action.Property{},
		TimeoutMinutes: int(24 * time.Hour / time.Minute),
	}
	if u := p.URLs; u != nil {
		t.SettingsURL, t.EntityURL, t.ExecutionURL, t.RevisionURL = u.Settings, u.Entity, u.Execution, u.Revision
	}
	for _, q := range p.Properties {
		t.Properties = append(t.Properties, action.Property{
			Name: q.Name, Required: !q.Optional, Key: q.Key, Secret: q.NoEcho, Description: q.Description, Type: "String",
		})
	}
	return t
}

// withClient adds what actions of a type have to say whose work job workers do.
func withClient(t action.Type) action.Type {
	t.Properties = append(slices.Clip(t.Properties),
		action.Property{Name: keyClientID, Required: true, Type: "String", Check: clientIDProblem, Description: "The id by which the partner knows this client."},
		action.Property{Name: KeyClientToken, Required: true, Secret: true, Type: "String", Description: "What the partner's workers show to get at this client's jobs."})
	return t
}

// function is the name of the function that does the work; "" when job workers do.
func (p *PartnerType) function() string {
	if p == nil || p.Executor.Configuration.Lambda == nil {
		return ""
	}
	_, name, _ := strings.Cut(p.Executor.Configuration.Lambda.ARN, ":function:")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// problem says what is wrong with a declaration whose shapes have been checked, or "".
func (p *PartnerType) problem() string {
	c := p.Executor.Configuration
	switch {
	case p.Executor.Type == "Lambda" && (c.Lambda == nil || c.Worker != nil):
		return "An executor of the type Lambda needs the lambdaExecutorConfiguration, and no other"
	case p.Executor.Type == "JobWorker" && c.Lambda != nil:
		return "An executor of the type JobWorker cannot have a lambdaExecutorConfiguration"
	}
	for _, q := range p.Properties {
		if q.Name == keyClientID || q.Name == KeyClientToken {
			return fmt.Sprintf("The property '%s' is this server's own; give yours another name", q.Name)
		}
	}
	return typeProblem(p.actionType())
}

// PutPartnerType makes an action type of a partner, or changes it. Jobs that have begun go on as they are.
func (s *Service) PutPartnerType(ctx context.Context, p PartnerType) error {
	if _, ours := s.providers.Lookup(p.ID); ours || p.ID.Owner != ownerPartner {
		return noPartnerType(p.ID)
	}
	if problem := p.problem(); problem != "" {
		return pipeline.Errorf(pipeline.Validation, "%s", problem)
	}
	return s.store.InTx(ctx, func(tx store.Tx) error {
		var row int64
		err := tx.QueryRow(ctx, `
			INSERT INTO custom_action_types (category, provider, version, definition, deleted, owner, declaration) VALUES ($1, $2, $3, $4, 0, $5, $6)
			ON CONFLICT (category, provider, version) DO UPDATE SET definition = excluded.definition, declaration = excluded.declaration
			WHERE custom_action_types.owner = excluded.owner RETURNING id`,
			p.ID.Category, p.ID.Provider, p.ID.Version, mustJSON(p.actionType()), ownerPartner, mustJSON(p)).Scan(&row)
		if errors.Is(err, sql.ErrNoRows) {
			return pipeline.Errorf(pipeline.Validation, "There is or was a custom action type with the category '%s', provider '%s' and version '%s'. Give this one another version",
				p.ID.Category, p.ID.Provider, p.ID.Version)
		}
		return err
	})
}

// GetPartnerType reads the declaration of an action type of a partner.
func (s *Service) GetPartnerType(ctx context.Context, id pipeline.ActionTypeID) (*PartnerType, error) {
	var t *CustomType
	err := s.store.Read(ctx, func(r store.Reader) (err error) {
		t, err = customTypeOf(ctx, r, id)
		return err
	})
	if err == nil && (t == nil || t.partner == nil) {
		err = noPartnerType(id)
	}
	if err != nil {
		return nil, err
	}
	return t.partner, nil
}

func noPartnerType(id pipeline.ActionTypeID) error {
	return pipeline.Errorf(pipeline.ActionTypeNotFound, "There is no action type of a partner with category '%s', owner '%s', provider '%s' and "+
		"version '%s'. UpdateActionType makes those of the owner ThirdParty; custom and built-in ones are listed by ListActionTypes",
		id.Category, id.Owner, id.Provider, id.Version)
}

// open tells whether pipelines of an account may use the type.
func (t *CustomType) open(account string) bool {
	if t.partner == nil || t.partner.Permissions == nil {
		return true
	}
	return slices.Contains(t.partner.Permissions.Accounts, account) || slices.Contains(t.partner.Permissions.Accounts, "*")
}

// PollForPartnerJobs hands jobs of a partner's action type out, oldest first. Whoever takes one has to show the token of
// the job's client.
func (s *Service) PollForPartnerJobs(ctx context.Context, id pipeline.ActionTypeID, most int) ([]WorkerJob, error) {
	if id.Owner != ownerPartner {
		return nil, pipeline.Errorf(pipeline.Validation, "Third-party jobs are those of action types with the owner ThirdParty, not '%s'. Use PollForJobs", id.Owner)
	}
	return s.poll(ctx, id, most, nil)
}

// mayPoll refuses polls from accounts that the declaration does not list, and for work that a function does.
func (t *CustomType) mayPoll(account string) error {
	if t.partner == nil {
		return nil
	}
	if f := t.partner.function(); f != "" {
		return pipeline.Errorf(pipeline.Validation, "The work of the action type %s is done by the function %s; there are no jobs to poll for", t, f)
	}
	if w := t.partner.Executor.Configuration.Worker; w != nil && len(w.Accounts) > 0 && !slices.Contains(w.Accounts, account) {
		return pipeline.Errorf(pipeline.ActionTypeNotFound, "The account %s is not among the pollingAccounts of the action type %s", account, t)
	}
	return nil
}

// ClientID is the client of a partner whom a job is for.
func (j *WorkerJob) ClientID() string { return j.Job.Configuration[keyClientID] }

// Claim is by what right a worker deals with a job: Partner with the token of the job's client, or, the zero Claim, as the
// worker of a custom type or as a function.
type Claim struct {
	Partner bool
	Token   string
}

// check refuses a claim to somebody else's job. Of a job that has ended nothing is known, and nothing can be done.
func (c Claim) check(j *WorkerJob) error {
	if j.Job.ActionExecutionID == "" {
		return nil
	}
	if partner := j.Job.TypeID.Owner == ownerPartner && j.typeID != functionJobs; partner != c.Partner {
		return pipeline.Errorf(pipeline.JobNotFound, "There is no such job with the id '%s'; it is that of an action type of the owner %s", j.ID, j.Job.TypeID.Owner)
	}
	if !c.Partner {
		return nil
	}
	token := j.Job.Configuration[KeyClientToken]
	if token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) != 1 {
		return pipeline.Errorf(pipeline.InvalidClientToken, "The clientToken is not that of the client %s, whom the job '%s' is for", j.ClientID(), j.ID)
	}
	return nil
}

// limitJob ends a job that goes on for longer than its type lets it.
func (s *Service) limitJob(ctx context.Context, tx store.Tx, j *WorkerJob) error {
	t, err := s.typeOfJob(ctx, tx, j)
	if err != nil || t.partner == nil || t.partner.Executor.JobTimeout == 0 {
		return err
	}
	limit := time.Duration(t.partner.Executor.JobTimeout) * time.Second
	return s.enqueue(ctx, tx, queue.Job{Kind: jobSilence, Key: j.ID, RunAt: tx.Now().Add(limit)}, invocationRef{Job: j.ID, Seconds: t.partner.Executor.JobTimeout})
}

// patience is how long a function may take for a job.
func (s *Service) patience(ctx context.Context, tx store.Tx, job action.Job) (time.Duration, error) {
	if job.TypeID.Owner != ownerPartner {
		return silence, nil
	}
	t, err := customTypeOf(ctx, tx, job.TypeID)
	if err != nil || t == nil || t.partner == nil || t.partner.Executor.JobTimeout == 0 {
		return silence, err
	}
	return time.Duration(t.partner.Executor.JobTimeout) * time.Second, nil
}
