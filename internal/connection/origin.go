package connection

import (
	"context"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Connected is the forge of a connection and one of its Git repositories. ErrNotFound, ErrPending.
func (s *Store) Connected(ctx context.Context, id, name string) (forge.Forge, vcs.Origin, error) {
	f, err := s.Forge(ctx, id)
	if err != nil {
		return nil, vcs.Origin{}, err
	}
	origin, err := At(ctx, f, name, "connection/"+id)
	return f, origin, err
}

// At is the Git repository of a name at a forge, as owner sees it.
func At(ctx context.Context, f forge.Forge, name, owner string) (vcs.Origin, error) {
	if err := forge.CheckName(f.Kind(), name); err != nil {
		return vcs.Origin{}, errors.Join(forge.ErrNotFound, err)
	}
	repo, err := f.Repository(ctx, name)
	if err != nil {
		return vcs.Origin{}, err
	}
	if why := vcs.CheckURL(vcs.Git, repo.CloneURL); why != "" {
		return vcs.Origin{}, fmt.Errorf("the address to clone %s from is not %s", name, why)
	}
	login, err := f.Login(ctx, name)
	return vcs.Origin{Remote: vcs.Remote{URL: repo.CloneURL, Login: vcs.Login{User: login.User, Password: login.Password}}, Owner: owner}, err
}

// Named is the repository at a URL, with a stored login; "" is none. ErrNotFound, ErrNotFor.
func (s *Store) Named(ctx context.Context, login, url string) (vcs.Origin, error) {
	o := vcs.Origin{Remote: vcs.Remote{URL: url}}
	if login == "" {
		return o, nil
	}
	var err error
	o.Login, err = s.Login(ctx, login, url)
	o.Owner = "login/" + login
	return o, err
}
