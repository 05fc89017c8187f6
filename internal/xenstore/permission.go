package xenstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// A list of permissions that says nothing; nothing was sent.
var (
	errNoOwner  = errors.New("a list of permissions begins with the owner")
	errNoAccess = errors.New("an access is one of n, r, w and b")
)

// Access is what a domain may do with a node.
type Access byte

// The letters are xenstored's (docs/misc/xenstore.txt).
const (
	None      Access = 'n'
	ReadOnly  Access = 'r'
	WriteOnly Access = 'w'
	ReadWrite Access = 'b'
)

// Permission is one entry of a node's list. The first one's Domain owns the node and may do anything; its Access is everybody's
// who has no entry. Dom0 and whoever uses its socket may always do anything.
type Permission struct {
	Domain uint16
	Access Access
}

// String reads as xenstore-chmod's arguments: "b3".
func (p Permission) String() string { return string(rune(p.Access)) + strconv.Itoa(int(p.Domain)) }

// Permissions returns the list of the node at path, the owner first.
func (s *Store) Permissions(ctx context.Context, path string) ([]Permission, error) {
	payload, err := pathPayload(path)
	if err != nil {
		return nil, explain("get permissions of", path, false, err)
	}
	b, err := single(ctx, s.ask, false, message{kind: kindGetPerms, payload: payload})
	if err != nil {
		return nil, explain("get permissions of", path, false, err)
	}
	list, err := parsePermissions(b)
	return list, explain("get permissions of", path, false, err)
}

// SetPermissions sets the list of the node at path, the owner first.
func (s *Store) SetPermissions(ctx context.Context, path string, list ...Permission) error {
	payload, err := permissionPayload(path, list)
	if err == nil {
		_, err = single(ctx, s.ask, true, message{kind: kindSetPerms, payload: payload})
	}
	return explain("set permissions of", path, true, err)
}

func permissionPayload(path string, list []Permission) ([]byte, error) {
	if len(list) == 0 {
		return nil, errNoOwner
	}
	words := make([]string, len(list))
	for i, p := range list {
		if !p.Access.known() {
			return nil, errNoAccess
		}
		words[i] = p.String()
	}
	return pathPayload(path, words...)
}

func (a Access) known() bool {
	return a == None || a == ReadOnly || a == WriteOnly || a == ReadWrite
}

func parsePermissions(b []byte) ([]Permission, error) {
	words, err := split(b)
	if err != nil {
		return nil, err
	}
	list := make([]Permission, 0, len(words))
	for _, word := range words {
		access := Access(word[0])
		domain, err := strconv.ParseUint(word[1:], 10, 16)
		if err != nil || !access.known() {
			return nil, fmt.Errorf("%w: %.20q is no permission", errGarbage, word)
		}
		list = append(list, Permission{Domain: uint16(domain), Access: access})
	}
	return list, nil
}
