package nlconn

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"vifd/internal/testhost"
)

func TestSocket(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	must(t, c.Control(func(fd int) error {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %#x (%v), want FD_CLOEXEC", flags, err)
		}
		return nil
	}))
	refusal := errors.New("refused")
	if err := c.Control(func(int) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("Control returned %v, want %v", err, refusal)
	}
	must(t, c.Close())
	must(t, c.Close())
	if err := c.Ack(ask(1, 0)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ack after Close: %v", err)
	}
	if _, err := dump(t, c); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Dump after Close: %v", err)
	}
	if err := c.Control(func(int) error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Control after Close: %v", err)
	}
}

func TestDialOfNoProtocol(t *testing.T) {
	t.Parallel()
	c, err := Dial(31) // MAX_LINKS is 32, and nobody has this one
	if !errors.Is(err, unix.EPROTONOSUPPORT) || c != nil {
		t.Errorf("got %v, %v, want none and EPROTONOSUPPORT", c, err)
	}
}

// TestConcurrentUse has one Conn used from many sides while it is closed: each gets its own answer, or os.ErrClosed.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := dial(t, testhost.New(t))
	var users, half sync.WaitGroup
	for range 4 {
		half.Add(1)
		users.Go(func() {
			for i := range 1000 {
				if i == 100 {
					half.Done()
				}
				given := 0
				err := c.Exchange(ask(1, 0), func(Message) error { given++; return nil })
				if err == nil && given == 1 {
					continue
				}
				if i < 100 || !errors.Is(err, os.ErrClosed) {
					t.Errorf("call %d: %d messages, %v", i, given, err)
				}
			}
		})
	}
	half.Wait()
	must(t, c.Close())
	users.Wait()
}

// TestLoss overruns the receive queue: what is asked next is not taken for answered, what is dumped next is whole, and the Conn
// stays good.
func TestLoss(t *testing.T) {
	t.Parallel()
	h := testhost.New(t)
	h.Veths(t, h, "vif1.0", "vif2.0")
	overrun := func(c *Conn) {
		must(t, c.Control(func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
				return err
			}
			for range 50 { // requests whose answers nobody reads
				if _, err := unix.Write(fd, ask(1, unix.NLM_F_ACK).Serialize()); err != nil {
					return err
				}
			}
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10) // room for what is asked next
		}))
	}
	nothing := func(Message) error { return nil }

	c := dial(t, h)
	for _, flags := range []int{0, unix.NLM_F_ACK} {
		overrun(c)
		if err := c.Exchange(ask(1, flags), nothing); !errors.Is(err, unix.ENOBUFS) || !errors.Is(err, ErrInterrupted) {
			t.Errorf("with flags %d: got %v, want the loss", flags, err)
		}
		must(t, c.Exchange(ask(1, flags), nothing))
	}
	overrun(c)
	for range 2 {
		if got, err := dump(t, c); err != nil || len(got) != 5 {
			t.Errorf("%d links, %v, want 5", len(got), err)
		}
	}
	must(t, c.Ack(ask(1, 0)))
}
