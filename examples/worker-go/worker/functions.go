package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// A call is what a function is given: the message's arguments, and how to tell of progress.
type call struct {
	args     []json.RawMessage
	kwargs   map[string]json.RawMessage
	progress func(meta any)
}

// The functions, by the task_name of a message.
var functions = map[string]func(call) (any, error){
	"add":   add,
	"greet": greet,
	"fail":  fail,
	"slow":  slow,
}

func add(c call) (any, error) {
	var sum float64
	for _, arg := range c.args {
		var number float64
		if err := json.Unmarshal(arg, &number); err != nil {
			return nil, fmt.Errorf("add: %w", err)
		}
		sum += number
	}
	return sum, nil
}

func greet(c call) (any, error) {
	name, err := text(c)
	return "Hello, " + name + "!", err
}

func fail(c call) (any, error) {
	message, err := text(c)
	if err != nil {
		return nil, err
	}
	return nil, ValueError{message}
}

func slow(c call) (any, error) {
	var steps int
	if err := json.Unmarshal(c.kwargs["steps"], &steps); err != nil {
		return nil, fmt.Errorf("slow: steps: %w", err)
	}
	for done := 1; done <= steps; done++ {
		time.Sleep(100 * time.Millisecond)
		c.progress(map[string]int{"done": done, "of": steps})
	}
	return steps, nil
}

// text is the one argument of a function that takes a string.
func text(c call) (string, error) {
	if len(c.args) != 1 {
		return "", fmt.Errorf("one argument is needed, not %d", len(c.args))
	}
	var value string
	err := json.Unmarshal(c.args[0], &value)
	return value, err
}

// ValueError shows that the type of an error is stored with it.
type ValueError struct{ message string }

func (e ValueError) Error() string { return e.message }
