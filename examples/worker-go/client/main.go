// A client: waits for a task and prints its outcome. Usage: client URL TASK_ID [SECONDS]
//
// Exit codes: 0 success, 1 the task failed, 2 usage, 3 not ready in time, 4 it could not be asked,
// or the task was removed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"example.org/worker-go/resultd"
)

func main() {
	log.SetFlags(0)
	seconds := 60.0
	var err error
	if len(os.Args) == 4 {
		seconds, err = strconv.ParseFloat(os.Args[3], 64)
	}
	if len(os.Args) < 3 || len(os.Args) > 4 || err != nil {
		log.Print("usage: client URL TASK_ID [SECONDS]")
		os.Exit(2)
	}
	client := &resultd.Client{URL: os.Args[1]}
	within := time.Duration(seconds * float64(time.Second))
	text, err := client.Wait(context.Background(), os.Args[2], within)
	var outcome struct {
		IsErr bool `json:"is_err"`
	}
	if err == nil {
		fmt.Printf("%s\n", text)
		err = json.Unmarshal(text, &outcome)
	}
	switch {
	case errors.Is(err, resultd.ErrNotReady):
		log.Print(err)
		os.Exit(3)
	case err != nil:
		log.Print(err)
		os.Exit(4)
	case outcome.IsErr:
		os.Exit(1)
	}
}
