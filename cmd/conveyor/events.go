package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/eventhost"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow what happens, and see and redeliver what could not be delivered",
		Long: `Print what happens to pipelines, repositories, builds and the rest, as it happens: one EventBridge document a line. When
the connection is lost it is made again, and nothing is missed.

The server is asked with the credentials in the environment, or with the root credentials in the data directory.
events:ConveyorListen must be allowed on the event bus.`,
		Example: `  conveyor events --pipeline site
  conveyor events --source aws.codecommit
  conveyor events dead-letters
  conveyor events redeliver 17`,
		Args: cobra.NoArgs,
	}
	c, complete := settings(cmd)
	var sources, types, pipelines []string
	var after string
	var count int
	cmd.Flags().StringArrayVar(&sources, "source", nil, "only events of this source, such as aws.codepipeline (may be repeated)")
	cmd.Flags().StringArrayVar(&types, "detail-type", nil, "only events of this detail type (may be repeated)")
	cmd.Flags().StringArrayVar(&pipelines, "pipeline", nil, "only events of this pipeline (may be repeated)")
	cmd.Flags().StringVar(&after, "after", "", "begin after the event with this id instead of with the next one (0: all that is kept)")
	cmd.Flags().IntVar(&count, "count", 0, "end after so many events (0: never)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		query := url.Values{"source": sources, "detail-type": types, "pipeline": pipelines}
		f := &following{asked: from, query: query, last: after, left: count, out: cmd.OutOrStdout(), log: cmd.ErrOrStderr()}
		return f.follow(cmd.Context())
	}
	cmd.AddCommand(deadLettersCommand(), redeliverCommand())
	return cmd
}

// following is a stream of events that is taken up again where it broke off.
type following struct {
	asked
	query    url.Values
	last     string // id of the last event seen
	left     int    // how many more are wanted; 0 at first: no end
	out, log io.Writer
}

var errEnough = errors.New("that was all that was asked for")

// reconnect is the pause before a broken connection is made again.
const reconnect = time.Second

func (f *following) follow(ctx context.Context) error {
	told := false
	for {
		err := f.once(ctx, func() { told = false })
		if ctx.Err() != nil || errors.Is(err, errEnough) {
			return nil
		}
		if _, refused := errors.AsType[*refusal](err); refused {
			return err
		}
		if !told {
			_, _ = fmt.Fprintln(f.log, "conveyor: the stream broke off and is taken up again:", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnect):
		}
	}
}

func (f *following) once(ctx context.Context, connected func()) error {
	response, err := f.request(ctx, http.MethodGet, eventhost.Path+"?"+f.query.Encode(), f.last)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	connected()
	in := bufio.NewReader(response.Body)
	id := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if text, ok := strings.CutPrefix(line, "id: "); ok {
			id = strings.TrimSpace(text)
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			if _, err := io.WriteString(f.out, text); err != nil {
				return &refusal{err.Error()}
			}
			f.last = id
			if f.left--; f.left == 0 {
				return errEnough
			}
		}
	}
}

// request sends a request about events.
func (a asked) request(ctx context.Context, method, path, last string) (*http.Response, error) {
	headers := http.Header{}
	if last != "" {
		headers.Set("Last-Event-ID", last)
	}
	return a.send(ctx, eventhost.Service, method, strings.TrimSuffix(a.endpoint, "/")+path, nil, headers)
}

func deadLettersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "dead-letters",
		Short: "List the events that could not be delivered to a target of a rule",
		Args:  cobra.NoArgs,
	}
	c, complete := settings(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON, one a line, with the events")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		return from.eachLetter(cmd.Context(), func(l event.DeadLetter) error {
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(l)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d  %s  %s/%s  %d attempts  %s: %s\n", l.ID, l.Time.Format(time.DateTime), l.Rule, l.Target,
				l.Attempts, l.Code, strings.Join(strings.Fields(l.Message), " "))
			return err
		})
	}
	return cmd
}

func (a asked) eachLetter(ctx context.Context, f func(event.DeadLetter) error) error {
	after := int64(0)
	for {
		response, err := a.request(ctx, http.MethodGet, eventhost.LettersPath+"?after="+strconv.FormatInt(after, 10), "")
		if err != nil {
			return err
		}
		var list eventhost.Letters
		err = json.NewDecoder(response.Body).Decode(&list)
		_ = response.Body.Close()
		if err != nil || len(list.DeadLetters) == 0 {
			return err
		}
		for _, l := range list.DeadLetters {
			if err := f(l); err != nil {
				return err
			}
			after = l.ID
		}
	}
}

func redeliverCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "redeliver [ID...]",
		Short: "Deliver dead letters again",
	}
	c, complete := settings(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "deliver all of them")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		if all == (len(args) > 0) {
			return errors.New("name the dead letters by their ids, or say --all; conveyor events dead-letters lists them")
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		if all {
			return from.eachLetter(cmd.Context(), func(l event.DeadLetter) error {
				return from.redeliver(cmd.Context(), strconv.FormatInt(l.ID, 10))
			})
		}
		for _, id := range args {
			if err := from.redeliver(cmd.Context(), id); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func (a asked) redeliver(ctx context.Context, id string) error {
	if _, err := strconv.ParseInt(id, 10, 64); err != nil {
		return fmt.Errorf("%q is not the id of a dead letter", id)
	}
	response, err := a.request(ctx, http.MethodPost, eventhost.LettersPath+"/"+id+"/redeliver", "")
	if err != nil {
		return err
	}
	return response.Body.Close()
}
