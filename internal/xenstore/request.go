package xenstore

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Value is what a path holds. OK is false where the path does not exist; "" may well be the value of one that does.
type Value struct {
	Text string
	OK   bool
}

// Read returns the value at path, which may be any bytes. fs.ErrNotExist: there is no such path.
func (s *Store) Read(ctx context.Context, path string) (string, error) { return read(ctx, s.ask, path) }

// ReadMany returns the values at paths, in their order. All are asked for before the first answer is awaited, so it takes about as
// long as one Read; in between others may write.
func (s *Store) ReadMany(ctx context.Context, paths ...string) ([]Value, error) {
	return readMany(ctx, s.ask, paths)
}

// Write sets the value at path, and makes path and what leads to it where they do not exist. Value may be any bytes; path and value
// together have 4095 at most, through the kernel 4079. ErrTooLong: they have more.
func (s *Store) Write(ctx context.Context, path, value string) error {
	return write(ctx, s.ask, path, value)
}

// Mkdir makes path and what leads to it, with empty values, where they do not exist.
func (s *Store) Mkdir(ctx context.Context, path string) error { return mkdir(ctx, s.ask, path) }

// Remove removes path and all below it. It is no error that path does not exist.
func (s *Store) Remove(ctx context.Context, path string) error { return remove(ctx, s.ask, path) }

func read(ctx context.Context, ask asker, path string) (string, error) {
	payload, err := pathPayload(path)
	if err != nil {
		return "", explain("read", path, false, err)
	}
	value, err := single(ctx, ask, false, message{kind: kindRead, payload: payload})
	return string(value), explain("read", path, false, err)
}

func readMany(ctx context.Context, ask asker, paths []string) ([]Value, error) {
	requests := make([]message, len(paths))
	for i, path := range paths {
		payload, err := pathPayload(path)
		if err != nil {
			return nil, explain("read", path, false, err)
		}
		requests[i] = message{kind: kindRead, payload: payload}
	}
	if len(requests) == 0 {
		return nil, nil
	}
	answers, err := ask(ctx, false, requests...)
	if err != nil {
		return nil, explain(fmt.Sprintf("read %d paths from", len(paths)), paths[0], false, err)
	}
	values := make([]Value, len(paths))
	for i, a := range answers {
		switch {
		case a.refused == nil:
			values[i] = Value{Text: string(a.payload), OK: true}
		case a.refused.Errno != syscall.ENOENT:
			return nil, explain("read", paths[i], false, a.refused)
		}
	}
	return values, nil
}

func write(ctx context.Context, ask asker, path, value string) error {
	payload, err := writePayload(path, value)
	if err == nil {
		_, err = single(ctx, ask, true, message{kind: kindWrite, payload: payload})
	}
	return explain("write", path, true, err)
}

func mkdir(ctx context.Context, ask asker, path string) error {
	payload, err := pathPayload(path)
	if err == nil {
		_, err = single(ctx, ask, true, message{kind: kindMkdir, payload: payload})
	}
	return explain("mkdir", path, true, err)
}

func remove(ctx context.Context, ask asker, path string) error {
	payload, err := pathPayload(path)
	if err == nil {
		_, err = single(ctx, ask, true, message{kind: kindRm, payload: payload})
	}
	if errors.Is(err, syscall.ENOENT) { // said where the parent does not exist either
		return nil
	}
	return explain("remove", path, true, err)
}

// single makes one request.
func single(ctx context.Context, ask asker, changes bool, m message) ([]byte, error) {
	answers, err := ask(ctx, changes, m)
	if err != nil {
		return nil, err
	}
	if refused := answers[0].refused; refused != nil {
		return nil, refused
	}
	return answers[0].payload, nil
}
