// Package resultd reports outcomes of tasks, and waits for them. Copy it into your project.
//
// A request is sent again where that may help: later each time, with jitter, and not before the
// service asks for it. All that is sent here is safe to repeat: reads change nothing, and the same
// outcome once more is answered 200.
package resultd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// One long poll. Many proxies cut what is silent for 60 s.
	longestWait = 30 * time.Second
)

// Go before 1.20 does not seed by itself, and workers that start together should not retry together.
func init() { rand.Seed(time.Now().UnixNano()) }

// ErrConflict: another outcome of the task came first, and stays.
var ErrConflict = errors.New("the task has another outcome already")

// ErrNotReady: there was no outcome before the time was up.
var ErrNotReady = errors.New("the task was not ready in time")

// Refused is an answer that the same request would be given again.
type Refused struct {
	Request string
	Status  int
	// Code of the problem, such as "task-removed"; empty where the body is no problem document.
	Code string
	Text string
}

func (r *Refused) Error() string { return fmt.Sprintf("%s: %d %s", r.Request, r.Status, r.Text) }

// Unreachable: no answer that could be used, for as long as it was tried.
type Unreachable struct {
	Request string
	Last    error
}

func (u *Unreachable) Error() string { return fmt.Sprintf("%s: %v; gave up", u.Request, u.Last) }
func (u *Unreachable) Unwrap() error { return u.Last }

// Client talks to one service. It may be used by many goroutines at once.
type Client struct {
	URL string
	// How long Report tries.
	RetryFor time.Duration
	// Its transport keeps connections open between requests. No timeout: each request has its own.
	HTTP http.Client
}

// Report stores an outcome; kind is "result" or "exception", body is JSON.
// ErrConflict where another outcome came first.
func (c *Client) Report(ctx context.Context, taskID, kind string, body []byte) error {
	r := request{method: "POST", path: taskPath(taskID, kind), body: body, timeout: longestWait}
	answer, err := c.send(ctx, r, c.RetryFor)
	switch {
	case err != nil:
		return err
	case answer.status == http.StatusConflict:
		return ErrConflict
	case answer.status >= 300:
		return refused(r, answer)
	}
	return nil
}

// Progress says how far a task is. It is not tried for long: the next one, or the outcome, says
// more. So only a Refused is an error.
func (c *Client) Progress(ctx context.Context, taskID, state string, meta any) error {
	body, err := json.Marshal(map[string]any{"state": state, "meta": meta})
	if err != nil {
		return err
	}
	r := request{method: "POST", path: taskPath(taskID, "status"), body: body, timeout: 5 * time.Second}
	answer, err := c.send(ctx, r, 2*time.Second)
	if err != nil {
		log.Print(err)
		return nil
	}
	if answer.status >= 300 {
		return refused(r, answer)
	}
	return nil
}

// Wait returns the outcome as JSON once it is there, or ErrNotReady.
func (c *Client) Wait(ctx context.Context, taskID string, within time.Duration) ([]byte, error) {
	deadline := time.Now().Add(within)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return nil, ErrNotReady
		}
		wait := left
		if wait > longestWait {
			wait = longestWait
		}
		path := fmt.Sprintf("%s?wait=%dms", taskPath(taskID, "result"), wait.Milliseconds()+1)
		r := request{method: "GET", path: path, timeout: wait + longestWait}
		asked := time.Now()
		answer, err := c.send(ctx, r, left)
		switch {
		case err != nil:
			return nil, err
		case answer.status == http.StatusOK:
			return answer.body, nil
		case answer.status != http.StatusAccepted && answer.code() != "task-unknown":
			return nil, refused(r, answer)
		}
		if time.Since(asked) < time.Second { // a service that shuts down answers at once
			if err := sleep(ctx, 250*time.Millisecond+jitter(500*time.Millisecond)); err != nil {
				return nil, err
			}
		}
	}
}

type request struct {
	method, path string
	body         []byte
	timeout      time.Duration // for one answer
}

func (r request) String() string { return r.method + " " + r.path }

type answer struct {
	status     int
	retryAfter time.Duration
	body       []byte
}

// code of a problem document; empty where it is none.
func (a answer) code() string {
	var problem struct{ Type string }
	_ = json.Unmarshal(a.body, &problem)
	return strings.TrimPrefix(problem.Type, "urn:resultd:problem:")
}

// send sends a request until an answer says something, or the time is up.
func (c *Client) send(ctx context.Context, r request, retryFor time.Duration) (answer, error) {
	deadline := time.Now().Add(retryFor)
	for pause := firstPause; ; pause *= 2 {
		if pause > longestPause {
			pause = longestPause
		}
		a, err := c.sendOnce(ctx, r)
		if err == nil {
			switch a.status {
			case 429, 502, 503, 504:
				err = fmt.Errorf("%d %s", a.status, a.body)
			default:
				return a, nil
			}
		}
		delay := a.retryAfter + jitter(pause)
		if time.Now().Add(delay).After(deadline) {
			return answer{}, &Unreachable{r.String(), err}
		}
		log.Printf("%s: %v; trying again in %v", r, err, delay.Round(time.Millisecond))
		if err := sleep(ctx, delay); err != nil {
			return answer{}, err
		}
	}
}

func (c *Client) sendOnce(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	target := strings.TrimRight(c.URL, "/") + r.path
	request, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Prefer", "return=minimal")
	if r.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		if wrapped, ok := err.(*url.Error); ok {
			err = wrapped.Err // without the URL, which stands in our message
		}
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return answer{response.StatusCode, time.Duration(seconds) * time.Second, body}, nil
}

func taskPath(taskID, what string) string {
	return "/v1/tasks/" + url.PathEscape(taskID) + "/" + what
}

func refused(r request, a answer) error {
	return &Refused{r.String(), a.status, a.code(), string(a.body)}
}

func jitter(longest time.Duration) time.Duration { return time.Duration(rand.Int63n(int64(longest))) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
