package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// Directories of a workspace: the builds' home, where places have it there, and where a cache is unpacked first.
const (
	homeDir    = "home"
	restoreDir = ".restore"
)

// maxCacheKey is how long a cache's key may be once it is written as a name.
const maxCacheKey = 200

// caching is a build's cache: where it is kept, what it holds and what it is called.
type caching struct {
	store    cacheStore
	paths    []buildspec.Artifacts // what belongs to it, by base directory
	epoch    string                // what its name begins with; see InvalidateCaches
	key      string                // "": it has no name but the project's
	fallback []string              // beginnings of keys, in the order they are tried
	restore  bool
	save     bool
	current  bool     // the cache of exactly that key was there: its content follows from its key
	homes    []string // what of it lies in the build's home
}

// cacheStore keeps the caches of one project as zips. A cache is there whole or not at all, and does not change once it is.
type cacheStore interface {
	// find opens the cache of that name, or else the newest one whose name begins with one of the prefixes, which are tried
	// in order. found is "" when there is none.
	find(ctx context.Context, name string, prefixes []string) (found string, o Object, err error)
	// put stores files of the workspace under a name.
	put(ctx context.Context, name string, files []archive.Entry) error
	String() string
}

// prepareCache finds the cache the project and the buildspec ask for, and puts what it holds into the workspace. It happens
// before the build's commands can see the workspace. A cache makes a build faster and nothing else: what goes wrong is said in
// the log.
func (r *run) prepareCache(ctx context.Context, env []buildspec.Variable) {
	if r.spec.Cache == nil {
		return
	}
	c, err := r.cacheOf(r.spec.Cache, env)
	if err == nil && c != nil && c.restore {
		err = r.restoreCache(ctx, c)
	}
	if err != nil && ctx.Err() == nil {
		r.log.Printf("Warning: the cache cannot be restored: %s", reason(err))
	}
	r.cache = c
}

// cacheOf is the build's cache, nil when the project has none.
func (r *run) cacheOf(spec *buildspec.Cache, env []buildspec.Variable) (*caching, error) {
	c := &caching{store: r.cacheStore(), epoch: r.rec.Settings.CacheEpoch, restore: spec.Action != "save", save: spec.Action != "restore"}
	if c.store == nil {
		r.log.Printf("The project has no cache for files: the buildspec's cache is not looked at")
		return nil, nil
	}
	values := map[string]string{}
	for _, v := range env {
		values[v.Name] = v.Value
	}
	delete(values, "HOME") // it is the place's; see cachePath
	for _, p := range spec.Paths {
		if err := r.addPath(c, p, values); err != nil {
			return nil, err
		}
	}
	if spec.Key == "" {
		return c, nil // fallback keys count beside a key only
	}
	for i, text := range append([]string{spec.Key}, spec.FallbackKeys...) {
		key, err := buildspec.CacheKey(text, values, r.hashFiles)
		if err != nil {
			return nil, clientFailure("the cache's key: %v", err)
		}
		if name := cacheName(key); len(name) > maxCacheKey {
			return nil, clientFailure("the cache's key %s is longer than %d bytes", key, maxCacheKey)
		}
		if i == 0 {
			c.key = key
		} else {
			c.fallback = append(c.fallback, c.epoch+cacheName(key))
		}
	}
	return c, nil
}

// cacheName is a key as a name of a file or an object, which cannot lead elsewhere. What begins alike keeps beginning alike.
func cacheName(key string) string { return "k-" + url.PathEscape(key) }

// nameless is the name of a cache without a key.
const nameless = "cache"

// name is what the cache is called where it is kept.
func (c *caching) name() string {
	if c.key == "" {
		return c.epoch + nameless
	}
	return c.epoch + cacheName(c.key)
}

// shown is what the log calls a cache of that name.
func (c *caching) shown(name string) string {
	name = strings.TrimPrefix(name, c.epoch)
	key, err := url.PathUnescape(strings.TrimPrefix(name, "k-"))
	if name == nameless || err != nil {
		return "the cache"
	}
	return "the cache " + key
}

// addPath adds a path to a cache: one in the source, or in the build's home, which most buildspecs call /root. Other places are
// not of the build alone.
func (r *run) addPath(c *caching, p string, values map[string]string) error {
	base := srcDir
	for _, home := range []string{"~/", "$HOME/", "${HOME}/", "/root/", r.ws.Path(homeDir) + "/"} {
		if rest, ok := strings.CutPrefix(p, home); ok {
			base, p = homeDir, strings.TrimLeft(rest, "/")
			break
		}
	}
	p = strings.TrimPrefix(buildspec.Expand(p, values), r.ws.Path(srcDir)+"/")
	if path.IsAbs(p) {
		return clientFailure("the cache's path %s lies neither in the source nor in the build's home, ~/", p)
	}
	pattern, err := buildspec.CleanPattern(p)
	if err != nil {
		return clientFailure("the cache: %v", err)
	}
	if first, _, _ := strings.Cut(pattern, "/"); base == homeDir && !buildspec.HasMeta(first) {
		c.homes = append(c.homes, first)
	}
	c.paths = append(c.paths, buildspec.Artifacts{Files: []string{pattern}, BaseDirectory: r.ws.Path(base), EnableSymlinks: true})
	return nil
}

