package testhost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// insideEnv is set for the test binary that Main has moved into its namespaces, and inherited by what the tests start, so
// that a test binary which runs itself as a child does not move again.
const insideEnv = "VIFD_TESTHOST_INSIDE"

// Main runs a package's tests in a network and mount namespace of their own and exits with their result. Where the caller
// is not root, or is root without the capabilities to make namespaces, they get a user namespace as well, in which they are
// root; that needs unprivileged user namespaces to be allowed. It is the body of TestMain:
//
//	func TestMain(m *testing.M) { testhost.Main(m) }
func Main(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	code, err := moveInside()
	if err != nil {
		fmt.Fprintf(os.Stderr, "testhost: moving the tests into namespaces of their own: %v\n", err)
	}
	os.Exit(code)
}

// Unprivileged tells whether the tests are root in a user namespace only: the one Main made, or one they were started in.
// There the kernel refuses a few things that no namespace owns: SO_RCVBUFFORCE, mknod, writing to uevent files in sysfs.
func Unprivileged() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	// The first user namespace maps all numbers to themselves (user_namespaces(7)); without the file there are no others.
	return err == nil && !slices.Equal(strings.Fields(string(ids)), []string{"0", "0", "4294967295"})
}

// moveInside runs this test binary again, with the same arguments and files, and returns its exit code.
func moveInside() (int, error) {
	// The parent-death signal is sent when the thread that started the child ends, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if !canUnshare() {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = attr

	// SIGQUIT is how "go test" asks for the stacks of a binary that hangs.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s) // it may have ended by itself in this moment
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := exit.ExitCode(); code >= 0 {
			return code, nil
		}
		return 1, err
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// canUnshare tells whether this process may make namespaces without a user namespace, and rule over the network ones.
func canUnshare() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if os.Geteuid() != 0 || unix.Capget(&hdr, &data[0]) != nil {
		return false
	}
	const need = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_RAW
	return data[0].Effective&need == need
}
