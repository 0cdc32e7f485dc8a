package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of a definition (pipeline.md section 3).
const (
	MinStages          = 2
	MaxStages          = 50
	MaxActionsPerStage = 100 // the documentation says both 50 and 100; the larger harms nobody
	MaxActions         = 1000
	MaxRulesPerStage   = 5
)

// ActionTypeFacts is what Validate needs to know of an action type.
type ActionTypeFacts struct {
	Properties             []PropertyFacts
	MinInputs, MaxInputs   int
	MinOutputs, MaxOutputs int
	TimeoutSetable         bool // Action.TimeoutInMinutes is honoured
	// Check, when set, says what is wrong with a configuration whose keys are each fine, or "".
	Check func(configuration map[string]string) string
}

// PropertyFacts is one configuration key of an action type.
type PropertyFacts struct {
	Name      string
	Required  bool
	Secret    bool
	Queryable bool
	Type      string   // String, Number or Boolean; empty is String
	Values    []string // when set, the only accepted values
	// Check, when set, says what a value should have been, or "" when it is fine.
	Check func(value string) string
}

func (f *ActionTypeFacts) property(name string) *PropertyFacts {
	for i := range f.Properties {
		if f.Properties[i].Name == name {
			return &f.Properties[i]
		}
	}
	return nil
}

// Catalog looks an action type up.
type Catalog func(ActionTypeID) (ActionTypeFacts, bool)

// World is what Validate has to know about the place a definition is to live in.
type World struct {
	Account     string
	Region      string
	ActionTypes Catalog
	// RoleProblem says why the service may not assume a role, or "" when it may. Nil accepts every role.
	RoleProblem func(roleArn string) string
	// NameTaken says that a pipeline is being created whose name another one has.
	NameTaken bool
	// Pipelines counts the other pipelines of the account; MaxPipelines is the quota, 0 for none.
	Pipelines, MaxPipelines int
	// Tags are those the pipeline is to have.
	Tags map[string]string
}

// Validate refuses a definition that breaks a structural rule of pipeline.md section 2, naming the first one broken.
// The shapes (required members, lengths, patterns, enums) have been checked before, by whoever decoded the request.
// The error is an *Error.
func Validate(d Definition, w World) error {
	c := newCandidate(d, w)
	for _, r := range structuralRules {
		if message := r.violation(c); message != "" {
			return &Error{Kind: r.kind, Message: message}
		}
	}
	return CheckTags(nil, w.Tags) // row 29
}

// structuralRule is one row of the table in pipeline.md section 2.
type structuralRule struct {
	row       string
	kind      ErrorKind
	violation func(*candidate) string // "" when the rule is kept
}

