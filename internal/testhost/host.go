package testhost

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Host is a network namespace with a mount namespace in which /sys shows its devices. Its methods may be called
// concurrently. It lives until the test that made it ends.
type Host struct {
	net, mnt int             // descriptors of the two namespaces
	dir      string          // working directory of the tests, which joining a mount namespace loses
	jobs     chan func()     // for the thread that lives as long as the host
	links    *netlink.Handle // rtnetlink socket in the host
	ended    <-chan struct{} // the thread has left
}

// New makes a host with nothing but lo, which is up.
func New(t testing.TB) *Host {
	t.Helper()
	h, err := open()
	if err != nil {
		t.Fatalf("testhost: making a host: %v", err)
	}
	t.Cleanup(h.close)
	return h
}

func open() (*Host, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	h := &Host{net: -1, mnt: -1, dir: dir, jobs: make(chan func()), ended: ended}
	ready := make(chan error)
	go onOwnThread(func() {
		defer close(ended)
		if err := h.enterNew(); err != nil {
			ready <- err
			return
		}
		ready <- nil
		for job := range h.jobs {
			job()
		}
	})
	if err := <-ready; err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// enterNew moves the calling thread into new namespaces and furnishes them.
func (h *Host) enterNew() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making all mounts private: %w", err)
	}
	// A sysfs shows the devices of the network namespace it was mounted in.
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting sysfs on /sys: %w", err)
	}
	var err error
	if h.net, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("opening the network namespace: %w", err)
	}
	if h.mnt, err = unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("opening the mount namespace: %w", err)
	}
	if h.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("opening rtnetlink: %w", err)
	}
	lo, err := h.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("looking up lo: %w", err)
	}
	if err := h.links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("setting lo up: %w", err)
	}
	return nil
}

// join moves the calling thread, which must be one to be thrown away, into the host's namespaces.
func (h *Host) join() error {
	// The kernel lets a thread change its mount namespace only if it shares its root and working directory with nobody.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("testhost: unsharing the file system state: %w", err)
	}
	if err := unix.Setns(h.net, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("testhost: joining the network namespace: %w", err)
	}
	if err := unix.Setns(h.mnt, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("testhost: joining the mount namespace: %w", err)
	}
	if err := unix.Chdir(h.dir); err != nil {
		return fmt.Errorf("testhost: returning to %s: %w", h.dir, err)
	}
	return nil
}

// onHostThread runs f on the thread that lives as long as the host.
func (h *Host) onHostThread(f func() error) error {
	done := make(chan error, 1)
	h.jobs <- func() { done <- f() }
	return <-done
}

func (h *Host) close() {
	close(h.jobs)
	<-h.ended
	if h.links != nil {
		h.links.Close()
	}
	for _, fd := range []int{h.net, h.mnt} {
		if fd >= 0 {
			_ = unix.Close(fd) // nothing to be done about it, and nothing lost
		}
	}
}

// Netns is the network namespace's descriptor, for libraries that ask for one. It stays the host's.
func (h *Host) Netns() netns.NsHandle { return netns.NsHandle(h.net) }

// NetnsPath is a path by which other processes can open the network namespace while the host lives.
func (h *Host) NetnsPath() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.net) }

// Links is an rtnetlink handle in the host, safe for concurrent use. It stays the host's.
func (h *Host) Links() *netlink.Handle { return h.links }

// Tmpfs mounts an empty file system on dir, an existing directory, for this host and the programs started in it from now
// on: "/run" for a program that keeps its state there.
func (h *Host) Tmpfs(t testing.TB, dir string) {
	t.Helper()
	err := h.onHostThread(func() error {
		return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755")
	})
	if err != nil {
		t.Fatalf("testhost: mounting a tmpfs on %s: %v", dir, err)
	}
}

// Bind makes from, a file or directory, appear at to, an existing one of the same sort, for this host and the programs
// started in it from now on.
func (h *Host) Bind(t testing.TB, from, to string) {
	t.Helper()
	err := h.onHostThread(func() error { return unix.Mount(from, to, "", unix.MS_BIND, "") })
	if err != nil {
		t.Fatalf("testhost: mounting %s on %s: %v", from, to, err)
	}
}

// onOwnThread runs f on a thread that no other goroutine has used or will use. It must be called as a goroutine of its own:
// the thread ends with it.
func onOwnThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	// The process's first thread never ends, and its namespaces are what /proc/self shows. While this goroutine holds it,
	// another one gets another.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
	runtime.UnlockOSThread()
}
