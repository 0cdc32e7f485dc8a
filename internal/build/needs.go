package build

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// size is what a compute type stands for.
type size struct {
	cpus   float64
	memory int64 // GiB
}

// sizes are those of AWS's general purpose compute types for Linux.
var sizes = map[types.ComputeType]size{
	types.ComputeTypeBuildGeneral1Small:   {2, 4},
	types.ComputeTypeBuildGeneral1Medium:  {4, 8},
	types.ComputeTypeBuildGeneral1Large:   {8, 16},
	types.ComputeTypeBuildGeneral1Xlarge:  {36, 72},
	types.ComputeTypeBuildGeneral12xlarge: {72, 144},
}

// needs is what the build asks of its place.
func (r *run) needs() Needs {
	e := r.rec.Build.Environment
	limit := sizes[e.ComputeType] // of other types nothing is known: no limit
	return Needs{
		ID: r.rec.ID, Image: aws.ToString(e.Image), Privileged: aws.ToBool(e.PrivilegedMode),
		CPUs: limit.cpus, Memory: limit.memory << 30, Say: r.log.Printf,
	}
}

// runAs is who a phase's commands run as; "" when the buildspec leaves that open.
func runAs(spec *buildspec.Spec, phase buildspec.Phase) string {
	if own := spec.Phases[phase].RunAs; own != "" {
		return own
	}
	return spec.RunAs
}

// users are who the buildspec as a whole runs as, and whoever else one of its phases does.
func users(spec *buildspec.Spec) (user string, others []string) {
	for _, c := range spec.Phases {
		if c.RunAs != "" && c.RunAs != spec.RunAs && !slices.Contains(others, c.RunAs) {
			others = append(others, c.RunAs)
		}
	}
	slices.Sort(others)
	return spec.RunAs, others
}