// structuralRules is the whole table, in the order in which the service looks: name and role, then the structure, then
// each action. Rows whose text AWS does not publish say what is wrong, with what, in the manner of those it does.
var structuralRules = []structuralRule{
	{"1", PipelineNameInUse, nameTaken},
	{"28", LimitExceeded, quotaReached},
	{"2", InvalidStructure, roleNotAssumable},
	{"3", InvalidStructure, tooFewStages},
	{"4", InvalidStructure, tooManyStagesOrActions},
	{"V1", InvalidStructure, v2FeatureInV1},
	{"5", InvalidStructure, wrongArtifactStores},
	{"6", InvalidStructure, duplicateStage},
	{"11", InvalidBlockerDeclaration, blockersGiven},
	{"10", InvalidStageDeclaration, wrongActionsOfStage},
	{"7", InvalidStructure, wrongFirstStage},
	{"8", InvalidStructure, lateSource},
	{"9", InvalidStructure, onlySources},
	{"12", InvalidActionDeclaration, eachAction(unknownType)},
	{"13", InvalidActionDeclaration, eachAction(missingConfiguration)},
	{"14", InvalidActionDeclaration, eachAction(unknownConfiguration)},
	{"14a", InvalidActionDeclaration, eachAction(wrongConfigurationValue)},
	{"14b", InvalidActionDeclaration, eachAction(wrongConfiguration)},
	{"15", InvalidActionDeclaration, eachAction(wrongCommands)},
	{"16", InvalidActionDeclaration, eachAction(wrongArtifactCounts)},
	{"23", InvalidActionDeclaration, eachAction(regionNotAllowed)},
	{"27", InvalidActionDeclaration, eachAction(wrongQueryableValue)},
	{"timeout", InvalidActionDeclaration, eachAction(timeoutNotSetable)},
	{"18", InvalidActionDeclaration, outputProducedTwice},
	{"17", InvalidActionDeclaration, eachAction(inputNotProduced)},
	{"19", InvalidActionDeclaration, duplicateNamespace},
	{"20", InvalidActionDeclaration, eachAction(wrongNamespace)},
	{"21", InvalidActionDeclaration, eachAction(wrongReference)},
	{"22", InvalidActionDeclaration, eachAction(pipelineVariableInSource)},
	{"variables", InvalidStructure, duplicateVariable},
	{"24", InvalidStructure, wrongTriggers},
	{"25", InvalidStructure, rollbackInParallel},
	{"26", InvalidStageDeclaration, wrongConditions},
	{"26-12", InvalidStageDeclaration, eachRule(unknownType)},
	{"26-13", InvalidStageDeclaration, eachRule(missingConfiguration)},
	{"26-14", InvalidStageDeclaration, eachRule(unknownConfiguration)},
	{"26-14a", InvalidStageDeclaration, eachRule(wrongConfigurationValue)},
	{"26-14b", InvalidStageDeclaration, eachRule(wrongConfiguration)},
	{"26-15", InvalidStageDeclaration, eachRule(wrongRuleCommands)},
	{"26-16", InvalidStageDeclaration, eachRule(wrongArtifactCounts)},
	{"26-17", InvalidStageDeclaration, eachRule(inputNotProduced)},
	{"26-21", InvalidStageDeclaration, eachRule(wrongReference)},
}

// candidate is a definition under examination, with the indexes the rules share.
type candidate struct {
	Definition
	world     World
	actions   []*placedAction
	rules     []*placedAction
	producers map[string]*placedAction // by output artifact
	spaces    map[string]*placedAction // by namespace
}

// placedAction is an action, or a rule of a condition, and where it stands on the belt.
type placedAction struct {
	*Action
	slot       string // of the rule's condition; "" for actions
	stage      string
	stageIndex int
	order      int // inside the stage: the runOrder; rules come before or after all of them
	facts      ActionTypeFacts
	known      bool // the type exists
}

func newCandidate(d Definition, w World) *candidate {
	c := &candidate{Definition: d, world: w, producers: map[string]*placedAction{}, spaces: map[string]*placedAction{}}
	for i := range d.Stages {
		for j := range d.Stages[i].Actions {
			a := &placedAction{Action: &d.Stages[i].Actions[j], stage: d.Stages[i].Name, stageIndex: i}
			a.order = a.Order()
			a.facts, a.known = w.ActionTypes(a.ActionTypeID)
			c.actions = append(c.actions, a)
			for _, o := range a.OutputArtifacts {
				c.producers[o.Name] = a
			}
			if a.Namespace != "" {
				c.spaces[a.Namespace] = a
			}
		}
		c.rules = append(c.rules, placeRules(&d.Stages[i], i, w)...)
	}
	return c
}

// before reports whether a has certainly ended when b starts.
func (a *placedAction) before(b *placedAction) bool {
	return a.stageIndex < b.stageIndex || a.stageIndex == b.stageIndex && a.order < b.order
}

// noun is what a is, as messages of the service call it.
func (a *placedAction) noun() string {
	if a.slot != "" {
		return "Rule"
	}
	return "Action"
}

