package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// bare is the program that vifd is measured against. It makes the system calls that vifd makes, for one guest that it knows
// beforehand, in one thread: no rules, no checks, nothing to fall back on, all that can be made ready beforehand is.
type bare struct {
	guest        guest
	bridge       string
	state        string
	events       int // uevents
	links        int // rtnetlink
	nft          int
	add, del     []byte
	readBridge   []byte
	buf          []byte
	record, temp string
}

// runBare is the process: it configures the guest each time it appears, until it is killed.
func runBare(g guest, bridge, state string) error {
	runtime.LockOSThread()
	p := &bare{
		guest: g, bridge: bridge, state: state, buf: make([]byte, 64<<10),
		add: g.batch(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE), del: g.batch(unix.NFT_MSG_DELSETELEM, 0),
		readBridge: getLink(0, attr(nil, unix.IFLA_IFNAME, text(bridge))),
	}
	var err error
	open := func(protocol int, groups uint32) int {
		fd, e := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		err = errors.Join(err, e, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}))
		return fd
	}
	p.events = open(unix.NETLINK_KOBJECT_UEVENT, 1)
	p.links = open(unix.NETLINK_ROUTE, 0)
	p.nft = open(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	suffix := []byte("/" + g.name)
	for {
		n, _, err := unix.Recvfrom(p.events, p.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		what, env, _ := bytes.Cut(p.buf[:n], []byte{0})
		if !bytes.HasSuffix(what, suffix) {
			continue
		}
		switch {
		case bytes.HasPrefix(what, []byte("add@")):
			_, number, _ := bytes.Cut(env, []byte("IFINDEX="))
			number, _, _ = bytes.Cut(number, []byte{0})
			index, err := strconv.Atoi(string(number))
			if err != nil {
				return err
			}
			if err := p.connect(index); err != nil {
				return err
			}
		case bytes.HasPrefix(what, []byte("remove@")):
			if err := p.disconnect(); err != nil {
				return err
			}
		}
	}
}

// connect does what vifd does, in the same order.
func (p *bare) connect(index int) error {
	p.record = filepath.Join(p.state, strconv.Itoa(index)+".json")
	p.temp = filepath.Join(p.state, strconv.Itoa(index)+".tmp")
	if _, err := p.ask(p.links, getLink(index)); err != nil {
		return err
	}
	if err := p.write(index, "working"); err != nil {
		return err
	}
	if _, err := p.ask(p.nft, p.add); err != nil {
		return fmt.Errorf("add elements: %w", err)
	}
	if _, err := p.ask(p.links, getLink(index)); err != nil { // still the same one?
		return err
	}
	bridge, err := p.ask(p.links, p.readBridge)
	if err != nil {
		return fmt.Errorf("read bridge: %w", err)
	}
	master := int(native.Uint32(bridge[unix.SizeofNlMsghdr+4:]))
	hostMAC := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
	if _, err := p.ask(p.links, setLink(index, 0, attr(nil, unix.IFLA_ADDRESS, hostMAC), attr(nil, unix.IFLA_MASTER, ne32(uint32(master))))); err != nil {
		return err
	}
	if _, err := p.ask(p.links, setLink(index, unix.IFF_UP)); err != nil {
		return err
	}
	if _, err := p.ask(p.links, getLink(index)); err != nil { // is it as wanted?
		return err
	}
	return p.write(index, "configured")
}

func (p *bare) disconnect() error {
	if _, err := p.ask(p.nft, p.del); err != nil {
		return fmt.Errorf("delete elements: %w", err)
	}
	return os.Remove(p.record)
}

// ask sends a request and returns the answer.
func (p *bare) ask(fd int, request []byte) ([]byte, error) {
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	n, _, err := unix.Recvfrom(fd, p.buf, 0)
	if err != nil {
		return nil, err
	}
	answer := p.buf[:n]
	if native.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if errno := -int32(native.Uint32(answer[unix.SizeofNlMsghdr:])); errno != 0 {
			return nil, unix.Errno(errno)
		}
	}
	if fd == p.nft { // is there another one?
		if _, _, err := unix.Recvfrom(fd, p.buf[n:], unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
			return nil, fmt.Errorf("a second answer: %w", err)
		}
	}
	return answer, nil
}

// write replaces the record in one step.
func (p *bare) write(index int, state string) error {
	fd, err := unix.Open(p.temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create record: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		return err
	}
	record := fmt.Appendf(p.buf[:0], recordFormat, index, p.guest.name, p.bridge, state, p.bridge)
	if _, err := unix.Write(fd, record); err != nil {
		return err
	}
	return unix.Rename(p.temp, p.record)
}

// recordFormat is as long as one of vifd's.
const recordFormat = `{"version":1,"boot":"00000000-0000-0000-0000-000000000000","ifindex":%d,"interface":%q,"rule":"guests","action":"bridge",` +
	`"network":%q,"firewall":["source-guard"],"state":%q,"since":"2026-01-01T00:00:00.000000000Z","link":{"bridge":%q,"bridgeIfindex":1}}` + "\n"
