package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// stormed is how many vifs come at once.
const stormed = 1000

// BenchmarkStorm measures budgets 4, 7 and 8: 1 000 vifs at once, the listener's memory with them, and its restart.
func BenchmarkStorm(b *testing.B) {
	program := build(b)
	for range b.N {
		storm(b, newHost(b, program, stormed))
	}
}

func storm(b *testing.B, h *host) {
	b.Helper()
	transactions := newEar(b, h, unix.NETLINK_NETFILTER, 1<<(unix.NFNLGRP_NFTABLES-1))
	links := newEar(b, h, unix.NETLINK_ROUTE, 1<<(unix.RTNLGRP_LINK-1))

	// The listener is stopped while they are plugged in, so that it finds all of them waiting.
	p := h.listen(b)
	p.Signal(b, unix.SIGSTOP)
	talk := newTalk(b, h, newGuest(1), newGuest(2))
	h.Veths(b, h.far, names(stormed)[2:]...)
	transactions.count(b, isGeneration)
	begin := time.Now()
	p.Signal(b, unix.SIGCONT)
	testhost.Wait(b, "all vifs to be configured", func() bool { return strings.Count(p.Output(), "msg=configured") >= stormed })
	took := time.Since(begin)
	writes := transactions.count(b, isGeneration)
	fmt.Printf("%d vifs at once: configured in %v, %d nftables transactions, %d lost\n", stormed, took.Round(time.Millisecond), writes, stormed-h.configured(b, p))
	verdict("4: vifs lost of 1 000", float64(stormed-h.configured(b, p)), 0)
	verdict("4: nftables transactions per vif", float64(writes)/stormed, 1.0/5)
	verdict("7: the listener's memory with 1 000 vifs, in MiB", rss(b, p), 32)

	stopTalk := talk.start(b)
	stop(b, p)
	// To read a link can make the kernel tell of a change of its carrier that it has put off (linkwatch_sync_dev).
	for i := 0; i <= stormed; i += perBridge {
		h.Run(b, "ip", "link", "show", "dev", bridgeOf(i))
	}
	links.quiet(b)
	transactions.count(b, isGeneration)
	begin = time.Now()
	p = h.listen(b)
	took = time.Since(begin)
	writes, changes := transactions.count(b, isGeneration), links.count(b, isChange)
	sent, lost := stopTalk()
	fmt.Printf("restart with %d vifs: ready after %v, %d nftables transactions, %d link messages; %d packets sent\n", stormed,
		took.Round(time.Millisecond), writes, changes, sent)
	verdict("8: writes to the kernel at a restart", float64(writes+changes), 0)
	verdict("8: packets lost meanwhile", float64(lost), 0)
	verdict("7: the listener's memory after a restart, in MiB", rss(b, p), 32)
}

// configured counts the records that say so.
func (h *host) configured(b *testing.B, p *testhost.Process) int {
	b.Helper()
	files, err := filepath.Glob(h.records(p) + "/*.json")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if data, _ := os.ReadFile(file); bytes.Contains(data, []byte(`"state":"configured"`)) {
			n++
		}
	}
	return n
}

// rss is the process's resident memory in MiB.
func rss(b *testing.B, p *testhost.Process) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ = strings.Cut(line, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		b.Fatalf("VmRSS: %v", err)
	}
	return float64(kib) / 1024
}

// ear hears what the kernel tells everybody about changes. Its queue holds more than a storm.
type ear struct {
	fd  int
	buf []byte
}

func newEar(b *testing.B, h *host, protocol int, groups uint32) *ear {
	b.Helper()
	e := &ear{buf: make([]byte, 64<<10)}
	h.Do(b, func() (err error) {
		if e.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol); err != nil {
			return err
		}
		if unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20) != nil {
			err = unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 256<<20)
		}
		return errors.Join(err, unix.Bind(e.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}))
	})
	b.Cleanup(func() { _ = unix.Close(e.fd) })
	return e
}

// count takes what has been told since the last time and counts the messages that are meant.
func (e *ear) count(b *testing.B, meant func(kind uint16) bool) int {
	b.Helper()
	n := 0
	for {
		size, _, err := unix.Recvfrom(e.fd, e.buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			b.Fatalf("listening to the kernel: %v", err) // ENOBUFS among others: what is counted would be too little
		}
		for data := e.buf[:size]; len(data) >= unix.SizeofNlMsghdr; {
			if meant(native.Uint16(data[4:])) {
				n++
			}
			data = data[min(int(native.Uint32(data)+3)&^3, len(data)):]
		}
	}
}

// quiet waits until nothing has been told for as long as the kernel puts off telling of carriers (net/core/link_watch.c: a
// second), and throws away what has been.
func (e *ear) quiet(b *testing.B) {
	b.Helper()
	for {
		e.count(b, isChange)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}, 1500)
		if n == 0 && err == nil {
			return
		}
	}
}

// isGeneration picks the message that ends what is told of a transaction.
func isGeneration(kind uint16) bool { return kind == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN }

func isChange(kind uint16) bool { return kind == unix.RTM_NEWLINK || kind == unix.RTM_DELLINK }
