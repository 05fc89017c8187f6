package lab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stage tells the process that it is inside its namespaces.
const stage = "VIFD_LAB=inside"

// self is the running program, also after its file has been replaced.
const self = "/proc/self/exe"

// Inside reports whether the process is in namespaces that RunInside has made.
func Inside(environ []string) bool { return slices.Contains(environ, stage) }

// RunInside runs the program again, with the same arguments, in a user and a network namespace of its own, and returns its exit
// code. Root needs no user namespace, unless it is a container's and may not make the other.
func RunInside(environ []string) (int, error) {
	private := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	mapped := &syscall.SysProcAttr{
		Cloneflags: private.Cloneflags | unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	start := func(attr *syscall.SysProcAttr) (*os.Process, error) {
		return os.StartProcess(self, os.Args, &os.ProcAttr{
			Env: append(slices.Clone(environ), stage), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attr,
		})
	}
	p, err := start(private)
	if errors.Is(err, unix.EPERM) {
		p, err = start(mapped)
	}
	if err != nil {
		return -1, fmt.Errorf("this host gives ordinary users no namespaces of their own (%w): %s; or run it under sudo", err, setting())
	}
	state, err := p.Wait()
	if err != nil {
		return -1, fmt.Errorf("wait for the part inside: %w", err)
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