// subject names a inside a sentence.
func (a *placedAction) subject() string {
	if a.slot != "" {
		return fmt.Sprintf("rule '%s' of the %s condition of stage '%s'", a.Name, a.slot, a.stage)
	}
	return fmt.Sprintf("action '%s'", a.Name)
}

// place is subject with the stage.
func (a *placedAction) place() string {
	if a.slot != "" {
		return a.subject()
	}
	return fmt.Sprintf("action '%s' in stage '%s'", a.Name, a.stage)
}

// capital begins a sentence with s.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func eachAction(violation func(*candidate, *placedAction) string) func(*candidate) string {
	return func(c *candidate) string { return firstViolation(c, c.actions, violation) }
}

func eachRule(violation func(*candidate, *placedAction) string) func(*candidate) string {
	return func(c *candidate) string { return firstViolation(c, c.rules, violation) }
}

func firstViolation(c *candidate, list []*placedAction, violation func(*candidate, *placedAction) string) string {
	for _, a := range list {
		if message := violation(c, a); message != "" {
			return message
		}
	}
	return ""
}

func nameTaken(c *candidate) string {
	if !c.world.NameTaken {
		return ""
	}
	return fmt.Sprintf("A pipeline with the name '%s' already exists in account '%s'", c.Name, c.world.Account)
}

func quotaReached(c *candidate) string {
	if c.world.MaxPipelines == 0 || c.world.Pipelines < c.world.MaxPipelines {
		return ""
	}
	return fmt.Sprintf("Account '%s' has reached its limit of %d pipelines", c.world.Account, c.world.MaxPipelines)
}

func roleNotAssumable(c *candidate) string {
	if c.world.RoleProblem == nil {
		return ""
	}
	roles := []string{c.RoleArn}
	for _, a := range slices.Concat(c.actions, c.rules) {
		if a.RoleArn != "" {
			roles = append(roles, a.RoleArn)
		}
	}
	for _, r := range roles {
		if c.world.RoleProblem(r) != "" {
			return "CodePipeline is not authorized to perform AssumeRole on role " + r
		}
	}
	return ""
}

func tooFewStages(c *candidate) string {
	if len(c.Stages) >= MinStages {
		return ""
	}
	return fmt.Sprintf("Pipeline has only %d stage(s). There should be a minimum of %d stages in a pipeline",
		len(c.Stages), MinStages)
}

func tooManyStagesOrActions(c *candidate) string {
	switch {
	case len(c.Stages) > MaxStages:
		return fmt.Sprintf("Pipeline has %d stages. There should be a maximum of %d stages in a pipeline",
			len(c.Stages), MaxStages)
	case len(c.actions) > MaxActions:
		return fmt.Sprintf("Pipeline has %d actions. There should be a maximum of %d actions in a pipeline",
			len(c.actions), MaxActions)
	}
	return ""
}

func v2FeatureInV1(c *candidate) string {
	if c.PipelineType != V1 {
		return ""
	}
	feature := firstV2Feature(&c.Definition)
	if feature == "" {
		return ""
	}
	return fmt.Sprintf("Pipeline of type V1 uses %s, which needs a pipeline of type V2", feature)
}

// v2Providers are the AWS action providers that only pipelines of type V2 may use.
var v2Providers = map[string]bool{
	"Build/ECRBuildAndPublish": true,
	"Compute/Commands":         true,
	"Deploy/EC2":               true,
	"Deploy/EKS":               true,
	"Deploy/Lambda":            true,
	"Invoke/CodePipeline":      true,
}

// firstV2Feature names the first thing in d that only a pipeline of type V2 can have, or "".
func firstV2Feature(d *Definition) string {
	switch {
	case d.ExecutionMode != "" && d.ExecutionMode != Superseded:
		return "execution mode " + string(d.ExecutionMode)
	case len(d.Variables) > 0:
		return "pipeline variables"
	case len(d.Triggers) > 0:
		return "triggers"
	}
	for i := range d.Stages {
		s := &d.Stages[i]
		if s.BeforeEntry != nil || s.OnSuccess != nil || s.OnFailure != nil {
			return "stage conditions (stage '" + s.Name + "')"
		}
		for j := range s.Actions {
			id := s.Actions[j].ActionTypeID
			if id.Owner == "AWS" && v2Providers[id.Category+"/"+id.Provider] {
				return "the action provider " + id.Provider
			}
		}
	}
	return ""
}

