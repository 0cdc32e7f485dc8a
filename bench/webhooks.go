package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"golang.org/x/sync/errgroup"
)

const (
	hookSecret  = "bench-webhooks-secret"
	hooks       = 20   // webhooks, each of a pipeline of its own
	deliveries  = 5000 // sent by all senders together
	hookSenders = 128  // at once, as when many repositories are pushed to
)

// sender posts what GitHub posts for a push, signed.
type sender struct {
	client *http.Client
	n      atomic.Int64
}

func newSender() *sender {
	return &sender{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hookSenders}, Timeout: time.Minute}}
}

// deliver posts one push, never the same twice, and returns what was answered.
func (s *sender) deliver(ctx context.Context, url string) (string, error) {
	n := s.n.Add(1)
	body := fmt.Sprintf(`{"ref":"refs/heads/main","after":"%040x","commits":[{"id":"%040x","message":"bench"}]}`, n, n)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", fmt.Sprintf("bench-%d", n))
	resp, err := s.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %s", url, resp.Status, text)
	}
	return string(text), err
}

// burst delivers to the URLs in turn, from many senders at once, and returns how long all answers took.
func (s *sender) burst(ctx context.Context, urls []string) (time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(hookSenders)
	start := time.Now()
	for n := range deliveries {
		group.Go(func() error {
			_, err := s.deliver(ctx, urls[n%len(urls)])
			return err
		})
	}
	err := group.Wait()
	return time.Since(start), err
}

// measureWebhooks delivers signed pushes: one at a time until the execution is there, then as fast as they are taken.
func measureWebhooks(ctx context.Context) ([]row, error) {
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := makeSite(ctx, s); err != nil {
		return nil, err
	}
	urls, err := makeHooks(ctx, s)
	if err != nil {
		return nil, err
	}
	posts := newSender()
	starts, err := hookLatency(ctx, s, posts, urls[0])
	if err != nil {
		return nil, err
	}
	took, err := posts.burst(ctx, urls)
	if err != nil {
		return nil, err
	}
	// Every pipeline was started once by its making, and by each delivery.
	if err := awaitStarted(ctx, s, hooks+int(posts.n.Load())); err != nil {
		return nil, err
	}
	rival, err := measureHookDaemon(ctx)
	if err != nil {
		return nil, err
	}
	perSecond := deliveries / took.Seconds()
	return []row{
		{what: "webhook -> execution started", figure: spread(starts), rival: rival.latency()},
		{
			what:   "webhooks accepted, durably",
			figure: fmt.Sprintf("%.0f/s, %d of %d started", perSecond, deliveries, deliveries),
			budget: ">= 1000/s, none lost", met: perSecond >= 1000, rival: rival.throughput(),
		},
	}, nil
}

// hookLatency delivers one push after another; each counts until its execution can be seen.
func hookLatency(ctx context.Context, s *server, posts *sender, url string) ([]time.Duration, error) {
	var sample []time.Duration
	client := codepipeline.NewFromConfig(s.config())
	newest := func() (string, error) {
		out, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{
			PipelineName: aws.String(hookPipeline(0)), MaxResults: aws.Int32(1),
		})
		if err != nil || len(out.PipelineExecutionSummaries) == 0 {
			return "", err
		}
		return aws.ToString(out.PipelineExecutionSummaries[0].PipelineExecutionId), nil
	}
	last, err := newest()
	if err != nil {
		return nil, err
	}
	for n := range warmUp + pushes {
		start := time.Now()
		if _, err := posts.deliver(ctx, url); err != nil {
			return nil, err
		}
		now := last
		for now == last {
			if now, err = newest(); err != nil {
				return nil, err
			}
		}
		last = now
		if n >= warmUp {
			sample = append(sample, time.Since(start))
		}
	}
	return sample, nil
}

func hookPipeline(n int) string { return fmt.Sprintf("hooked-%d", n) }

// makeHooks makes pipelines that stop after their source, each with a webhook, and returns the webhooks' URLs.
func makeHooks(ctx context.Context, s *server) ([]string, error) {
	client := codepipeline.NewFromConfig(s.config())
	var urls, names []string
	for n := range hooks {
		name := hookPipeline(n)
		names = append(names, name)
		if err := makePipeline(ctx, s, name, "main", ""); err != nil {
			return nil, err
		}
		hook, err := client.PutWebhook(ctx, &codepipeline.PutWebhookInput{Webhook: &types.WebhookDefinition{
			Name: &name, TargetPipeline: &name, TargetAction: aws.String("Source"),
			Authentication:              types.WebhookAuthenticationTypeGithubHmac,
			AuthenticationConfiguration: &types.WebhookAuthConfiguration{SecretToken: aws.String(hookSecret)},
			Filters:                     []types.WebhookFilterRule{{JsonPath: aws.String("$.ref"), MatchEquals: aws.String("refs/heads/{BranchName}")}},
		}})
		if err != nil {
			return nil, err
		}
		urls = append(urls, aws.ToString(hook.Webhook.Url))
	}
	if err := awaitExecutions(ctx, s, names, 1); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := client.DisableStageTransition(ctx, &codepipeline.DisableStageTransitionInput{
			PipelineName: &name, StageName: aws.String("Build"), TransitionType: types.StageTransitionTypeInbound, Reason: aws.String("only starts count"),
		}); err != nil {
			return nil, err
		}
	}
	return urls, nil
}

// awaitStarted waits until all hooked pipelines together have that many executions in their history.
func awaitStarted(ctx context.Context, s *server, want int) error {
	client := codepipeline.NewFromConfig(s.config())
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		count := 0
		for n := range hooks {
			pages := codepipeline.NewListPipelineExecutionsPaginator(client, &codepipeline.ListPipelineExecutionsInput{PipelineName: aws.String(hookPipeline(n))})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return fmt.Errorf("%d of %d executions were started: %w", count, want, err)
				}
				count += len(page.PipelineExecutionSummaries)
			}
		}
		if count == want {
			return nil
		}
		if count > want {
			return fmt.Errorf("%d executions were started by %d deliveries", count, want)
		}
	}
}
