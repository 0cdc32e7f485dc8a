package flow

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// catalog answers what the action types are: those this server has, and the custom ones as r sees them. It is good for one
// transaction; what went wrong is in err, which whoever asks must look at in the end.
type catalog struct {
	s       *Service
	ctx     context.Context
	r       store.Reader
	deleted bool // custom types that were deleted count, too: history still has to keep their secrets
	known   map[pipeline.ActionTypeID]*CustomType
	err     error
}

func (s *Service) catalog(ctx context.Context, r store.Reader) *catalog {
	return &catalog{s: s, ctx: ctx, r: r, known: map[pipeline.ActionTypeID]*CustomType{}}
}

func (s *Service) pastCatalog(ctx context.Context, r store.Reader) *catalog {
	c := s.catalog(ctx, r)
	c.deleted = true
	return c
}

// facts is the pipeline.Catalog of validation and masking.
func (c *catalog) facts(id pipeline.ActionTypeID) (pipeline.ActionTypeFacts, bool) {
	if p, ok := c.s.providers.Lookup(id); ok {
		return factsOf(p.Type()), true
	}
	t := c.custom(id)
	if t == nil {
		return pipeline.ActionTypeFacts{}, false
	}
	return factsOf(t.Type), true
}

func (c *catalog) custom(id pipeline.ActionTypeID) *CustomType {
	if !byWorkers(id) || c.err != nil {
		return nil
	}
	t, read := c.known[id]
	if !read {
		t, c.err = customTypeOf(c.ctx, c.r, id)
		c.known[id] = t
	}
	if t == nil || (t.deleted || !t.open(c.s.account)) && !c.deleted {
		return nil
	}
	return t
}

// byWorkers tells the types of actions that job workers may do.
func byWorkers(id pipeline.ActionTypeID) bool {
	return id.Owner == ownerCustom || id.Owner == ownerPartner
}

// provider finds who does the work of an action type; nil when nobody does.
func (c *catalog) provider(id pipeline.ActionTypeID) action.Provider {
	if p, ok := c.s.providers.Lookup(id); ok {
		return p
	}
	if t := c.custom(id); t != nil {
		return action.Wrapped(c.s.log, workers{c.s, t})
	}
	return nil
}

func factsOf(t action.Type) pipeline.ActionTypeFacts {
	facts := pipeline.ActionTypeFacts{
		MinInputs: t.Inputs.Min, MaxInputs: t.Inputs.Max,
		MinOutputs: t.Outputs.Min, MaxOutputs: t.Outputs.Max,
		TimeoutSetable: t.TimeoutSetable, Check: t.Whole,
	}
	for _, p := range t.Properties {
		facts.Properties = append(facts.Properties, pipeline.PropertyFacts{
			Name: p.Name, Required: p.Required, Secret: p.Secret, Queryable: p.Queryable, Type: p.Type, Values: p.Values,
			Check: p.Check,
		})
	}
	return facts
}
