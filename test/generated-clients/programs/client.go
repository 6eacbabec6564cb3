// The client in Go: generated code, and nothing of HTTP beside it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"resultd.test/api"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(origin string) error {
	ctx := context.Background()
	client, err := api.NewClientWithResponses(origin)
	if err != nil {
		return err
	}
	seen := map[string]any{}

	report := func(id string, success api.SuccessReport) error {
		var body api.OutcomeReport
		if err := body.FromSuccessReport(success); err != nil {
			return err
		}
		answer, err := client.ReportResultWithResponse(ctx, id, nil, body)
		if err != nil {
			return err
		}
		if answer.JSON201 == nil {
			return fmt.Errorf("%s: %s %s", id, answer.Status(), answer.Body)
		}
		return nil
	}
	read := func(id string, params *api.GetResultParams) (*api.GetResultResponse, error) {
		return client.GetResultWithResponse(ctx, id, params)
	}

	if err := report("null", api.SuccessReport{ReturnValue: nil}); err != nil {
		return err
	}
	null, err := read("null", nil)
	if err != nil {
		return err
	}
	seen["null"] = null.JSON200

	time := 1234567.891
	precise := api.SuccessReport{ReturnValue: 1234567.891, ExecutionTime: &time}
	if err := report("precise", precise); err != nil {
		return err
	}
	number, err := read("precise", nil)
	if err != nil {
		return err
	}
	seen["precise"] = number.JSON200

	waited := make(chan *api.GetResultResponse)
	failed := make(chan error, 1)
	go func() {
		wait := "55s"
		answer, err := read("late", &api.GetResultParams{Wait: &wait})
		failed <- err
		waited <- answer
	}()
	if err := report("late", api.SuccessReport{ReturnValue: "at last"}); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	seen["waited"] = (<-waited).JSON200

	unknown, err := read("unknown", nil)
	if err != nil {
		return err
	}
	seen["problem"] = unknown.ApplicationproblemJSON404
	return json.NewEncoder(os.Stdout).Encode(seen)
}
