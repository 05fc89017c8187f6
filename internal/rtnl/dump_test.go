package rtnl

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

// TestDumpUnderChurn dumps a host whose links come and go all the time, so that the kernel interrupts dumps: no link that is
// there all the time may ever be missing.
func TestDumpUnderChurn(t *testing.T) {
	t.Parallel()
	h, far := testhost.New(t), testhost.New(t)
	const stable = 200
	var names []string
	for i := range stable {
		names = append(names, fmt.Sprintf("vif%d.0", i))
	}
	h.Veths(t, far, names...)

	var c *Conn
	h.Do(t, func() (err error) {
		c, err = Dial()
		return err
	})
	defer c.Close()

	interrupted := 0
	testhost.Wait(t, "20 interrupted dumps", func() bool {
		changed := make(chan error, 1)
		go func() { changed <- addAndDelete(h.Links()) }()
		err := c.exchange(getRequest(unix.NLM_F_DUMP, 0), func(message) error { return nil })
		if errors.Is(err, ErrInterrupted) {
			interrupted++
		} else if err != nil {
			t.Fatal(err)
		}
		links, err := c.Links(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, l := range links {
			seen[l.Name]++
		}
		for _, name := range names {
			if seen[name] != 1 {
				t.Fatalf("%s was listed %d times", name, seen[name])
			}
		}
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
		return interrupted >= 20
	})
}

func addAndDelete(h *netlink.Handle) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "churn"
	for range 5 {
		link := &netlink.Bridge{LinkAttrs: attrs}
		if err := h.LinkAdd(link); err != nil {
			return err
		}
		if err := h.LinkDel(link); err != nil {
			return err
		}
	}
	return nil
}

// TestDumpIsRepeated has the first dumps interrupted, and then all: what these gave is never given out.
func TestDumpIsRepeated(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{0, 1, dumpTries - 1, dumpTries} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			c := fakeKernel(t, func(try int, seq uint32) []byte {
				flags := uint16(unix.NLM_F_MULTI)
				if try < bad {
					flags |= unix.NLM_F_DUMP_INTR
				}
				name := fmt.Sprintf("try%d", try)
				return append(encode(unix.RTM_NEWLINK, flags, seq, linkMessage(unix.AF_UNSPEC, 7, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))),
					encode(unix.NLMSG_DONE, flags, seq, make([]byte, 4))...)
			})
			links, err := c.Links(t.Context())
			if bad == dumpTries {
				if !errors.Is(err, ErrInterrupted) || links != nil {
					t.Fatalf("got %v and error %v, want none and %v", links, err, ErrInterrupted)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("try%d", bad); len(links) != 1 || links[0].Name != want {
				t.Errorf("got %v, want %s alone", links, want)
			}
		})
	}
}

// TestStaleAnswers checks that the answer to a request that was given up is not taken for the next one's.
func TestStaleAnswers(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(_ int, seq uint32) []byte {
		return append(encode(unix.NLMSG_ERROR, 0, seq-1, make([]byte, 20)),
			encode(unix.NLMSG_ERROR, 0, seq, append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 16)...))...)
	})
	if err := c.Set(7, Change{MTU: 1500}); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want the refusal and not the success before it", err)
	}
}

// fakeKernel is a Conn whose requests answer is asked to answer.
func fakeKernel(t *testing.T, answer func(try int, seq uint32) []byte) *Conn {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxMessage)
		for try := 0; ; try++ {
			n, err := unix.Read(fds[1], buf)
			if n <= 0 || err != nil {
				return
			}
			m, _, err := nextMessage(buf[:n])
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := unix.Write(fds[1], answer(try, m.seq)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	c := &Conn{fd: fds[0], buf: make([]byte, maxMessage)}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		<-done
		if err := unix.Close(fds[1]); err != nil {
			t.Error(err)
		}
	})
	return c
}
