package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	listeners = 1000
	events    = 50
)

// measureFanOut publishes events to a thousand listeners; each event counts until the last of them has it.
func measureFanOut(ctx context.Context) ([]row, error) {
	s, err := startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	client := eventbridge.NewFromConfig(s.config())
	sample, err := fanOut(ctx, s.listen, func(ctx context.Context, n int) error {
		out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
			Source: aws.String("bench"), DetailType: aws.String("Tick"), Detail: aws.String(fmt.Sprintf(`{"n":%d}`, n)),
		}}})
		if err == nil && out.FailedEntryCount > 0 {
			err = errors.New("the event was not taken")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rival, err := measureNchan(ctx)
	if err != nil {
		return nil, err
	}
	return []row{{what: fmt.Sprintf("an event -> the last of %d listeners", listeners), figure: spread(sample), rival: rival}}, nil
}

// listen is a signed request for the stream of the bench's events.
func (s *server) listen(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/conveyor/events?source=bench", nil)
	if err != nil {
		return nil, err
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of no body
	c, err := credentials.NewStaticCredentialsProvider(s.key.ID, s.key.Secret, "").Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return r, v4.NewSigner().SignHTTP(ctx, c, r, empty, "events", "us-east-1", time.Now())
}

// fanOut opens the listeners' streams and returns how long each event took from before it was published until all had it.
func fanOut(ctx context.Context, request func(context.Context) (*http.Request, error), publish func(context.Context, int) error) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	got := make(chan error, listeners)
	for range listeners {
		r, err := request(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			return nil, fmt.Errorf("GET %s: %s", r.URL, resp.Status)
		}
		go follow(ctx, resp.Body, got)
	}
	var sample []time.Duration
	for n := range warmUp + events {
		start := time.Now()
		if err := publish(ctx, n); err != nil {
			return nil, err
		}
		for range listeners {
			select {
			case err := <-got:
				if err != nil {
					return nil, err
				}
			case <-ctx.Done():
				return nil, fmt.Errorf("event %d did not reach all listeners: %w", n, ctx.Err())
			}
		}
		if n >= warmUp {
			sample = append(sample, time.Since(start))
		}
	}
	return sample, nil
}

// follow tells of every event that comes, and of an end that came too early.
func follow(ctx context.Context, stream io.ReadCloser, got chan<- error) {
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			got <- nil
		}
	}
	if ctx.Err() == nil {
		got <- fmt.Errorf("a listener was left: %w", lines.Err())
	}
}

const nchanConfiguration = `load_module %s;
daemon off; master_process off; pid %[2]s/pid; error_log stderr crit; worker_processes 1;
events { worker_connections 4096; }
http {
	access_log off; client_body_temp_path %[2]s; proxy_temp_path %[2]s; fastcgi_temp_path %[2]s; uwsgi_temp_path %[2]s; scgi_temp_path %[2]s;
	server {
		listen %s;
		location /publish { nchan_publisher; nchan_channel_id bench; }
		location /listen { nchan_subscriber eventsource; nchan_channel_id bench; }
	}
}
`

// measureNchan is the rival: nginx with the module nchan, written in C for just this, which keeps events in memory.
func measureNchan(ctx context.Context) (string, error) {
	program, err := exec.LookPath("nginx")
	const module = "/usr/lib/nginx/modules/ngx_nchan_module.so"
	if _, absent := os.Stat(module); err != nil || absent != nil {
		return "nchan is not installed (Debian's package libnginx-mod-nchan)", nil
	}
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nchanConfiguration, module, dir, address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, "-c", file, "-p", dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := awaitPort(ctx, address); err != nil {
		return "", err
	}
	sample, err := fanOut(ctx, nchanListener(address), nchanPublisher(address))
	return "nginx with nchan, in memory: " + spread(sample), err
}

func nchanListener(address string) func(context.Context) (*http.Request, error) {
	return func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/listen", nil)
		if err == nil {
			r.Header.Set("Accept", "text/event-stream")
		}
		return r, err
	}
}

func nchanPublisher(address string) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/publish", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}
