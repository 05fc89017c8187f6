package takeover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
	"vifd/internal/rtnl"
)

// Link is one of the two links concerned, as it was.
type Link struct {
	Index  int    `json:"ifindex"`
	Name   string `json:"name"`
	MAC    []byte `json:"mac"`
	MTU    int    `json:"mtu"`
	Up     bool   `json:"up"`
	Alias  string `json:"alias,omitempty"`
	Master int    `json:"master,omitempty"`
}

func (l Link) mac() net.HardwareAddr { return l.MAC }

func linkOf(l *rtnl.Link) Link {
	return Link{Index: l.Index, Name: l.Name, MAC: l.MAC, MTU: l.MTU, Up: l.Up(), Alias: l.Alias, Master: l.Master}
}

// kernel reads and changes a host. Every change goes by do.
type kernel struct {
	raw   *nlconn.Conn
	links *rtnl.Conn
	proc  string             // where procfs is mounted
	hook  func(point string) // told before and after every change
	told  func(line string)  // told what was done, as a command
}

func openKernel(cfg *Config) (*kernel, error) {
	raw, err := nlconn.Dial(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink socket: %w", err)
	}
	err = raw.Control(func(fd int) error {
		for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK} {
			if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	links, err := rtnl.Dial()
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &kernel{raw: raw, links: links, proc: cfg.Proc, hook: cfg.Hook, told: func(string) {}}, nil
}

func (k *kernel) close() { _, _ = k.raw.Close(), k.links.Close() }

// do makes one change; what is its command, for people and for errors.
func (k *kernel) do(what string, f func() error) error {
	k.at("before " + what)
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	k.told(what)
	k.at("after " + what)
	return nil
}

func (k *kernel) at(point string) {
	if k.hook != nil {
		k.hook(point)
	}
}

// send makes a change by a raw message.
func (k *kernel) send(kind, flags int, payload []byte, what string) error {
	return k.do(what, func() error {
		req := nl.NewNetlinkRequest(kind, flags)
		req.AddRawData(payload)
		return k.raw.Ack(req)
	})
}

// families are those of which a host has addresses.
func families() []byte { return []byte{unix.AF_INET, unix.AF_INET6} }

// collect dumps a kind for both families and parses each message.
func collect[T any](ctx context.Context, k *kernel, kind int, request func(family byte) []byte, parse func(b []byte) ([]T, error)) ([]T, error) {
	var all []T
	for _, family := range families() {
		var some []T
		err := k.raw.Dump(ctx, func() *nl.NetlinkRequest {
			req := nl.NewNetlinkRequest(kind, unix.NLM_F_DUMP)
			req.AddRawData(request(family))
			return req
		}, func() { some = nil }, func(m nlconn.Message) error {
			items, err := parse(m.Payload)
			some = append(some, items...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read what the kernel has (message type %d, family %d): %w", kind, family, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func familyRequest(size int) func(byte) []byte {
	return func(family byte) []byte {
		b := make([]byte, size)
		b[0] = family
		return b
	}
}

func (k *kernel) addresses(ctx context.Context) ([]address, error) {
	return collect(ctx, k, unix.RTM_GETADDR, familyRequest(addressHeader), func(b []byte) ([]address, error) {
		o, err := parseObject(b, addressHeader)
		return []address{{o}}, err
	})
}

// routes leaves out what the kernel keeps for single flows.
func (k *kernel) routes(ctx context.Context) ([]route, error) {
	return collect(ctx, k, unix.RTM_GETROUTE, familyRequest(routeHeader), parseRoutes)
}

func (k *kernel) rules(ctx context.Context) ([]rule, error) {
	return collect(ctx, k, unix.RTM_GETRULE, familyRequest(ruleHeader), func(b []byte) ([]rule, error) {
		o, err := parseObject(b, ruleHeader)
		return []rule{{o}}, err
	})
}

// neighbours reads both tables: the proxy entries are asked for apart.
func (k *kernel) neighbours(ctx context.Context, flags byte) ([]neighbour, error) {
	request := func(family byte) []byte {
		b := make([]byte, neighbourHeader)
		b[0], b[10] = family, flags
		return b
	}
	return collect(ctx, k, unix.RTM_GETNEIGH, request, func(b []byte) ([]neighbour, error) {
		o, err := parseObject(b, neighbourHeader)
		return []neighbour{{o}}, err
	})
}

// kept are the neighbour entries of two links that a person made.
func (k *kernel) kept(ctx context.Context, links ...int) ([]neighbour, error) {
	var kept []neighbour
	for _, flags := range []byte{0, unix.NTF_PROXY} {
		all, err := k.neighbours(ctx, flags)
		if err != nil {
			return nil, err
		}
		for _, n := range all {
			if n.matters() && (n.link() == links[0] || n.link() == links[1]) {
				kept = append(kept, n.clean())
			}
		}
	}
	return kept, nil
}

// set changes a link.
func (k *kernel) set(index int, what string, ch rtnl.Change) error {
	return k.do(what, func() error { return k.links.Set(index, ch) })
}
