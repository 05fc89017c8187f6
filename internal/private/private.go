// Package private runs the program again in namespaces of its own, in which it is root whoever started it, and that go with
// it: what it does there touches nothing of the host.
package private

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNotAllowed says that this host gives ordinary users no namespaces; the error that wraps it says which setting allows
// them.
var ErrNotAllowed = errors.New("this host gives ordinary users no namespaces of their own")

// self is the running program, also after its file has been replaced.
const self = "/proc/self/exe"

// Inside reports whether the process is where Run has put it, by the mark that it left in the environment.
func Inside(environ []string, mark string) bool { return slices.Contains(environ, mark+"=inside") }

// Run runs the program with the same arguments and files in new namespaces (CLONE_NEWNET …) and returns its exit code. Root
// needs no user namespace, unless it is a container's and may not make the others.
func Run(environ []string, mark string, namespaces uintptr) (int, error) {
	alone := &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: unix.SIGKILL}
	mapped := &syscall.SysProcAttr{
		Cloneflags: namespaces | unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	start := func(attr *syscall.SysProcAttr) (*os.Process, error) {
		return os.StartProcess(self, os.Args, &os.ProcAttr{
			Env: append(slices.Clone(environ), mark+"=inside"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attr,
		})
	}
	p, err := start(alone)
	if errors.Is(err, unix.EPERM) {
		p, err = start(mapped)
	}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS), errors.Is(err, unix.EINVAL):
		return -1, fmt.Errorf("%w (%w): %s; or run it under sudo", ErrNotAllowed, err, Setting())
	case err != nil:
		return -1, fmt.Errorf("start the part inside: %w", err)
	}
	state, err := p.Wait()
	if err != nil {
		return -1, fmt.Errorf("wait for the part inside: %w", err)
	}
	return state.ExitCode(), nil
}

// Setting names what keeps user namespaces from an ordinary user here.
func Setting() string {
	for _, s := range []struct{ name, bad, good string }{
		{"kernel.unprivileged_userns_clone", "0", "1"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
		{"user.max_user_namespaces", "0", "10000"},
	} {
		value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/"))
		if err == nil && strings.TrimSpace(string(value)) == s.bad {
			return fmt.Sprintf("sysctl %s is %s (sysctl -w %s=%s allows it)", s.name, s.bad, s.name, s.good)
		}
	}
	return "the settings are kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces"
}
