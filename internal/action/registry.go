package action

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Registry finds providers by action type. It is built once, from an explicit list, and never changes.
type Registry struct {
	byID  map[pipeline.ActionTypeID]Provider
	types []Type // in the order of registration
}

// NewRegistry makes a registry of providers. Each is wrapped, from the outside in: what it does is logged, a panic in it
// becomes an error, and it only sees jobs that fit its Type. Timeouts are not a wrapper: the engine sets an action's
// deadline once, when the action starts, so that a redelivery does not begin it anew, and flow ends Start's context then.
// A type that is declared wrongly or twice is an error.
func NewRegistry(log *slog.Logger, providers ...Provider) (*Registry, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{byID: make(map[pipeline.ActionTypeID]Provider, len(providers))}
	for _, p := range providers {
		t := p.Type()
		if err := t.Check(); err != nil {
			return nil, err
		}
		if _, twice := r.byID[t.ID]; twice {
			return nil, fmt.Errorf("action type %s is registered twice", t)
		}
		r.byID[t.ID] = Wrapped(log, p)
		r.types = append(r.types, t)
	}
	return r, nil
}

// Wrapped is p as NewRegistry keeps it.
func Wrapped(log *slog.Logger, p Provider) Provider { return Logged(log, Recovered(Checked(p))) }

// Lookup finds the provider of an action type.
func (r *Registry) Lookup(id pipeline.ActionTypeID) (Provider, bool) {
	p, ok := r.byID[id]
	return p, ok
}

// Types lists all action types in the order they were registered. The slice is the caller's.
func (r *Registry) Types() []Type { return slices.Clone(r.types) }

// String names the type as category/owner/provider/version.
func (t Type) String() string {
	return fmt.Sprintf("%s/%s/%s/%s", t.ID.Category, t.ID.Owner, t.ID.Provider, t.ID.Version)
}

// Property finds a configuration key.
func (t Type) Property(name string) (Property, bool) {
	i := slices.IndexFunc(t.Properties, func(p Property) bool { return p.Name == name })
	if i < 0 {
		return Property{}, false
	}
	return t.Properties[i], true
}

var (
	categories    = []string{"Source", "Build", "Test", "Deploy", "Invoke", "Approval", "Compute", pipeline.CategoryRule}
	owners        = []string{"AWS", "ThirdParty", "Custom"}
	propertyTypes = []string{"String", "Number", "Boolean"}
	providerName  = regexp.MustCompile(`^[0-9A-Za-z_-]{1,35}$`)
	versionName   = regexp.MustCompile(`^[0-9A-Za-z_-]{1,9}$`)
	propertyName  = regexp.MustCompile(`^[0-9A-Za-z_-]{1,50}$`)
)

// Check reports a mistake in a declaration. The bounds are those of AWS's ActionType.
func (t Type) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("action type %s: %s", t, fmt.Sprintf(format, args...))
	}
	switch {
	case !slices.Contains(categories, t.ID.Category):
		return bad("unknown category")
	case !slices.Contains(owners, t.ID.Owner):
		return bad("unknown owner")
	case !providerName.MatchString(t.ID.Provider):
		return bad("the provider's name is malformed")
	case !versionName.MatchString(t.ID.Version):
		return bad("the version is malformed")
	case t.Inputs.Min < 0 || t.Inputs.Min > t.Inputs.Max:
		return bad("impossible bounds of input artifacts")
	case t.Outputs.Min < 0 || t.Outputs.Min > t.Outputs.Max:
		return bad("impossible bounds of output artifacts")
	case t.TimeoutMinutes <= 0:
		return bad("no timeout")
	}
	seen := map[string]bool{}
	for _, p := range t.Properties {
		switch {
		case !propertyName.MatchString(p.Name):
			return bad("the key %q is malformed", p.Name)
		case seen[p.Name]:
			return bad("the key %s is declared twice", p.Name)
		case !slices.Contains(propertyTypes, p.Type):
			return bad("the key %s has the unknown type %q", p.Name, p.Type)
		}
		seen[p.Name] = true
	}
	return nil
}
