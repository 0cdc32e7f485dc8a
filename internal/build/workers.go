package build

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// workersFor are the labels of the workers that a build asks for; none: it runs on a server.
func (s *Service) workersFor(b *types.Build) []string {
	if s.cfg.Alone {
		return nil
	}
	return remoteLabels(b)
}

// remoteLabels are the labels a build asks for; none: it runs on a server.
func remoteLabels(b *types.Build) (labels []string) {
	if b.Environment == nil {
		return nil
	}
	if f := b.Environment.Fleet; f != nil && aws.ToString(f.FleetArn) != "" {
		if name, ok := fleetName(*f.FleetArn); ok {
			labels = append(labels, name)
		}
	}
	labels = append(labels, strings.FieldsFunc(wish(b.Environment, LabelsVariable), func(r rune) bool { return r == ',' || r == ' ' })...)
	slices.Sort(labels)
	return slices.Compact(labels)
}

// fleetARN is the ARN of a fleet, with or without the id that AWS gives it. Its name is as long as a label may be.
var fleetARN = regexp.MustCompile(`^arn:aws[a-z-]*:codebuild:[a-z0-9-]*:[0-9]*:fleet/([A-Za-z0-9][A-Za-z0-9_-]{1,63})(:[0-9a-f-]+)?$`)

// fleetName is the label by which workers belong to a fleet: its name.
func fleetName(arn string) (name string, ok bool) {
	m := fleetARN.FindStringSubmatch(arn)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// CheckFleet refuses a fleet whose workers could not be found.
func CheckFleet(field string, f *types.ProjectFleet) error {
	if f == nil || aws.ToString(f.FleetArn) == "" {
		return nil
	}
	if _, ok := fleetName(*f.FleetArn); !ok {
		return Invalidf("%s: %q is not the ARN of a fleet, arn:aws:codebuild:REGION:ACCOUNT:fleet/NAME, whose NAME is a label of workers: 2 to 64 letters, digits, - and _", field, *f.FleetArn)
	}
	return nil
}

const (
	workerSight  = time.Minute    // how long after it asked for a build a worker counts as there; it asks every 20 seconds
	workerMemory = 24 * time.Hour // how long it is remembered
)

// Seen notes that a worker asks for builds.
func (s *Service) Seen(ctx context.Context, worker string, labels []string) error {
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		now := tx.Now()
		if _, err := tx.Exec(ctx, `DELETE FROM remote_workers WHERE seen_at < $1`, store.Micros(now.Add(-workerMemory))); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO remote_workers (name, labels, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET labels = EXCLUDED.labels, seen_at = EXCLUDED.seen_at`, worker, strings.Join(labels, ","), store.Micros(now))
		return err
	})
}

// whyNotTaken says why no worker has taken a build that asks for labels.
func whyNotTaken(ctx context.Context, r store.Reader, labels []string) (string, error) {
	now := r.Now()
	rows, err := r.Query(ctx, `SELECT w.labels FROM remote_workers w WHERE w.seen_at > $1
		OR EXISTS (SELECT 1 FROM remote_builds b WHERE b.worker = w.name AND b.lease_until > $2)`, store.Micros(now.Add(-workerSight)), store.Micros(now))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	able := 0
	for rows.Next() {
		var offered string
		if err := rows.Scan(&offered); err != nil {
			return "", err
		}
		if offers(strings.Split(offered, ","), labels) {
			able++
		}
	}
	what := "the label " + labels[0]
	if len(labels) > 1 {
		what = "the labels " + strings.Join(labels, ", ")
	}
	switch able {
	case 0:
		return fmt.Sprintf("No worker with %s has asked for a build lately; start one: conveyor worker --server URL --label %s", what, strings.Join(labels, " --label ")), rows.Err()
	case 1:
		return "Waiting for a free slot of the only worker with " + what, rows.Err()
	}
	return fmt.Sprintf("Waiting for a free slot of one of %d workers with %s", able, what), rows.Err()
}

// offers reports whether a worker offers all labels that a build asks for.
func offers(offered, asked []string) bool {
	return !slices.ContainsFunc(asked, func(label string) bool { return !slices.Contains(offered, label) })
}
