package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/conveyor-cd/conveyor/internal/explain"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain PIPELINE [EXECUTION]",
		Short: "Say why an execution waits, failed or was passed over, and what would release it",
		Long: `Say of an execution what it is doing and why, stage by stage, and print the commands that would change it: open a
transition, approve, override a condition, retry, read the log. Without EXECUTION every execution in flight is
explained, the newest one and the newest one that has ended.

The server is asked with the credentials in the environment (AWS_ACCESS_KEY_ID, ..., as conveyor env prints them) or,
when there are none, with the root credentials in the data directory. GetPipelineState must be allowed.`,
		Example: `  conveyor explain site
  conveyor explain site 3f1c2a9e-7b54-4a57-9d0e-2f6f0f6b7a11
  conveyor explain site --json`,
		Args: cobra.RangeArgs(1, 2),
	}
	c, complete := settings(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the explanation as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := complete(); err != nil {
			return err
		}
		from, err := whereToAsk(cmd, c)
		if err != nil {
			return err
		}
		answer, err := from.explain(cmd.Context(), append(args, "")[0], append(args, "")[1])
		if err != nil {
			return err
		}
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(answer)
		}
		return explain.Write(cmd.OutOrStdout(), answer.Explanations)
	}
	return cmd
}

const explainTimeout = 30 * time.Second

func (a asked) explain(ctx context.Context, name, execution string) (explain.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	var answer explain.Answer
	address, err := explain.URL(a.endpoint, name, execution)
	if err != nil {
		return answer, fmt.Errorf("the server's address %q: %w", a.endpoint, err)
	}
	return answer, a.call(ctx, http.MethodGet, address, explain.Service, nil, &answer)
}
