package rtnl

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
	"vifd/internal/nlconn/fakekernel"
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
	testhost.Wait(t, "5 interrupted dumps", func() bool {
		changed := make(chan error, 1)
		go func() { changed <- addAndDelete(h.Links()) }()
		err := c.conn.Exchange(getRequest(unix.NLM_F_DUMP, 0), func(nlconn.Message) error { return nil })
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
		return interrupted >= 5
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
	for _, bad := range []int{0, 1, 9, 10} { // Dump tries 10 times
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			t.Parallel()
			c := &Conn{conn: nlconn.Wrap(fakekernel.Start(t, func(try int, seq uint32) []byte {
				flags := uint16(unix.NLM_F_MULTI)
				if try < bad {
					flags |= unix.NLM_F_DUMP_INTR
				}
				name := nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(fmt.Sprintf("try%d", try)))
				return append(fakekernel.Message(unix.RTM_NEWLINK, flags, seq, linkMessage(unix.AF_UNSPEC, 7, name)),
					fakekernel.Message(unix.NLMSG_DONE, flags, seq, make([]byte, 4))...)
			}))}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			links, err := c.Links(t.Context())
			if bad == 10 {
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
