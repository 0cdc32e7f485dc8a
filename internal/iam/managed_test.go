package iam_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	readAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
	writeAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Put*","Resource":"*"}]}`
	noWrite  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}]}`
	onlyOne  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::one/*"}]}`

	trustPipelines = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codepipeline.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	objectOne      = "arn:aws:s3:::one/key"
	objectTwo      = "arn:aws:s3:::two/key"
)

func user(t *testing.T, d *iam.Directory, name string) iam.Principal {
	t.Helper()
	e := must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.User, Name: name}))
	return iam.Principal{Arn: e.Arn, Name: e.Name, UserID: e.ID}
}

func policyNamed(t *testing.T, d *iam.Directory, name, text string) string {
	t.Helper()
	return must[iam.ManagedPolicy](t)(d.CreateManaged(ctx, iam.ManagedPolicy{Name: name}, text)).Arn
}

func decides(t *testing.T, d *iam.Directory, p iam.Principal, action, resource string, want iam.Decision) {
	t.Helper()
	if got := must[iam.Decision](t)(d.Decide(ctx, p, action, resource)); got != want {
		t.Errorf("%s on %s: %v, want %v", action, resource, got, want)
	}
}

// TestManagedPoliciesBind: a policy that is attached to a user, or to a group of the user's, allows and denies at once, on
// another server too, in the version that counts.
func TestManagedPoliciesBind(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := iam.New(st)
		ada := user(t, d, "ada")
		arn := policyNamed(t, d, "read", readAll)
		decides(t, d, ada, "s3:GetObject", objectOne, iam.NotAllowed)
		ok(t, d.Attach(ctx, iam.User, "ada", arn))
		decides(t, d, ada, "s3:GetObject", objectOne, iam.Allowed)
		decides(t, d, ada, "s3:PutObject", objectOne, iam.NotAllowed)

		v := must[iam.PolicyVersion](t)(d.AddPolicyVersion(ctx, arn, writeAll, false))
		decides(t, d, ada, "s3:PutObject", objectOne, iam.NotAllowed)
		ok(t, d.SetPolicyVersion(ctx, arn, v.ID()))
		decides(t, d, ada, "s3:PutObject", objectOne, iam.Allowed)
		decides(t, d, ada, "s3:GetObject", objectOne, iam.NotAllowed)

		must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.Group, Name: "careful"}))
		ok(t, d.PutPolicy(ctx, iam.Group, "careful", "no", noWrite))
		ok(t, d.AddToGroup(ctx, "careful", "ada"))
		decides(t, d, ada, "s3:PutObject", objectOne, iam.Denied)
		decides(t, iam.New(st), ada, "s3:PutObject", objectOne, iam.Denied)
		ok(t, d.RemoveFromGroup(ctx, "careful", "ada"))
		decides(t, d, ada, "s3:PutObject", objectOne, iam.Allowed)
		ok(t, d.Detach(ctx, iam.User, "ada", arn))
		decides(t, d, ada, "s3:PutObject", objectOne, iam.NotAllowed)
		ok(t, d.Attach(ctx, iam.User, "ada", "arn:aws:iam::aws:policy/AdministratorAccess"))
		decides(t, d, ada, "iam:DeleteUser", "*", iam.Allowed)
	})
}

