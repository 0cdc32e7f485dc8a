package app

import (
	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/limits"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// place is where this server claims to be.
func (r *rooms) place() awsapi.Place {
	return awsapi.Place{Region: r.config.Region, Account: awsapi.DefaultAccount}
}

// limitedObjects and limitedRepositories are the stores as the roles of actions and builds let them be used.
func (r *rooms) limitedObjects() *limits.Objects { return limits.NewObjects(r.objects, r.identities) }

func (r *rooms) limitedRepositories() *limits.Repositories {
	return limits.NewRepositories(r.repositories, r.identities, r.place().ARN)
}

// limited are the providers whose actions are held to their roles.
func (r *rooms) limited(list []action.Provider) []action.Provider {
	l := limits.New(r.identities, limits.Options{ARN: r.place().ARN, Log: r.log.With("room", "actions")})
	for i, p := range list {
		list[i] = l.Provider(p)
	}
	return list
}
