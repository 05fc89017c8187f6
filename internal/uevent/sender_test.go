package uevent

import (
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/nlsock"
)

// TestSent changes one thing at a time of what tells the true sender; each alone must be enough to be disbelieved.
func TestSent(t *testing.T) {
	t.Parallel()
	kernel := nlsock.Message{Groups: 1, HasCred: true}
	udevd := nlsock.Message{Groups: 2, HasCred: true, Port: 77, Cred: unix.Ucred{Pid: 77}}
	change := func(m nlsock.Message, f func(*nlsock.Message)) nlsock.Message {
		f(&m)
		return m
	}
	for _, tc := range []struct {
		name   string
		source Source
		m      nlsock.Message
		want   bool
	}{
		{"the kernel", Kernel, kernel, true},
		{"a port", Kernel, change(kernel, func(m *nlsock.Message) { m.Port = 1 }), false},
		{"a pid", Kernel, change(kernel, func(m *nlsock.Message) { m.Cred.Pid = 1 }), false},
		{"another user", Kernel, change(kernel, func(m *nlsock.Message) { m.Cred.Uid = 1000 }), false},
		{"a user unknown here", Kernel, change(kernel, func(m *nlsock.Message) { m.Cred.Uid = 65534 }), false},
		{"no credentials", Kernel, change(kernel, func(m *nlsock.Message) { m.HasCred = false }), false},
		{"unicast", Kernel, change(kernel, func(m *nlsock.Message) { m.Groups = 0 }), false},
		{"udevd's group", Kernel, change(kernel, func(m *nlsock.Message) { m.Groups = 2 }), false},

		{"udevd", Udev, udevd, true},
		{"the kernel's port", Udev, change(udevd, func(m *nlsock.Message) { m.Port = 0 }), false},
		{"another user for udevd", Udev, change(udevd, func(m *nlsock.Message) { m.Cred.Uid = 1000 }), false},
		{"no credentials for udevd", Udev, change(udevd, func(m *nlsock.Message) { m.HasCred = false }), false},
		{"unicast for udevd", Udev, change(udevd, func(m *nlsock.Message) { m.Groups = 0 }), false},
		{"the kernel's group", Udev, change(udevd, func(m *nlsock.Message) { m.Groups = 1 }), false},
	} {
		if got := tc.source.sent(tc.m); got != tc.want {
			t.Errorf("%s: believed %v, want %v", tc.name, got, tc.want)
		}
	}
}
