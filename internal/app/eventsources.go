package app

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// The detail types of the events made here.
const (
	repositoryChange = "CodeCommit Repository State Change"
	objectCreated    = "Object Created"
	objectDeleted    = "Object Deleted"
	buildState       = "CodeBuild Build State Change"
	buildPhase       = "CodeBuild Build Phase Change"
	alarmChange      = "CloudWatch Alarm State Change"
	batchChange      = "Conveyor Batch Change"
)

// members is the detail of an event.
type members map[string]any

// put adds a member unless it is empty.
func (m members) put(name, value string) {
	if value != "" {
		m[name] = value
	}
}

func (r *rooms) publishPush(ctx context.Context, tx store.Tx, p gitrepo.Push) error {
	detail := members{
		"repositoryName": p.Repository, "repositoryId": p.RepositoryID, "referenceFullName": p.Ref,
		"referenceType": "branch", "referenceName": p.Branch,
	}
	switch {
	case p.Tag != "":
		detail["referenceType"], detail["referenceName"] = "tag", p.Tag
	case p.Branch == "":
		return nil // AWS tells of branches and tags
	}
	switch {
	case p.Deleted:
		detail["event"] = "referenceDeleted"
	case p.Created:
		detail["event"] = "referenceCreated"
	default:
		detail["event"] = "referenceUpdated"
	}
	detail.put("commitId", p.New)
	detail.put("oldCommitId", p.Old)
	detail.put("callerUserArn", p.PusherArn)
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.codecommit", DetailType: repositoryChange, Time: p.At, Resources: []string{p.Arn}, Detail: detail,
	})
}

// publishObject tells of a new object. Objects are many: their events are made only for rules that could match them.
func (r *rooms) publishObject(ctx context.Context, tx store.Tx, o objectstore.Object) error {
	object := members{"key": o.Key, "size": o.Size, "etag": o.ETag}
	return r.publishS3(ctx, tx, objectCreated, o.Bucket, o.VersionID, object, members{"reason": "PutObject"})
}

func (r *rooms) objectDeleted(ctx context.Context, tx store.Tx, bucket string, d objectstore.Deleted) error {
	kind := "Permanently Deleted"
	if d.DeleteMarker {
		kind = "Delete Marker Created"
	}
	return r.publishS3(ctx, tx, objectDeleted, bucket, d.VersionID, members{"key": d.Key}, members{"reason": "DeleteObject", "deletion-type": kind})
}

func (r *rooms) publishS3(ctx context.Context, tx store.Tx, what, bucket, version string, object, detail members) error {
	wanted, err := r.events.WantsInTx(ctx, tx, "aws.s3")
	if err != nil || !wanted {
		return err
	}
	if version != "null" {
		object.put("version-id", version)
	}
	detail["version"], detail["bucket"], detail["object"] = "0", members{"name": bucket}, object
	detail.put("requester", awsapi.Caller(ctx).Account)
	detail.put("request-id", awsapi.RequestID(ctx))
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.s3", DetailType: what, Resources: []string{"arn:aws:s3:::" + bucket}, Detail: detail,
	})
}

func (r *rooms) alarmTransition(ctx context.Context, tx store.Tx, before, after alarm.Alarm) error {
	state := func(a alarm.Alarm) members {
		m := members{"value": a.State, "reason": a.Reason, "timestamp": a.Updated.UTC().Format("2006-01-02T15:04:05.000-0700")}
		m.put("reasonData", a.ReasonData)
		return m
	}
	return r.events.Publish(ctx, tx, event.Event{
		Source: "aws.cloudwatch", DetailType: alarmChange, Time: after.Updated,
		Resources: []string{"arn:aws:cloudwatch:" + r.config.Region + ":" + awsapi.DefaultAccount + ":alarm:" + after.Name},
		Detail: members{
			"alarmName": after.Name, "state": state(after), "previousState": state(before), "configuration": after.Definition,
		},
	})
}

