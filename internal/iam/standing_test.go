package iam_test

import (
	"slices"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestStanding(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		d := iam.New(st)
		made := map[string]iam.Entity{}
		for _, e := range []iam.Entity{
			{Kind: iam.User, Name: "eve", Path: "/team/"},
			{Kind: iam.Group, Name: "ops"},
			{Kind: iam.Role, Name: "deploy", Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`},
		} {
			e, err := d.Create(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			made[e.Name] = e
		}
		if err := d.AddToGroup(t.Context(), "ops", "eve"); err != nil {
			t.Fatal(err)
		}
		const account = "arn:aws:iam::000000000000:"
		eve := []string{account + "user/team/eve", "eve", account + "group/ops", "ops"}
		for _, test := range []struct {
			p     iam.Principal
			self  string
			names []string
		}{
			{iam.Principal{Arn: made["eve"].Arn, UserID: made["eve"].ID}, "user/eve", eve},
			{iam.Principal{Arn: "arn:aws:sts::000000000000:federated-user/x", UserID: "000000000000:x", Owner: made["eve"].ID}, "user/eve", eve},
			{
				iam.Principal{Arn: "arn:aws:sts::000000000000:assumed-role/deploy/s1", Owner: made["deploy"].ID, RoleArn: made["deploy"].Arn},
				"role/deploy",
				[]string{account + "role/deploy", "deploy"},
			},
			{iam.Principal{Arn: account + "root", UserID: "000000000000", Root: true}, account + "root", []string{account + "root"}},
			{iam.Principal{Arn: "arn:aws:sts::000000000000:federated-user/x", Owner: "000000000000"}, account + "root", []string{account + "root"}},
			{iam.Principal{Arn: account + "user/gone", UserID: "AIDAGONE"}, "", []string{account + "user/gone"}},
		} {
			got, err := d.Standing(t.Context(), test.p)
			if err != nil || got.Self != test.self || !slices.Equal(got.Names, test.names) {
				t.Errorf("%+v: %+v, %v", test.p, got, err)
			}
		}
	})
}
