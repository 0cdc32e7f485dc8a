// Package demo plays the scenario Conveyor exists for against a running server, as a user would: with Git and the AWS
// SDK over HTTP. It sets up a repository, a build project, two buckets and a pipeline, pushes a site, watches the belt
// carry it to its website, changes the site and watches the page change.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Options say where the server is and how to show what happens.
type Options struct {
	Endpoint  string // http://127.0.0.1:4566
	Region    string
	AccessKey string
	SecretKey string
	DataDir   string // shown in the instructions
	Program   string // how the user calls conveyor, for the instructions
	Out       io.Writer
	Live      bool // redraw the belt in place; otherwise one line per change
	Keep      bool // the server stays: say how to go on by hand
	Width     int  // columns of the terminal, when Live
}

// Names of everything the demo makes.
const (
	repository = "static-site"
	project    = "static-site"
	pipelineID = "static-site"
	siteBucket = "static-site"
	artifacts  = "conveyor-artifacts"
	role       = "arn:aws:iam::000000000000:role/conveyor"
)

// timeLimit bounds each wait; a trivial site takes far less than a second.
const timeLimit = 60 * time.Second

// Run plays the scenario and returns nil only when the website served exactly what was pushed last.
func Run(ctx context.Context, o Options) error {
	d := &demo{Options: o, api: newClients(o)}
	work, cleanUp, err := newWorkTree(ctx, o)
	if err != nil {
		return err
	}
	defer cleanUp()
	d.work = work

	for _, scene := range []func(context.Context) error{d.setUp, d.firstPush, d.secondPush} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	if o.Keep {
		d.byHand()
	}
	return nil
}

type demo struct {
	Options
	api  clients
	work *workTree
}

func (d *demo) setUp(ctx context.Context) error {
	d.title("A repository, a build project, a website and a pipeline")
	start := time.Now()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"repository " + repository, d.api.createRepository},
		{"bucket " + artifacts + " for artifacts", d.api.createArtifactBucket},
		{"bucket " + siteBucket + " as a public website", d.api.createSite},
		{"build project " + project, d.api.createProject},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("making the %s: %w", step.what, err)
		}
		d.line("made %s", step.what)
	}
	d.timing("set up", time.Since(start))
	return nil
}

func (d *demo) firstPush(ctx context.Context) error {
	d.title("git push, then a pipeline for the branch")
	took, err := d.work.push(ctx, "The first version of the site")
	if err != nil {
		return err
	}
	d.timing("git push", took)

	start := time.Now()
	if err := d.api.createPipeline(ctx); err != nil {
		return fmt.Errorf("making the pipeline: %w", err)
	}
	if _, err := d.follow(ctx, start, ""); err != nil {
		return err
	}
	return d.checkPage(ctx, start, "pipeline created -> page served")
}

func (d *demo) secondPush(ctx context.Context) error {
	d.title("A change: edit, commit, push; the push itself starts the belt")
	if err := d.work.edit(); err != nil {
		return err
	}
	before, err := d.api.newestExecution(ctx)
	if err != nil {
		return err
	}
	took, err := d.work.push(ctx, "Greet the reader of the second version")
	if err != nil {
		return err
	}
	pushed := time.Now()
	d.timing("git push", took)
	id, err := d.follow(ctx, pushed, before)
	if err != nil {
		return err
	}
	if err := d.checkPage(ctx, pushed, "push acknowledged -> page served"); err != nil {
		return err
	}
	return d.stageTimings(ctx, id)
}

// checkPage fetches the website and fails unless it is the page that was pushed, built from the pushed commit.
func (d *demo) checkPage(ctx context.Context, since time.Time, what string) error {
	url := d.Endpoint + "/conveyor/websites/" + siteBucket + "/"
	page, err := fetch(ctx, url)
	if err != nil {
		return err
	}
	d.timing(what, time.Since(since))
	if err := d.work.matches(page); err != nil {
		return fmt.Errorf("the website at %s does not serve what was pushed: %w", url, err)
	}
	d.line("the page now says: %s", headline(page))
	return nil
}

func (d *demo) stageTimings(ctx context.Context, executionID string) error {
	actions, err := d.api.actionTimes(ctx, executionID)
	if err != nil {
		return err
	}
	for _, a := range actions {
		d.timing("  "+a.stage+"/"+a.action, a.took)
	}
	return nil
}
