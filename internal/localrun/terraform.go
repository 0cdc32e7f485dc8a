package localrun

import (
	"encoding/json"
	"fmt"
)

// tfModule is a module of a plan, as terraform show -json prints it.
type tfModule struct {
	Resources []struct {
		Address, Type string
		Values        map[string]any
	}
	ChildModules []tfModule `json:"child_modules"`
}

// terraform reads the pipelines and projects of a plan. What is only known after apply is absent there; where it matters
// the pipeline is refused later, by name.
func terraform(text []byte) (candidate, error) {
	var plan struct {
		PlannedValues struct {
			RootModule tfModule `json:"root_module"`
		} `json:"planned_values"`
	}
	c := candidate{pipelines: map[string]map[string]any{}, projects: map[string]map[string]any{}}
	if err := json.Unmarshal(text, &plan); err != nil {
		return c, fmt.Errorf("not a plan as terraform show -json prints it: %w", err)
	}
	return c, c.module(plan.PlannedValues.RootModule)
}

func (c candidate) module(m tfModule) error {
	for _, r := range m.Resources {
		name, _ := r.Values["name"].(string)
		switch {
		case r.Type != "aws_codepipeline" && r.Type != "aws_codebuild_project":
			continue
		case name == "":
			return fmt.Errorf("%s: its name is only known after terraform apply", r.Address)
		case r.Type == "aws_codepipeline":
			c.pipelines[name] = tfPipeline(r.Values)
		default:
			c.projects[name] = tfProject(r.Values)
		}
	}
	for _, child := range m.ChildModules {
		if err := c.module(child); err != nil {
			return err
		}
	}
	return nil
}

func tfPipeline(v map[string]any) map[string]any {
	p := map[string]any{"name": v["name"], "executionMode": v["execution_mode"], "pipelineType": v["pipeline_type"]}
	var stages, variables []any
	for _, s := range blocks(v["stage"]) {
		var actions []any
		for _, a := range blocks(s["action"]) {
			actions = append(actions, tfAction(a))
		}
		stages = append(stages, map[string]any{"name": s["name"], "actions": actions})
	}
	for _, d := range blocks(v["variable"]) {
		variables = append(variables, map[string]any{"name": d["name"], "defaultValue": d["default_value"], "description": d["description"]})
	}
	p["stages"], p["variables"] = stages, variables
	return p
}

func tfAction(a map[string]any) map[string]any {
	out := map[string]any{
		"name":          a["name"],
		"actionTypeId":  map[string]any{"category": a["category"], "owner": a["owner"], "provider": a["provider"], "version": a["version"]},
		"configuration": a["configuration"], "namespace": a["namespace"], "runOrder": a["run_order"],
		"commands": a["commands"], "outputVariables": a["output_variables"], "timeoutInMinutes": a["timeout_in_minutes"],
	}
	for to, from := range map[string]string{"inputArtifacts": "input_artifacts", "outputArtifacts": "output_artifacts"} {
		var list []any
		names, _ := a[from].([]any)
		for _, name := range names {
			list = append(list, map[string]any{"name": name})
		}
		out[to] = list
	}
	return out
}

func tfProject(v map[string]any) map[string]any {
	p := map[string]any{"name": v["name"], "timeoutInMinutes": v["build_timeout"], "queuedTimeoutInMinutes": v["queued_timeout"]}
	for _, s := range blocks(v["source"]) {
		p["source"] = map[string]any{"buildspec": s["buildspec"]}
	}
	for _, b := range blocks(v["build_batch_config"]) {
		config := map[string]any{"combineArtifacts": b["combine_artifacts"], "timeoutInMins": b["timeout_in_mins"]}
		for _, limits := range blocks(b["restrictions"]) {
			config["restrictions"] = map[string]any{
				"computeTypesAllowed": limits["compute_types_allowed"], "maximumBuildsAllowed": limits["maximum_builds_allowed"],
			}
		}
		p["buildBatchConfig"] = config
	}
	for _, e := range blocks(v["environment"]) {
		var variables []any
		for _, d := range blocks(e["environment_variable"]) {
			variables = append(variables, map[string]any{"name": d["name"], "value": d["value"], "type": d["type"]})
		}
		p["environment"] = map[string]any{
			"type": e["type"], "computeType": e["compute_type"], "image": e["image"], "privilegedMode": e["privileged_mode"],
			"environmentVariables": variables,
		}
	}
	return p
}

// blocks are nested blocks, which a plan writes as a list of objects.
func blocks(v any) []map[string]any {
	var out []map[string]any
	list, _ := v.([]any)
	for _, b := range list {
		if m, ok := b.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
