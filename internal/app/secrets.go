package app

import (
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/secretsmanager"
	"github.com/conveyor-cd/conveyor/internal/awsapi/ssm"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/backing"
	"github.com/conveyor-cd/conveyor/internal/parameter"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

// secrets are the rooms of what users entrust to the server.
type secrets struct {
	parameters *parameter.Store
	vault      *vault.Store
}

// openSecrets opens them, after the box they are sealed with, for builds.
func (r *rooms) openSecrets(db store.Store, place awsapi.Place) build.Secrets {
	r.secrets = &secrets{parameters: parameter.New(db, r.box), vault: vault.New(db, r.box)}
	return backing.Secrets(r.secrets.parameters, r.secrets.vault, r.identities, build.Place{Region: place.Region, Account: place.Account})
}

func (r *rooms) serveSecrets(place awsapi.Place) {
	r.api.Add(ssm.New(r.secrets.parameters, place).API(), secretsmanager.New(r.secrets.vault, place).API())
}
