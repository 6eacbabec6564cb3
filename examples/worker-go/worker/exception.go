package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

const deepestCause = 8

// An exception as taskiq stores it, and a traceback where there is one.
type exception struct {
	Type      string     `json:"exc_type"`
	Message   []string   `json:"exc_message"`
	Module    string     `json:"exc_module"`
	Cause     *exception `json:"exc_cause"`
	Traceback string     `json:"traceback,omitempty"`
}

type unknownFunction struct{ name string }

func (u unknownFunction) Error() string { return fmt.Sprintf("there is no function %q", u.name) }

type panicked struct {
	reason any
	stack  []byte
}

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.reason) }

// describe takes the type, the text and the causes of an error.
func describe(err error, depth int) *exception {
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	e := &exception{Type: kind.Name(), Message: []string{err.Error()}, Module: kind.PkgPath()}
	if p, ok := err.(panicked); ok {
		e.Traceback = string(p.stack)
	}
	if cause := errors.Unwrap(err); cause != nil && depth > 0 {
		e.Cause = describe(cause, depth-1)
	}
	return e
}

func encodeFailure(err error, end ending) []byte {
	// Only text, numbers and what was JSON before: it can be encoded.
	body, _ := json.Marshal(failure{*describe(err, deepestCause), end})
	return body
}