func TestABoundaryBounds(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	ada := user(t, d, "ada")
	ok(t, d.PutPolicy(ctx, iam.User, "ada", "all", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	bound := policyNamed(t, d, "one", onlyOne)
	set := func(arn string) error {
		_, err := d.Update(ctx, iam.User, "ada", func(e *iam.Entity) error { e.Boundary = arn; return nil })
		return err
	}
	is(t, set("arn:aws:iam::000000000000:policy/none"), iam.ErrNoSuchEntity)
	ok(t, set(bound))
	decides(t, d, ada, "s3:GetObject", objectOne, iam.Allowed)
	decides(t, d, ada, "s3:GetObject", objectTwo, iam.NotInBoundary)
	decides(t, d, ada, "iam:ListUsers", "*", iam.NotInBoundary)
	is(t, d.DeleteManaged(ctx, bound), iam.ErrDeleteConflict)
	ok(t, set(""))
	decides(t, d, ada, "s3:GetObject", objectTwo, iam.Allowed)
	ok(t, d.DeleteManaged(ctx, bound))
}

func TestWhatKeepsAPolicy(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := iam.New(st)
		user(t, d, "ada")
		arn := policyNamed(t, d, "read", readAll)
		_, err := d.CreateManaged(ctx, iam.ManagedPolicy{Name: "READ"}, readAll)
		is(t, err, iam.ErrAlreadyExists)
		ok(t, d.Attach(ctx, iam.User, "ada", arn))
		is(t, d.DeleteManaged(ctx, arn), iam.ErrDeleteConflict)
		is(t, d.Delete(ctx, iam.User, "ada"), iam.ErrDeleteConflict)
		ok(t, d.Detach(ctx, iam.User, "ada", arn))
		is(t, d.Detach(ctx, iam.User, "ada", arn), iam.ErrNoSuchEntity)
		for i := 2; i <= iam.MaxPolicyVersions; i++ {
			must[iam.PolicyVersion](t)(d.AddPolicyVersion(ctx, arn, readAll, i == 3))
		}
		_, err = d.AddPolicyVersion(ctx, arn, readAll, false)
		is(t, err, iam.ErrLimitExceeded)
		is(t, d.DeletePolicyVersion(ctx, arn, "v3"), iam.ErrDeleteConflict)
		is(t, d.DeletePolicyVersion(ctx, arn, "v9"), iam.ErrNoSuchEntity)
		is(t, d.SetPolicyVersion(ctx, arn, "1"), iam.ErrNoSuchEntity)
		is(t, d.DeleteManaged(ctx, arn), iam.ErrDeleteConflict)
		for _, v := range []string{"v1", "v2", "v4", "v5"} {
			ok(t, d.DeletePolicyVersion(ctx, arn, v))
		}
		if v := must[iam.PolicyVersion](t)(d.AddPolicyVersion(ctx, arn, readAll, true)); v.ID() != "v6" {
			t.Errorf("a version's number was used again: %s", v.ID())
		}
		ok(t, d.DeletePolicyVersion(ctx, arn, "v3"))
		ok(t, d.DeleteManaged(ctx, arn))
		is(t, d.DeleteManaged(ctx, "arn:aws:iam::aws:policy/ReadOnlyAccess"), iam.ErrInvalidInput)
		_, err = d.CreateManaged(ctx, iam.ManagedPolicy{Name: "bad"}, "{\n  \"Statement\": ]\n}")
		is(t, err, iam.ErrMalformedPolicy)
		if !strings.Contains(err.Error(), "line 2, column 16") {
			t.Errorf("where? %v", err)
		}
	})
}

func TestGroupLimits(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	user(t, d, "ada")
	for i := range iam.MaxGroups + 1 {
		name := "g" + strconv.Itoa(i)
		must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.Group, Name: name}))
		err := d.AddToGroup(ctx, name, "ada")
		if i < iam.MaxGroups {
			ok(t, err)
		} else {
			is(t, err, iam.ErrLimitExceeded)
		}
	}
	ok(t, d.AddToGroup(ctx, "g0", "ada")) // again
	is(t, d.Delete(ctx, iam.Group, "g0"), iam.ErrDeleteConflict)
	is(t, d.Delete(ctx, iam.User, "ada"), iam.ErrDeleteConflict)
	if len(must[[]iam.Entity](t)(d.GroupsOf(ctx, "ada"))) != iam.MaxGroups || len(must[[]iam.Entity](t)(d.Members(ctx, "g0"))) != 1 {
		t.Error("membership")
	}
}

