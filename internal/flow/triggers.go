package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

// Repositories is what flow needs of hosted repositories. Implemented by *gitrepo.Store.
type Repositories interface {
	// Brought reads what a push brought. Its errors are gitrepo's.
	Brought(ctx context.Context, repository, before, after string, limit int) (gitrepo.Brought, error)
	// BroughtTo reads what a pull request from source into destination brings.
	BroughtTo(ctx context.Context, repository, destination, source string, limit int) (gitrepo.Brought, error)
}

// filterOf is the trigger that is declared for a source action; nil when there is none.
func filterOf(d *pipeline.Definition, action string) *pipeline.GitConfiguration {
	for i := range d.Triggers {
		if g := d.Triggers[i].GitConfiguration; g != nil && g.SourceActionName == action {
			return g
		}
	}
	return nil
}

// checkGlobs refuses triggers with a pattern that is malformed.
func checkGlobs(d *pipeline.Definition) error {
	for _, t := range d.Triggers {
		for _, f := range globFilters(t.GitConfiguration) {
			if f == nil {
				continue
			}
			for _, patterns := range [][]string{f.Includes, f.Excludes} {
				for _, p := range patterns {
					if err := trigger.CheckGlob(p); err != nil {
						return pipeline.Errorf(pipeline.InvalidStructure, "The trigger for source action '%s' has a filter that cannot be read: %v",
							t.GitConfiguration.SourceActionName, err)
					}
				}
			}
		}
	}
	return nil
}

func globFilters(g *pipeline.GitConfiguration) []*pipeline.GlobFilter {
	if g == nil {
		return nil
	}
	var list []*pipeline.GlobFilter
	for _, p := range g.Push {
		list = append(list, p.Tags, p.Branches, p.FilePaths)
	}
	for _, p := range g.PullRequest {
		list = append(list, p.Branches, p.FilePaths)
	}
	return list
}

// lookedAt holds what changes brought, by the id of the recorded change.
type lookedAt map[int64]gitrepo.Brought

// lookAtChanges reads what the recorded changes of a pipeline brought to its repositories, before the transaction that
// decides about them. A change whose repository or commit is gone since brought nothing.
func (s *Service) lookAtChanges(ctx context.Context, name string) (lookedAt, error) {
	var changes []pendingChange
	err := s.store.Read(ctx, func(r store.Reader) error {
		id, _, err := s.identify(ctx, r, name)
		if err != nil {
			return err
		}
		changes, err = pendingChanges(ctx, r, id)
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seen := lookedAt{}
	for _, c := range changes {
		if c.Provider != providerCodeCommit {
			continue
		}
		look := s.repositories.Brought
		if c.Event != "" {
			look = s.repositories.BroughtTo
		}
		brought, err := look(ctx, c.Resource, c.Before, c.Revision, trigger.MaxFiles)
		if err != nil && !errors.Is(err, gitrepo.ErrNoRef) && !errors.Is(err, gitrepo.ErrNoRepository) {
			return nil, fmt.Errorf("look at what was pushed to %s of repository %s: %w", c.Ref, c.Resource, err)
		}
		seen[c.id] = brought
	}
	return seen, nil
}

// startedBy decides what a change starts. It is not known while a filter asks for what nobody has looked at.
func startedBy(d *pipeline.Definition, c pendingChange, seen lookedAt) (by started, known bool) {
	if c.Provider == providerWebhook {
		by.trigger = pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerWebhook, TriggerDetail: c.Resource}
		return by, true
	}
	by.revision = c.Revision
	for _, w := range watchesOf(d) {
		if w.provider != c.Provider || w.resource != c.Resource {
			continue
		}
		if w.filter == nil {
			if w.ref == c.Ref && !c.Tag && c.Event == "" {
				by.actions = append(by.actions, w.action)
				if w.provider == ProviderConnection && by.trigger.TriggerType == "" {
					by.trigger = gitTrigger(w, c.SourceChange, gitrepo.Brought{Commit: gitrepo.Commit{ID: c.Revision}})
				}
			}
			continue
		}
		brought, looked := seen[c.id]
		if isRemote(c.Provider) { // who told of it has looked
			brought, looked = gitrepo.Brought{Commit: gitrepo.Commit{ID: c.Revision}, Files: c.Files}, true
		}
		if !looked {
			return started{}, false
		}
		if !passes(w, c.SourceChange, brought) {
			continue
		}
		by.actions, by.revision = append(by.actions, w.action), brought.Commit.ID
		if by.trigger.TriggerType == "" {
			by.trigger = gitTrigger(w, c.SourceChange, brought)
		}
	}
	return by, true
}

func passes(w watch, c SourceChange, brought gitrepo.Brought) bool {
	if brought.Commit.ID == "" { // gone since
		return false
	}
	e := trigger.Event{Kind: trigger.BranchPushed, Name: c.Ref, Files: brought.Files}
	if c.Tag {
		e.Kind = trigger.TagPushed
	}
	if c.Event != "" {
		e.Kind = c.Event
	}
	return trigger.Matches(w.filter, e)
}

func gitTrigger(w watch, c SourceChange, brought gitrepo.Brought) pipeline.ExecutionTrigger {
	g := pipeline.GitTrigger{
		SourceAction: w.action, Provider: c.Provider, Repository: remoteName(c), Commit: brought.Commit.ID, Author: c.Actor,
	}
	switch {
	case c.Tag:
		g.Tag = c.Ref
	case c.Event != "":
		g.Branch, g.PullRequest, g.Title, g.Event, g.Destination = c.Source, c.PullRequest, c.Title, string(c.Event), c.Ref
	default:
		g.Branch = c.Ref
	}
	return g.Trigger()
}
