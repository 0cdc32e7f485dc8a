package build

import (
	"strings"

	"github.com/google/uuid"
)

// Place is the region and account in the ARNs of builds.
type Place struct{ Region, Account string }

func (p Place) arn(resource string) string {
	return "arn:aws:codebuild:" + p.Region + ":" + p.Account + ":" + resource
}

// ProjectARN names a project.
func (p Place) ProjectARN(name string) string { return p.arn("project/" + name) }

// BuildARN names a build by its id ("project:uuid").
func (p Place) BuildARN(id string) string { return p.arn("build/" + id) }

// FleetARN is the ARN of a fleet, by its name; what is an ARN already stays as it is.
func (p Place) FleetARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return p.arn("fleet/" + name)
}

// BatchARN names a batch by its id ("project:uuid").
func (p Place) BatchARN(id string) string { return p.arn("build-batch/" + id) }

// ProjectName is the project's name in a name or an ARN.
func ProjectName(nameOrARN string) string {
	if strings.HasPrefix(nameOrARN, "arn:") {
		if _, name, ok := strings.Cut(nameOrARN, ":project/"); ok {
			return name
		}
	}
	return nameOrARN
}

// ParseID splits the id or ARN of a build into project and uuid; ok is false when it can be neither.
func ParseID(idOrARN string) (project, id string, ok bool) { return parseID(idOrARN, ":build/") }

// ParseBatchID is ParseID of a batch.
func ParseBatchID(idOrARN string) (project, id string, ok bool) {
	return parseID(idOrARN, ":build-batch/")
}

func parseID(idOrARN, before string) (project, id string, ok bool) {
	s := idOrARN
	if strings.HasPrefix(s, "arn:") {
		if _, s, ok = strings.Cut(s, before); !ok {
			return "", "", false
		}
	}
	project, id, ok = strings.Cut(s, ":")
	if !ok || project == "" {
		return "", "", false
	}
	parsed, err := uuid.Parse(id)
	return project, id, err == nil && parsed.String() == id
}
