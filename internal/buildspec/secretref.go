package buildspec

import (
	"fmt"
	"strings"
)

// SecretRef says which value a variable has that comes from Secrets Manager.
type SecretRef struct {
	ID        string // a secret's name or ARN
	JSONKey   string // "": the whole value
	Stage     string // "": AWSCURRENT, unless VersionID is set
	VersionID string
}

// arnParts is how many parts of a secret's ARN are separated by colons.
const arnParts = 7

// ParseSecretRef reads secret-id[:json-key[:version-stage[:version-id]]], where secret-id may be an ARN, which has colons of
// its own.
func ParseSecretRef(text string) (SecretRef, error) {
	parts := strings.Split(text, ":")
	id := 1
	if parts[0] == "arn" {
		id = arnParts
	}
	const members = 3 // after the id
	if len(parts) < id || len(parts) > id+members || parts[id-1] == "" {
		return SecretRef{}, fmt.Errorf("%q is not a reference to a secret: write secret-id, secret-id:json-key, or secret-id:json-key:version-stage:version-id", text)
	}
	rest := append(parts[id:], "", "", "")
	ref := SecretRef{ID: strings.Join(parts[:id], ":"), JSONKey: rest[0], Stage: rest[1], VersionID: rest[2]}
	if ref.Stage != "" && ref.VersionID != "" {
		return SecretRef{}, fmt.Errorf("%q names both a version stage and a version id; name one of them", text)
	}
	return ref, nil
}
