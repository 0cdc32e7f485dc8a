package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
)

// Prefixes of AWS's unique ids.
const (
	userPrefix   = "AIDA"
	rolePrefix   = "AROA"
	groupPrefix  = "AGPA"
	policyPrefix = "ANPA"
	keyPrefix    = "AKIA"
	tempPrefix   = "ASIA" // of temporary access keys
)

// Lengths of what AWS gives out: ids of principals, ids of access keys, secrets.
const (
	principalIDLength = 21
	keyIDLength       = 20
	secretLength      = 40
)

// newID is prefix followed by random letters and digits, length characters in all.
func newID(prefix string, length int) string {
	random := make([]byte, length)
	rand.Read(random) // it never fails: it crashes the program instead
	return prefix + base32.StdEncoding.EncodeToString(random)[:length-len(prefix)]
}

// newSecret is 240 random bits in 40 characters.
func newSecret() string {
	random := make([]byte, secretLength*6/8)
	rand.Read(random) // it never fails: it crashes the program instead
	return base64.StdEncoding.EncodeToString(random)
}

func validKeyID(id string) bool {
	if len(id) < 16 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
