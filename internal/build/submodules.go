package build

import (
	"context"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

const (
	maxSubmodules     = 200 // of one source, those of submodules included
	maxSubmoduleDepth = 10
)

// submodules fetches the submodules of one source. Git's own command would ask any address that a repository names; here
// every one of them is fetched as a source is, by way of the copies that are kept.
type submodules struct {
	*run
	count int
}

type submodule struct{ name, path, url, commit string }

// fetch puts the submodules of a checked-out repository, and theirs, where they belong.
func (m *submodules) fetch(ctx context.Context, of *types.ProjectSource, dir string, depth int) error {
	list, err := m.submodulesOf(ctx, dir, "HEAD")
	if err != nil || len(list) == 0 {
		return err
	}
	if depth == maxSubmoduleDepth {
		return clientFailure("the submodules of %s lie deeper than %d levels", aws.ToString(of.Location), maxSubmoduleDepth)
	}
	for _, sub := range list {
		if m.count++; m.count > maxSubmodules {
			return clientFailure("%s has more than %d submodules", aws.ToString(of.Location), maxSubmodules)
		}
		if err := m.one(ctx, of, sub, dir, depth); err != nil {
			return err
		}
	}
	_, err = m.git(ctx, dir, "submodule", "--quiet", "init")
	return err
}

// submodulesOf are those that a commit of a repository has, by its .gitmodules.
func (r *run) submodulesOf(ctx context.Context, dir, commit string) ([]submodule, error) {
	if _, err := r.git(ctx, dir, "cat-file", "-e", commit+":.gitmodules"); err != nil {
		return nil, context.Cause(ctx) // there is none
	}
	out, err := r.git(ctx, dir, "config", "--blob", commit+":.gitmodules", "--null", "--get-regexp", `^submodule\..*\.(path|url)$`)
	if err != nil {
		return nil, clientFailure(".gitmodules cannot be read: %v", err)
	}
	var list []submodule
	for entry := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		dot := strings.LastIndexByte(key, '.')
		name, member := strings.TrimPrefix(key[:max(dot, 0)], "submodule."), key[dot+1:]
		i := slices.IndexFunc(list, func(s submodule) bool { return s.name == name })
		if i < 0 {
			i, list = len(list), append(list, submodule{name: name})
		}
		if member == "path" {
			list[i].path = value
		} else {
			list[i].url = value
		}
	}
	if len(list) > maxSubmodules {
		return nil, clientFailure("there are more than %d submodules in one repository", maxSubmodules)
	}
	kept := list[:0]
	for _, sub := range list {
		if sub.path == "" || sub.url == "" {
			continue
		}
		entry, err := r.git(ctx, dir, "ls-tree", commit, "--", sub.path)
		if err != nil {
			return nil, err
		}
		about, _, _ := strings.Cut(entry, "\t")
		var linked bool
		if sub.commit, linked = strings.CutPrefix(about, "160000 commit "); linked {
			kept = append(kept, sub)
		}
	}
	return kept, nil
}

func (m *submodules) one(ctx context.Context, of *types.ProjectSource, sub submodule, dir string, depth int) error {
	src, err := sourceOfSubmodule(of, sub.url)
	if err != nil {
		return err
	}
	dest := filepath.Join(dir, filepath.FromSlash(sub.path))
	if real, err := filepath.EvalSymlinks(filepath.Dir(dest)); err != nil || real != filepath.Dir(dest) {
		return clientFailure("the submodule %s does not lie in its repository", sub.name)
	}
	if err := os.MkdirAll(dest, 0o755); err != nil { //nolint:gosec // a build's tools may run as somebody else
		return err
	}
	m.log.Printf("Fetching the submodule %s from %s", sub.path, aws.ToString(src.Location))
	if _, err := m.fetchGit(ctx, src, sub.commit, dest); err != nil {
		return err
	}
	return m.fetch(ctx, src, dest, depth+1)
}

// sourceOfSubmodule is where a submodule lies. It is fetched with the credentials of its repository when it lies at the same
// server, and with none elsewhere.
func sourceOfSubmodule(of *types.ProjectSource, address string) (*types.ProjectSource, error) {
	parent, err := url.Parse(aws.ToString(of.Location))
	if err != nil {
		return nil, clientFailure("%q is not a URL", aws.ToString(of.Location))
	}
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		joined := *parent
		joined.Path = path.Join(strings.TrimSuffix(parent.Path, "/"), address)
		address = joined.String()
	}
	src := &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String(address)}
	if u, err := url.Parse(address); err == nil && u.Scheme == parent.Scheme && u.Host == parent.Host {
		src.Type, src.Auth, src.InsecureSsl = of.Type, of.Auth, of.InsecureSsl
	} else {
		src.Auth = &types.SourceAuth{} // none, also not those of a default
	}
	return src, checkGit("the submodule", src)
}