func wrongArtifactStores(c *candidate) string {
	switch {
	case c.ArtifactStore == nil && len(c.ArtifactStores) == 0:
		return "Pipeline has neither an artifactStore nor artifactStores. Exactly one of them must be given"
	case c.ArtifactStore != nil && len(c.ArtifactStores) > 0:
		return "Pipeline has both an artifactStore and artifactStores. Exactly one of them must be given"
	}
	regions := []string{c.world.Region}
	for _, a := range c.actions {
		if a.Region != "" && a.Region != c.world.Region {
			regions = append(regions, a.Region)
		}
	}
	if c.ArtifactStore != nil {
		if len(regions) > 1 {
			return fmt.Sprintf("Pipeline has an action in region %s, so it must use artifactStores with one store for each "+
				"region instead of a single artifactStore", regions[1])
		}
		return ""
	}
	for _, r := range regions {
		if _, ok := c.ArtifactStores[r]; !ok {
			return fmt.Sprintf("artifactStores has no store for region %s", r)
		}
	}
	return ""
}

func duplicateStage(c *candidate) string {
	seen := map[string]bool{}
	for _, s := range c.Stages {
		if seen[s.Name] {
			return fmt.Sprintf("Stage names must be unique within a pipeline. The name '%s' is used more than once", s.Name)
		}
		seen[s.Name] = true
	}
	return ""
}

func blockersGiven(c *candidate) string {
	for _, s := range c.Stages {
		if len(s.Blockers) > 0 {
			return fmt.Sprintf("Stage '%s' declares blockers, which are reserved for future use", s.Name)
		}
	}
	return ""
}

func wrongActionsOfStage(c *candidate) string {
	for _, s := range c.Stages {
		switch {
		case len(s.Actions) == 0:
			return fmt.Sprintf("Stage '%s' has no actions. There should be a minimum of 1 action in a stage", s.Name)
		case len(s.Actions) > MaxActionsPerStage:
			return fmt.Sprintf("Stage '%s' has %d actions. There should be a maximum of %d actions in a stage",
				s.Name, len(s.Actions), MaxActionsPerStage)
		}
		seen := map[string]bool{}
		for _, a := range s.Actions {
			if seen[a.Name] {
				return fmt.Sprintf("Action names must be unique within a stage. The name '%s' is used more than once in stage '%s'",
					a.Name, s.Name)
			}
			seen[a.Name] = true
		}
	}
	return ""
}

func wrongFirstStage(c *candidate) string {
	for _, a := range c.actions {
		if a.stageIndex == 0 && !a.IsSource() {
			return fmt.Sprintf("The first stage of a pipeline must contain only source actions. Action '%s' in stage '%s' is a %s action",
				a.Name, a.stage, a.ActionTypeID.Category)
		}
	}
	return ""
}

func lateSource(c *candidate) string {
	for _, a := range c.actions {
		if a.stageIndex > 0 && a.IsSource() {
			return fmt.Sprintf("Source actions are allowed in the first stage only. Action '%s' in stage '%s' is a source action",
				a.Name, a.stage)
		}
	}
	return ""
}

func onlySources(c *candidate) string {
	for _, a := range c.actions {
		if !a.IsSource() {
			return ""
		}
	}
	return "Pipeline has source actions only. There should be at least one action of another category"
}

func duplicateVariable(c *candidate) string {
	seen := map[string]bool{}
	for _, v := range c.Variables {
		if seen[v.Name] {
			return fmt.Sprintf("Pipeline variable names must be unique. The name '%s' is used more than once", v.Name)
		}
		seen[v.Name] = true
	}
	return ""
}
