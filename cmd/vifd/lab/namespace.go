package lab

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace, and a thread in it.
type namespace struct {
	calls chan func()
	file  *os.File
	links *netlink.Handle
}

func newNamespace() (*namespace, error) {
	n := &namespace{calls: make(chan func())}
	started := make(chan error)
	go n.live(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return n, nil
}

// live keeps a thread in the namespace. A thread that has changed namespaces is not given back to Go.
func (n *namespace) live(started chan<- error) {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err == nil {
		n.file, err = os.Open("/proc/thread-self/ns/net")
	}
	if err == nil {
		n.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	started <- err
	if err != nil {
		return
	}
	n.silence()
	for f := range n.calls {
		f()
	}
}

// silence keeps the namespace from sending anything of its own, and br_netfilter from judging what the bridge family judges.
// A host on which these cannot be written is a little noisier, which nobody mistakes for an answer.
func (n *namespace) silence() {
	for _, name := range []string{"ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6"} {
		_ = os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0o644)
	}
	for _, name := range []string{"iptables", "ip6tables", "arptables"} {
		_ = os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+name, []byte("0"), 0o644)
	}
}

// do runs f in the namespace.
func (n *namespace) do(f func() error) error {
	done := make(chan error)
	n.calls <- func() { done <- f() }
	return <-done
}

func (n *namespace) close() {
	close(n.calls)
	n.links.Close()
	_ = n.file.Close()
}