// TestStandardPolicies: every one is a policy that evaluation understands, and does what its name says.
func TestStandardPolicies(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	list := must[[]iam.ManagedPolicy](t)(d.ListManaged(ctx, false, true, ""))
	if len(list) < 20 {
		t.Fatalf("%d", len(list))
	}
	asked := func(arn, action string) iam.Decision {
		texts := must[[]string](t)(d.Documents(ctx, []string{arn}))
		v := must[[]iam.Verdict](t)(d.Simulate(ctx, iam.Simulation{Documents: texts}, []string{action}, []string{"*"}))
		return v[0].Decision
	}
	ids := map[string]bool{}
	for _, p := range list {
		if ids[p.ID] || len(p.ID) != 21 {
			t.Errorf("%s: id %s", p.Name, p.ID)
		}
		ids[p.ID] = true
		if asked(p.Arn, "nothing:Known") == iam.Denied {
			t.Errorf("%s cannot be understood", p.Arn)
		}
	}
	for _, tc := range []struct {
		name, action string
		want         iam.Decision
	}{
		{"AdministratorAccess", "iam:CreateUser", iam.Allowed},
		{"PowerUserAccess", "codepipeline:DeletePipeline", iam.Allowed},
		{"PowerUserAccess", "iam:CreateUser", iam.NotAllowed},
		{"ReadOnlyAccess", "codepipeline:GetPipelineState", iam.Allowed},
		{"ReadOnlyAccess", "codepipeline:StartPipelineExecution", iam.NotAllowed},
		{"ReadOnlyAccess", "codepipeline:PollForJobs", iam.NotAllowed},
		{"ReadOnlyAccess", "codecommit:GitPush", iam.NotAllowed},
		{"AWSCodePipelineApproverAccess", "codepipeline:PutApprovalResult", iam.Allowed},
		{"AWSCodePipelineApproverAccess", "codepipeline:StartPipelineExecution", iam.NotAllowed},
		{"AWSCodeCommitPowerUser", "codecommit:GitPush", iam.Allowed},
		{"AWSCodeCommitPowerUser", "codecommit:DeleteRepository", iam.NotAllowed},
		{"AWSCodeBuildDeveloperAccess", "codebuild:StartBuild", iam.Allowed},
		{"AWSCodeBuildDeveloperAccess", "codebuild:DeleteProject", iam.NotAllowed},
		{"AmazonS3ReadOnlyAccess", "s3:PutObject", iam.NotAllowed},
	} {
		if got := asked("arn:aws:iam::aws:policy/"+tc.name, tc.action); got != tc.want {
			t.Errorf("%s: %s is %v", tc.name, tc.action, got)
		}
	}
}

// TestSessionsOfARole: they have the role's policies, those they were made with take away, and they end with the role.
func TestSessionsOfARole(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := iam.New(st)
		role := must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.Role, Name: "deploy", Path: "/ci/", Trust: trustPipelines}))
		ok(t, d.PutPolicy(ctx, iam.Role, "deploy", "p", readAll))
		whole := must[iam.AccessKey](t)(d.AssumeRole(ctx, role, "s", nil, time.Hour))
		part := must[iam.AccessKey](t)(d.AssumeRole(ctx, role, "s", []string{onlyOne, writeAll}, time.Hour))
		other := iam.New(st)
		key := must[iam.AccessKey](t)(other.AccessKey(ctx, whole.ID))
		if key.Principal != whole.Principal || key.Principal.Arn != "arn:aws:sts::000000000000:assumed-role/deploy/s" || key.Principal.PolicyArn() != role.Arn {
			t.Errorf("%+v", key.Principal)
		}
		decides(t, other, key.Principal, "s3:GetObject", objectTwo, iam.Allowed)
		key = must[iam.AccessKey](t)(other.AccessKey(ctx, part.ID))
		decides(t, other, key.Principal, "s3:GetObject", objectOne, iam.Allowed)
		decides(t, other, key.Principal, "s3:GetObject", objectTwo, iam.NotInSession)
		decides(t, other, key.Principal, "s3:PutObject", objectOne, iam.NotAllowed)
		ok(t, d.DeletePolicy(ctx, iam.Role, "deploy", "p"))
		ok(t, d.Delete(ctx, iam.Role, "deploy"))
		_, err := iam.New(st).AccessKey(ctx, whole.ID)
		is(t, err, iam.ErrNoAccessKey)
		_, err = d.AccessKey(ctx, part.ID)
		is(t, err, iam.ErrNoAccessKey)
	})
}

// TestSessionsEndWithTheirIssuer: what a user got with an access key ends when that is made inactive.
func TestSessionsEndWithTheirIssuer(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	ada := user(t, d, "ada")
	key, _, err := d.CreateAccessKey(ctx, "ada")
	ok(t, err)
	ada.Owner = ada.UserID
	s := must[iam.AccessKey](t)(d.StartSession(ctx, iam.Session{Principal: ada, Life: time.Hour, Issuer: key.ID}))
	must[iam.AccessKey](t)(d.AccessKey(ctx, s.ID))
	ok(t, d.SetAccessKeyActive(ctx, "ada", key.ID, false))
	_, err = d.AccessKey(ctx, s.ID)
	is(t, err, iam.ErrNoAccessKey)
}

