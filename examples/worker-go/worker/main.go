// A worker. Usage: worker [URL [RETRY_SECONDS]] < messages
//
// Standard input is the queue: a message a line, {"task_id", "task_name", "args", "kwargs",
// "labels"}. Once the outcome of one is stored, its task id is printed: that acknowledges it. A
// message that is not acknowledged should be delivered again. The exit code is then 1.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"example.org/worker-go/resultd"
)

type message struct {
	TaskID   string                     `json:"task_id"`
	TaskName string                     `json:"task_name"`
	Args     []json.RawMessage          `json:"args"`
	Kwargs   map[string]json.RawMessage `json:"kwargs"`
	Labels   map[string]json.RawMessage `json:"labels"`
}

type success struct {
	ReturnValue any `json:"return_value"`
	ending
}

type failure struct {
	exception
	ending
}

// What an outcome has in either case.
type ending struct {
	ExecutionTime float64                    `json:"execution_time"`
	Labels        map[string]json.RawMessage `json:"labels,omitempty"`
}

func main() {
	log.SetFlags(0)
	client := &resultd.Client{URL: "http://127.0.0.1:8080", RetryFor: 120 * time.Second}
	if len(os.Args) > 1 {
		client.URL = os.Args[1]
	}
	if len(os.Args) > 2 {
		seconds, err := strconv.ParseFloat(os.Args[2], 64)
		if err != nil {
			log.Print("usage: worker [URL [RETRY_SECONDS]]")
			os.Exit(2)
		}
		client.RetryFor = time.Duration(seconds * float64(time.Second))
	}
	if err := workAll(context.Background(), client, os.Stdin); err != nil {
		log.Fatal(err)
	}
}

// workAll works off every line. It stops early where the service is out of reach: what is left
// would fare no better.
func workAll(ctx context.Context, client *resultd.Client, queue io.Reader) error {
	lines := bufio.NewReader(queue)
	skipped := 0
	for {
		line, readErr := lines.ReadBytes('\n')
		if readErr != nil && readErr != io.EOF {
			return readErr
		}
		if len(line) > 0 {
			taskID, err := workLine(ctx, client, line)
			var unreachable *resultd.Unreachable
			switch {
			case errors.As(err, &unreachable):
				return fmt.Errorf("not acknowledged: %w", err)
			case err != nil:
				log.Printf("not acknowledged: %v: %.100q", err, line)
				skipped++
			default:
				fmt.Println(taskID)
			}
		}
		if readErr == io.EOF {
			break
		}
	}
	if skipped > 0 {
		return fmt.Errorf("%d messages are not acknowledged", skipped)
	}
	return nil
}

func workLine(ctx context.Context, client *resultd.Client, line []byte) (string, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return "", err
	}
	if m.TaskID == "" || m.TaskName == "" {
		return "", errors.New("it has no task_id and task_name")
	}
	return m.TaskID, work(ctx, client, m)
}

// work runs one message and stores what became of it.
func work(ctx context.Context, client *resultd.Client, m message) error {
	// An id that is not valid is refused here, before any work.
	if err := client.Progress(ctx, m.TaskID, "STARTED", nil); err != nil {
		return err
	}
	started := time.Now()
	value, err := run(m, func(meta any) {
		if err := client.Progress(ctx, m.TaskID, "STARTED", meta); err != nil {
			log.Print(err)
		}
	})
	end := ending{time.Since(started).Seconds(), m.Labels}

	kind, body := "result", []byte(nil)
	if err == nil {
		// A value that cannot be encoded is a failure too: nobody waits for it in vain.
		body, err = json.Marshal(success{value, end})
	}
	if err != nil {
		kind, body = "exception", encodeFailure(err, end)
	}
	err = client.Report(ctx, m.TaskID, kind, body)
	var refused *resultd.Refused
	if errors.As(err, &refused) { // too large, say: the reason takes its place
		err = client.Report(ctx, m.TaskID, "exception", encodeFailure(err, end))
	}
	if errors.Is(err, resultd.ErrConflict) {
		log.Printf("task %s has another outcome already, which stays", m.TaskID)
		return nil
	}
	return err
}

// run calls the function of a message. A panic is an error of it.
func run(m message, progress func(meta any)) (value any, err error) {
	function, ok := functions[m.TaskName]
	if !ok {
		return nil, unknownFunction{m.TaskName}
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = panicked{reason, debug.Stack()}
		}
	}()
	return function(call{m.Args, m.Kwargs, progress})
}
