package xenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
)

// maxDirectory is how much of one directory is read, in bytes of its children's names: several times what all domains there can be
// have for names.
const maxDirectory = 1 << 20

// directoryTries is how often a directory is read anew that changes while its parts are read.
const directoryTries = 10

// errChanging is a directory that did not hold still.
var errChanging = fmt.Errorf("it changed %d times while it was being read", directoryTries)

// Directory returns the names of path's children, in xenstored's order; each child is at path/name. One that does not fit into a
// message is read in parts, and anew when it changes meanwhile. fs.ErrNotExist: there is no such path.
func (s *Store) Directory(ctx context.Context, path string) ([]string, error) {
	return directory(ctx, s.ask, path)
}

func directory(ctx context.Context, ask asker, path string) ([]string, error) {
	payload, err := pathPayload(path)
	if err != nil {
		return nil, explain("list", path, false, err)
	}
	names, err := single(ctx, ask, false, message{kind: kindDirectory, payload: payload})
	if errors.Is(err, syscall.E2BIG) {
		names, err = parts(ctx, ask, path, err)
	}
	if err != nil {
		return nil, explain("list", path, false, err)
	}
	list, err := split(names)
	return list, explain("list", path, false, err)
}

// split takes names apart, each of which ends with a NUL.
func split(names []byte) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	if names[len(names)-1] != 0 {
		return nil, fmt.Errorf("%w: the last name does not end", errGarbage)
	}
	var list []string
	for name := range bytes.SplitSeq(names[:len(names)-1], []byte{0}) {
		if len(name) == 0 {
			return nil, fmt.Errorf("%w: an empty name", errGarbage)
		}
		list = append(list, string(name))
	}
	return list, nil
}

// parts reads a directory by DIRECTORY_PART. tooBig is why; it is what remains to be said where the daemon knows no parts.
func parts(ctx context.Context, ask asker, path string, tooBig error) ([]byte, error) {
	var names []byte
	generation, restarts := "", 0
	for {
		payload, err := pathPayload(path, strconv.Itoa(len(names)))
		if err != nil {
			return nil, err
		}
		b, err := single(ctx, ask, false, message{kind: kindDirectoryPart, payload: payload})
		if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) {
			return nil, tooBig
		}
		if err != nil {
			return nil, err
		}
		now, more, ok := bytes.Cut(b, []byte{0})
		if !ok || len(more) == 0 || len(names)+len(more) > maxDirectory {
			return nil, fmt.Errorf("%w: a part of a directory of %d bytes behind %d", errGarbage, len(b), len(names))
		}
		if generation != "" && generation != string(now) {
			if restarts++; restarts == directoryTries {
				return nil, errChanging
			}
			generation, names = "", nil
			continue
		}
		generation = string(now)
		if end := len(more) - 1; more[end] == 0 && (end == 0 || more[end-1] == 0) { // an empty name ends the list
			return append(names, more[:end]...), nil
		}
		names = append(names, more...)
	}
}