func TestTrust(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	ada := user(t, d, "ada")
	for _, tc := range []struct {
		statements string
		want       iam.Trust
	}{
		{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/ada"},"Action":"sts:AssumeRole"}`, iam.Trusted},
		{`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::000000000000:user/bob"]},"Action":"sts:AssumeRole"}`, iam.NotTrusted},
		{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}`, iam.TrustedAccount},
		{`{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:*"}`, iam.TrustedAccount},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}`, iam.Trusted},
		{`{"Effect":"Allow","Principal":{"Service":"*"},"Action":"sts:AssumeRole"}`, iam.NotTrusted},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::000000000000:user/ada"},"Action":"sts:*"}`, iam.Distrusted},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"yes"}}}`, iam.Trusted},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"no"}}}`, iam.NotTrusted},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}}}`, iam.Trusted},
		{`{"Effect":"Allow","Principal":"*","Action":"sts:TagSession"}`, iam.NotTrusted},
	} {
		role := iam.Entity{Kind: iam.Role, Arn: "arn:aws:iam::000000000000:role/r", Trust: `{"Version":"2012-10-17","Statement":[` + tc.statements + `]}`}
		with := iam.WithConditions(ctx, map[string][]string{"sts:ExternalId": {"yes"}, "aws:PrincipalArn": {"a lie"}})
		if got := must[iam.Trust](t)(d.Trust(with, role, ada)); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.statements, got, tc.want)
		}
	}
}

// TestRolesThatLimit: work is limited by its role once that exists and has policies, and then must be trusted to assume it.
func TestRolesThatLimit(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	as := func(name string) error {
		return d.Permit(iam.ActingFor(ctx, iam.Service{Role: "arn:aws:iam::000000000000:role/pipe", Name: name}), "s3:PutObject", objectOne)
	}
	refuses := func(err error, text string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	const pipelines = "codepipeline.amazonaws.com"
	ok(t, d.Permit(ctx, "s3:PutObject", objectOne))
	ok(t, as(pipelines)) // no such role
	must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.Role, Name: "pipe", Trust: trustPipelines}))
	ok(t, as(pipelines)) // no policies
	ok(t, d.PutPolicy(ctx, iam.Role, "pipe", "p", readAll))
	refuses(as(pipelines), "role/pipe is not authorized to perform: s3:PutObject on resource: "+objectOne)
	ok(t, d.PutPolicy(ctx, iam.Role, "pipe", "q", writeAll))
	ok(t, as(pipelines))
	refuses(as("codebuild.amazonaws.com"), "codebuild.amazonaws.com is not authorized to perform: sts:AssumeRole")
}

// TestWhatIsNotDoneUnasked: what is required of a role is allowed by its policies alone, not by their absence.
func TestWhatIsNotDoneUnasked(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	under := iam.ActingFor(ctx, iam.Service{Role: "arn:aws:iam::000000000000:role/pipe", Name: "codepipeline.amazonaws.com"})
	refuses := func(ctx context.Context) {
		t.Helper()
		if err := d.Require(ctx, "s3:GetObject", objectOne); err == nil || !strings.Contains(err.Error(), "is not authorized to perform: s3:GetObject on resource: "+objectOne) {
			t.Error(err)
		}
	}
	refuses(ctx)
	refuses(under)
	must[iam.Entity](t)(d.Create(ctx, iam.Entity{Kind: iam.Role, Name: "pipe", Trust: trustPipelines}))
	refuses(under)
	ok(t, d.PutPolicy(ctx, iam.Role, "pipe", "p", writeAll))
	refuses(under)
	ok(t, d.PutPolicy(ctx, iam.Role, "pipe", "q", readAll))
	ok(t, d.Require(under, "s3:GetObject", objectOne))
}

