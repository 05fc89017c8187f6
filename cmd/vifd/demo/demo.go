// Package demo shows vifd's main job live: in namespaces of its own it starts a listener, plugs guests in, lets them talk,
// lets one lie, and unplugs them again.
//
// The host it runs on is not touched: user, network and mount namespaces are private, and go with the process. Everything
// in them is real, the kernel's events, the bridge and the firewall included. A step that does not come true ends it.
package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stage tells the process that it is inside its namespaces.
const stage = "VIFD_DEMO=inside"

// self is the running program, also after its file has been replaced.
const self = "/proc/self/exe"

// Run shows the demo and returns the program's exit code: 0 when every step came true, 1 when one did not, 3 when this host
// does not let it have namespaces.
func Run(out, errOut io.Writer, environ []string) (int, error) {
	if slices.Contains(environ, stage) {
		if err := show(out, errOut); err != nil {
			return 1, fmt.Errorf("demo: %w", err)
		}
		return 0, nil
	}
	code, err := inside(append(slices.Clone(environ), stage))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) || errors.Is(err, unix.EINVAL) {
		return 3, fmt.Errorf("demo: this host gives ordinary users no namespaces of their own (%w): %s; or run it under sudo", err, setting())
	}
	return code, err
}

// inside runs the program again in namespaces of its own and returns its exit code. Root needs no user namespace, unless it
// is a container's and may not make the others.
func inside(environ []string) (int, error) {
	private := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	mapped := &syscall.SysProcAttr{
		Cloneflags: private.Cloneflags | unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	start := func(attr *syscall.SysProcAttr) (*os.Process, error) {
		return os.StartProcess(self, os.Args, &os.ProcAttr{Env: environ, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attr})
	}
	p, err := start(private)
	if errors.Is(err, unix.EPERM) {
		p, err = start(mapped)
	}
	if err != nil {
		return 3, err
	}
	state, err := p.Wait()
	if err != nil {
		return 3, fmt.Errorf("demo: wait for the part inside: %w", err)
	}
	return state.ExitCode(), nil
}

// setting names what keeps user namespaces from an ordinary user here.
func setting() string {
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