// buildChanged tells of a build's phases that have ended and of its state.
func (r *rooms) buildChanged(ctx context.Context, tx store.Tx, c build.Change) error {
	if err := r.remotes.Changed(ctx, tx, c); err != nil {
		return err
	}
	about := aboutBuild(&c.Build)
	var list []event.Event
	add := func(kind string, at *time.Time, detail members) {
		detail["project-name"], detail["build-id"] = aws.ToString(c.Build.ProjectName), aws.ToString(c.Build.Arn)
		detail["additional-information"], detail["version"] = about, "1"
		list = append(list, event.Event{
			Source: "aws.codebuild", DetailType: kind, Time: aws.ToTime(at), Resources: []string{aws.ToString(c.Build.Arn)}, Detail: detail,
		})
	}
	for _, p := range c.Ended {
		add(buildPhase, p.EndTime, members{
			"completed-phase": p.PhaseType, "completed-phase-status": p.PhaseStatus, "completed-phase-context": "[" + strings.Join(phaseContext(p), ", ") + "]",
			"completed-phase-duration-seconds": aws.ToInt64(p.DurationInSeconds),
			"completed-phase-start":            buildTime(p.StartTime), "completed-phase-end": buildTime(p.EndTime),
		})
	}
	if c.State {
		at := c.Build.EndTime
		if at == nil {
			at = c.Build.StartTime
		}
		add(buildState, at, members{
			"build-status": c.Build.BuildStatus, "current-phase": aws.ToString(c.Build.CurrentPhase), "current-phase-context": "[]",
		})
	}
	return r.events.Publish(ctx, tx, list...)
}

// batchChanged tells of a batch's steps, of which AWS has no events, for those who show batches live.
func (r *rooms) batchChanged(ctx context.Context, tx store.Tx, b types.BuildBatch) error {
	return r.events.Publish(ctx, tx, event.Event{
		Source: "conveyor", DetailType: batchChange, Time: tx.Now(), Resources: []string{aws.ToString(b.Arn)},
		Detail: members{"project-name": aws.ToString(b.ProjectName), "build-batch-status": b.BuildBatchStatus, "current-phase": aws.ToString(b.CurrentPhase)},
	})
}

// aboutBuild is what both kinds of events tell of the build. Its variables, which may be secret, are left out.
func aboutBuild(b *types.Build) members {
	m := members{
		"build-complete": b.BuildComplete, "build-number": aws.ToInt64(b.BuildNumber), "build-start-time": buildTime(b.StartTime),
		"initiator": aws.ToString(b.Initiator), "timeout-in-minutes": aws.ToInt32(b.TimeoutInMinutes),
	}
	m.put("source-version", aws.ToString(b.SourceVersion))
	if b.Source != nil {
		m["source"] = members{"type": b.Source.Type, "location": aws.ToString(b.Source.Location)}
	}
	if b.Artifacts != nil {
		m["artifact"] = members{"location": aws.ToString(b.Artifacts.Location), "md5sum": aws.ToString(b.Artifacts.Md5sum), "sha256sum": aws.ToString(b.Artifacts.Sha256sum)}
	}
	if e := b.Environment; e != nil {
		m["environment"] = members{"type": e.Type, "image": aws.ToString(e.Image), "compute-type": e.ComputeType, "privileged-mode": aws.ToBool(e.PrivilegedMode)}
	}
	if b.Logs != nil {
		m["logs"] = members{"group-name": aws.ToString(b.Logs.GroupName), "stream-name": aws.ToString(b.Logs.StreamName)}
	}
	var phases []members
	for _, p := range b.Phases {
		one := members{"phase-type": p.PhaseType, "start-time": buildTime(p.StartTime), "phase-context": phaseContext(p)}
		if p.EndTime != nil {
			one["end-time"], one["duration-in-seconds"], one["phase-status"] = buildTime(p.EndTime), aws.ToInt64(p.DurationInSeconds), p.PhaseStatus
		}
		phases = append(phases, one)
	}
	m["phases"] = phases
	return m
}

func phaseContext(p types.BuildPhase) []string {
	list := []string{}
	for _, c := range p.Contexts {
		list = append(list, aws.ToString(c.StatusCode)+": "+aws.ToString(c.Message))
	}
	return list
}

// buildTime is a time as CodeBuild's events have it.
func buildTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("Jan 2, 2006 3:04:05 PM")
}