// hashFiles is the hash of the contents of files of the source.
func (r *run) hashFiles(patterns []string) (string, error) {
	c := &collector{root: r.ws.Root(), source: srcDir, see: r.ws.Path, warn: r.log.Printf}
	files, err := c.collect(buildspec.Artifacts{Files: patterns})
	if err != nil {
		return "", err
	}
	all := sha256.New()
	for _, f := range files {
		one := sha256.New()
		if err := r.readFile(f.Path, func(in io.Reader) error {
			_, err := io.Copy(one, in)
			return err
		}); err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%x %s\n", one.Sum(nil), f.Name)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// cacheStore is where the project keeps its cache; nil: nowhere.
func (r *run) cacheStore() cacheStore {
	b := r.rec.Build
	p := b.Cache
	if p == nil {
		return nil
	}
	switch {
	case p.Type == types.CacheTypeS3:
		bucket, folder, _ := cacheFolder(&b)
		return &objectCache{r, bucket, folder}
	case p.Type == types.CacheTypeLocal && slices.Contains(p.Modes, types.CacheModeLocalCustomCache) && r.s.cfg.Caches != nil:
		return &localCache{r, r.s.cfg.Caches, *b.ProjectName}
	}
	return nil
}

// cacheFolder is where in a bucket the caches of a project are; ok is false when they are elsewhere, or nowhere.
func cacheFolder(b *types.Build) (bucket, folder string, ok bool) {
	if b.Cache == nil || b.Cache.Type != types.CacheTypeS3 {
		return "", "", false
	}
	bucket, folder, _ = strings.Cut(strings.TrimPrefix(aws.ToString(b.Cache.Location), "arn:aws:s3:::"), "/")
	owner := *firstString(b.Cache.CacheNamespace, b.ProjectName) // a name space is shared by projects
	return bucket, path.Join(strings.Trim(folder, "/"), owner) + "/", true
}

// restoreCache unpacks the cache beside the sources and moves in what the sources do not have themselves: a cache that turns
// out to be damaged leaves nothing behind, and never takes the place of a source.
func (r *run) restoreCache(ctx context.Context, c *caching) error {
	found, o, err := c.store.find(ctx, c.name(), c.fallback)
	if err != nil {
		return err
	}
	if found == "" {
		r.log.Printf("There is no cache yet in %s", c.store)
		return nil
	}
	defer o.Body.Close()
	stats, err := unpackCache(ctx, o, r.ws.Root())
	if err != nil {
		return err
	}
	c.current = found == c.name() && c.key != ""
	r.log.Printf("Restored %d file(s) from %s in %s", stats.Files, c.shown(found), c.store)
	return nil
}

// linkHome gives the build's home what the cache keeps of it, where a place has homes outside of workspaces.
func (r *run) linkHome(ctx context.Context) error {
	if r.cache == nil || len(r.cache.homes) == 0 {
		return nil
	}
	values, err := r.session.Getenv(ctx, []string{"HOME"})
	if err != nil || values["HOME"] == "" || values["HOME"] == r.ws.Path(homeDir) {
		return err
	}
	for _, name := range r.cache.homes {
		kept, seen := quoted(r.ws.Path(homeDir+"/"+name)), quoted(path.Join(values["HOME"], name))
		status, err := r.session.Run(ctx, "[ -e "+seen+" ] || { mkdir -p "+kept+" && ln -s "+kept+" "+seen+"; }")
		if err != nil {
			return err
		}
		if status != 0 {
			r.log.Printf("Warning: %s is not cached: it cannot be made in the build's home", name)
		}
	}
	return nil
}

// quoted makes text one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// saveCache stores the cache once nothing of the build runs any more.
func (r *run) saveCache(ctx context.Context) {
	c := r.cache
	if c == nil || !c.save || r.failed != "" {
		return
	}
	if c.current {
		r.log.Printf("Not saving %s: it is in %s already", c.shown(c.name()), c.store)
		return
	}
	files, err := r.cached(c)
	switch {
	case err == nil && len(files) == 0:
		r.log.Printf("There is nothing at the cache's paths")
		return
	case err == nil:
		err = c.store.put(ctx, c.name(), files)
	}
	if err != nil {
		r.log.Printf("Warning: the cache is not saved: %s", reason(err))
		return
	}
	r.log.Printf("Saved %d file(s) as %s in %s", len(files), c.shown(c.name()), c.store)
}

// cached are the files that belong to the cache, named by their places in the workspace.
func (r *run) cached(c *caching) ([]archive.Entry, error) {
	col := &collector{root: r.ws.Root(), source: srcDir, see: r.ws.Path, warn: r.log.Printf}
	names := map[string]bool{}
	if err := os.MkdirAll(filepath.Join(r.ws.Root(), homeDir), 0o700); err != nil { // where nobody has made it nothing is in it
		return nil, err
	}
	for _, p := range c.paths {
		found, err := col.matching(p)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			names[e.Path] = true
		}
	}
	files := make([]archive.Entry, 0, len(names))
	for name := range names {
		files = append(files, archive.Entry{Name: name})
	}
	return files, nil
}
