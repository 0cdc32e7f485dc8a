package secretsmanager

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const normalLength = 32

// GetRandomPassword makes a password and keeps it nowhere.
func (s *Service) GetRandomPassword(_ context.Context, in *sdk.GetRandomPasswordInput) (*sdk.GetRandomPasswordOutput, error) {
	var kinds []string
	for _, k := range []struct {
		letters string
		without bool
	}{
		{"abcdefghijklmnopqrstuvwxyz", aws.ToBool(in.ExcludeLowercase)},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", aws.ToBool(in.ExcludeUppercase)},
		{"0123456789", aws.ToBool(in.ExcludeNumbers)},
		{"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", aws.ToBool(in.ExcludePunctuation)},
		{" ", !aws.ToBool(in.IncludeSpace)},
	} {
		letters := strings.Map(func(c rune) rune {
			if strings.ContainsRune(aws.ToString(in.ExcludeCharacters), c) {
				return -1
			}
			return c
		}, k.letters)
		if !k.without && letters != "" {
			kinds = append(kinds, letters)
		}
	}
	length := normalLength
	if in.PasswordLength != nil {
		length = int(*in.PasswordLength)
	}
	each := in.RequireEachIncludedType == nil || *in.RequireEachIncludedType
	if len(kinds) == 0 || each && length < len(kinds) {
		return nil, invalid("A password of %d characters cannot have each of the %d kinds of characters asked for.", length, len(kinds))
	}
	password := make([]byte, 0, length)
	if each {
		for _, letters := range kinds {
			password = append(password, letters[below(len(letters))])
		}
	}
	for all := strings.Join(kinds, ""); len(password) < length; {
		password = append(password, all[below(len(all))])
	}
	for i := range password { // shuffle
		j := i + below(len(password)-i)
		password[i], password[j] = password[j], password[i]
	}
	return &sdk.GetRandomPasswordOutput{RandomPassword: aws.String(string(password))}, nil
}

// below is a number from 0 to n-1, each equally likely.
func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand's reader never fails
	}
	return int(i.Int64())
}
