package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// aboutMembers are those that name what an operation is about.
var aboutMembers = []string{"PolicySourceArn", "GroupName", "RoleName", "UserName", "PolicyArn", "PolicyName"}

// resources names what an operation of IAM is about, as policies do: users, groups, roles and policies with their paths,
// which the directory knows. Operations on nothing in particular are about "*".
func (s *Service) resources(ctx context.Context, operation string, m awsapi.Members) ([]string, error) {
	if arn := m.Text("PolicySourceArn"); arn != "" {
		return []string{arn}, nil
	}
	for _, of := range []struct {
		member string
		kind   iam.Kind
	}{{"GroupName", iam.Group}, {"RoleName", iam.Role}, {"UserName", iam.User}} {
		name := m.Text(of.member)
		if name == "" {
			continue
		}
		if strings.HasPrefix(operation, "Create") && operation != "CreateAccessKey" {
			return []string{s.arn(string(of.kind), m.Text("Path"), name)}, nil
		}
		e, err := s.dir.Get(ctx, of.kind, name)
		if err != nil { // the operation says so, to those who may know
			return []string{s.arn(string(of.kind), "", name)}, nonsense(err)
		}
		arns := []string{e.Arn}
		if to := m.Text("New" + of.member); to != "" || m.Text("NewPath") != "" { // both names must be the caller's to give
			arns = append(arns, s.arn(string(of.kind), orElse(m.Text("NewPath"), e.Path), orElse(to, e.Name)))
		}
		return arns, nil
	}
	switch {
	case m.Text("PolicyArn") != "":
		return []string{m.Text("PolicyArn")}, nil
	case operation == "CreatePolicy":
		return []string{s.arn("policy", m.Text("Path"), m.Text("PolicyName"))}, nil
	case m.Has("UserName"): // the caller's own
		return []string{awsapi.Caller(ctx).Arn}, nil
	default:
		return []string{"*"}, nil
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// nonsense is err, unless it is the caller's mistake.
func nonsense(err error) error {
	var m *iam.Error
	if errors.As(err, &m) {
		return nil
	}
	return err
}

func (s *Service) arn(kind, path, name string) string {
	return "arn:aws:iam::" + s.account + ":" + kind + orElse(path, "/") + name
}

// conditions are the condition keys of IAM that a request gives values to.
func conditions(_ context.Context, _ string, m awsapi.Members) (map[string][]string, error) {
	values := map[string][]string{}
	if arn := m.Text("PolicyArn"); arn != "" {
		values["iam:PolicyARN"] = []string{arn}
	}
	if arn := m.Text("PermissionsBoundary"); arn != "" {
		values["iam:PermissionsBoundary"] = []string{arn}
	}
	return values, nil
}