var actionsDrawn = rapid.SampledFrom([]string{"s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "*", "codepipeline:GetPipeline"})

func drawStatement(t *rapid.T, effects ...string) string {
	statement := `{"Effect":"` + rapid.SampledFrom(effects).Draw(t, "effect") + `","` +
		rapid.SampledFrom([]string{"Action", "NotAction"}).Draw(t, "how") + `":"` + actionsDrawn.Draw(t, "action") + `","` +
		rapid.SampledFrom([]string{"Resource", "NotResource"}).Draw(t, "what") + `":"` +
		rapid.SampledFrom([]string{"*", "arn:aws:s3:::one/*", objectTwo, "arn:aws:s3:::${aws:username}/*"}).Draw(t, "resource") + `"`
	if rapid.Bool().Draw(t, "conditional") {
		statement += `,"Condition":{"` + rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringLikeIfExists", "ForAnyValue:StringEquals"}).Draw(t, "operator") +
			`":{"` + rapid.SampledFrom([]string{"s3:prefix", "aws:username", "aws:SourceIp"}).Draw(t, "key") + `":["one","two"]}}`
	}
	return statement + `}`
}

func drawDocument(t *rapid.T, effects ...string) string {
	var list []string
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		list = append(list, drawStatement(t, effects...))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
}

// TestPropertiesOfDecisions: a Deny wins, more to allow never takes away, a boundary never gives, and a simulation says what
// would happen.
func TestPropertiesOfDecisions(t *testing.T) {
	d := iam.New(sqltest.SQLite(t))
	rapid.Check(t, func(t *rapid.T) {
		name := "u" + strconv.FormatUint(rapid.Uint64().Draw(t, "user"), 36)
		e, err := d.Create(ctx, iam.Entity{Kind: iam.User, Name: name})
		if err != nil {
			t.Skip("drawn before")
		}
		put := func(as, text string) {
			if err := d.PutPolicy(ctx, iam.User, name, as, text); err != nil {
				t.Fatal(err)
			}
		}
		p := iam.Principal{Arn: e.Arn, UserID: e.ID}
		action := rapid.SampledFrom([]string{"s3:GetObject", "s3:PutObject", "codepipeline:GetPipeline"}).Draw(t, "asked")
		resource := rapid.SampledFrom([]string{objectOne, objectTwo, "arn:aws:s3:::" + name + "/x", iam.AnyResource}).Draw(t, "of")
		conditions := map[string][]string{"s3:prefix": {rapid.SampledFrom([]string{"one", "three"}).Draw(t, "prefix")}}
		decide := func() iam.Decision {
			got, err := d.Decide(iam.WithConditions(ctx, conditions), p, action, resource)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		put("a", drawDocument(t, "Allow", "Deny"))
		before := decide()
		verdicts, err := d.Simulate(ctx, iam.Simulation{Principal: e.Arn, Conditions: conditions}, []string{action}, []string{resource})
		if err != nil || verdicts[0].Decision != before {
			t.Fatalf("simulated %v (%v), enforced %v", verdicts, err, before)
		}
		if (before == iam.Denied || before == iam.Allowed) != (len(verdicts[0].Matched) > 0) {
			t.Fatalf("%v by %v", before, verdicts[0].Matched)
		}
		put("b", drawDocument(t, "Allow"))
		after := decide()
		if before == iam.Allowed && after != iam.Allowed || before == iam.Denied && after != iam.Denied {
			t.Fatalf("more to allow turned %v into %v", before, after)
		}
		put("c", `{"Statement":{"Effect":"Deny","Action":"`+action+`","Resource":"*"}}`)
		if got := decide(); got != iam.Denied {
			t.Fatalf("a Deny gave %v", got)
		}
	})
}

// FuzzPolicy: whatever is taken as a policy can be evaluated, and simulated with the same result.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{readAll, noWrite, onlyOne, trustPipelines, `{}`, `[]`, `{"Statement":{"Effect":"Allow","NotAction":"a:b","NotResource":"*","Condition":{"Null":{"aws:x":true}}}}`} {
		f.Add(seed, "s3:GetObject", objectOne)
	}
	d := iam.New(sqltest.SQLite(f))
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		verdicts, err := d.Simulate(ctx, iam.Simulation{Documents: []string{text}}, []string{action}, []string{resource})
		if err != nil {
			is(t, err, iam.ErrMalformedPolicy)
			return
		}
		if v := verdicts[0]; v.Decision != iam.Denied && v.Decision != iam.Allowed && len(v.Matched) > 0 {
			t.Errorf("%v, but %v", v.Decision, v.Matched)
		}
		if _, err := iam.ContextKeys([]string{text}); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkDecide: what a call costs that the policies were asked for before, of a plain policy and of one with conditions.
func BenchmarkDecide(b *testing.B) {
	for name, text := range map[string]string{
		"plain":      readAll,
		"conditions": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			d := iam.New(sqltest.SQLite(b))
			e, err := d.Create(ctx, iam.Entity{Kind: iam.User, Name: "ada"})
			if err == nil {
				err = d.PutPolicy(ctx, iam.User, "ada", "p", text)
			}
			if err != nil {
				b.Fatal(err)
			}
			p := iam.Principal{Arn: e.Arn, UserID: e.ID}
			with := iam.WithConditions(ctx, map[string][]string{"aws:SourceIp": {"10.1.2.3"}})
			for b.Loop() {
				if got, err := d.Decide(with, p, "s3:GetObject", objectOne); err != nil || got != iam.Allowed {
					b.Fatal(got, err)
				}
			}
		})
	}
}
