package nlconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn/fakekernel"
)

// TestDumpIsRepeated has the first dumps interrupted, and then all: what these gave is never given out.
func TestDumpIsRepeated(t *testing.T) {
	t.Parallel()
	noRoom := fakekernel.Refusal(unix.ENOBUFS)
	for name, interrupt := range map[string]func(seq, n uint32) []byte{
		"changes": func(seq, n uint32) []byte {
			return append(object(unix.NLM_F_DUMP_INTR, seq, n), done(seq)...)
		},
		"changes before the end": func(seq, n uint32) []byte {
			return append(object(0, seq, n), fakekernel.Message(unix.NLMSG_DONE, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, seq, make([]byte, 4))...)
		},
		"no room to begin": func(seq, n uint32) []byte {
			return slices.Concat(fakekernel.Message(unix.NLMSG_ERROR, 0, seq, noRoom), object(0, seq, n), done(seq))
		},
		"no room for the end": func(seq, n uint32) []byte {
			return slices.Concat(fakekernel.Message(unix.NLMSG_ERROR, 0, seq, noRoom), object(0, seq, n))
		},
	} {
		for _, bad := range []int{0, 1, dumpTries - 1, dumpTries} {
			t.Run(fmt.Sprint(name, " ", bad, " times"), func(t *testing.T) {
				t.Parallel()
				c := fakeKernel(t, func(try int, seq uint32) []byte {
					if try < bad {
						return interrupt(seq, uint32(try))
					}
					return append(object(0, seq, uint32(try)), done(seq)...)
				})
				got, err := dump(t, c)
				if bad == dumpTries {
					if !errors.Is(err, ErrInterrupted) {
						t.Fatalf("got %v, %v, want %v", got, err, ErrInterrupted)
					}
					return
				}
				if err != nil || !slices.Equal(got, []uint32{uint32(bad)}) {
					t.Errorf("got %v, %v, want %d alone", got, err, bad)
				}
			})
		}
	}
}

// TestDumpEndsWithItsContext: before the first try, and between two.
func TestDumpEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, tries := range []int{0, 1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		made := 0
		c := fakeKernel(t, func(_ int, seq uint32) []byte {
			return append(object(unix.NLM_F_DUMP_INTR, seq, 7), done(seq)...)
		})
		if tries == 0 {
			cancel()
		}
		err := c.Dump(ctx, func() *nl.NetlinkRequest {
			if made++; made == tries {
				cancel()
			}
			return ask(0, unix.NLM_F_DUMP)
		}, func() {}, func(Message) error { return nil })
		if !errors.Is(err, context.Canceled) || made != tries {
			t.Errorf("got %v after %d tries, want %v after %d", err, made, context.Canceled, tries)
		}
	}
}

// TestRefusedMessage: a dump is read to its end although nobody wants the rest, and the first refusal is told.
func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(try int, seq uint32) []byte {
		if try > 0 {
			return fakekernel.Message(unix.NLMSG_ERROR, 0, seq, fakekernel.Refusal(0))
		}
		return slices.Concat(object(0, seq, 1), object(0, seq, 2), object(0, seq, 3), done(seq))
	})
	refusal, given := errors.New("refused"), 0
	err := c.Exchange(ask(0, unix.NLM_F_DUMP), func(Message) error {
		if given++; given == 2 {
			return refusal
		}
		return nil
	})
	if !errors.Is(err, refusal) || given != 2 {
		t.Errorf("got %v after %d messages, want %v after 2", err, given, refusal)
	}
	must(t, c.Ack(ask(1, 0)))
}

// TestWhatEndsAnAnswer: one message is all of an answer where nothing else is asked for, and not where that is.
func TestWhatEndsAnAnswer(t *testing.T) {
	t.Parallel()
	refuse := func(seq uint32) []byte {
		return fakekernel.Message(unix.NLMSG_ERROR, 0, seq, fakekernel.Refusal(unix.EPERM))
	}
	for name, tt := range map[string]struct {
		flags int
		end   func(seq uint32) []byte
		want  error
	}{
		"single":              {0, func(uint32) []byte { return nil }, nil},
		"acknowledgement":     {unix.NLM_F_ACK, refuse, unix.EPERM},
		"end of a dump":       {unix.NLM_F_DUMP, done, nil},
		"error within a dump": {unix.NLM_F_DUMP, refuse, unix.EPERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fakeKernel(t, func(_ int, seq uint32) []byte {
				return append(fakekernel.Message(unix.RTM_NEWLINK, 0, seq, make([]byte, 4)), tt.end(seq)...)
			})
			given := 0
			for range 2 {
				if err := c.Exchange(ask(1, tt.flags), func(Message) error { given++; return nil }); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			}
			if given != 2 {
				t.Errorf("%d messages were given of 2 answers", given)
			}
		})
	}
}

// TestRefusalForWantOfRoom is a refusal, and not the beginning of a dump that goes on.
func TestRefusalForWantOfRoom(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(_ int, seq uint32) []byte {
		return fakekernel.Message(unix.NLMSG_ERROR, 0, seq, fakekernel.Refusal(unix.ENOBUFS))
	})
	for _, flags := range []int{0, unix.NLM_F_ACK, unix.NLM_F_ACK | unix.NLM_F_REPLACE | unix.NLM_F_EXCL} {
		err := c.Exchange(ask(1, flags), func(Message) error { return nil })
		var refused *Error
		if !errors.As(err, &refused) || refused.Errno != unix.ENOBUFS || errors.Is(err, ErrInterrupted) {
			t.Errorf("got %v, want the refusal", err)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(int, uint32) []byte { return nil })
	must(t, c.Control(func(fd int) error {
		return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 10000})
	}))
	if _, err := dump(t, c); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want %v", err, ErrTimeout)
	}
}

// TestStaleAnswer: the answer to a request that was given up is not taken for the next one's.
func TestStaleAnswer(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(_ int, seq uint32) []byte {
		return append(fakekernel.Message(unix.NLMSG_ERROR, 0, seq-1, fakekernel.Refusal(0)),
			fakekernel.Message(unix.NLMSG_ERROR, 0, seq, fakekernel.Refusal(unix.EPERM))...)
	})
	if err := c.Ack(ask(1, 0)); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want the refusal and not the success before it", err)
	}
}

// TestOverlongAnswer must not be taken for what fits of it.
func TestOverlongAnswer(t *testing.T) {
	t.Parallel()
	c := fakeKernel(t, func(_ int, seq uint32) []byte {
		return append(done(seq), make([]byte, maxMessage)...)
	})
	if _, err := dump(t, c); !errors.Is(err, errOverflow) {
		t.Errorf("got %v, want %v", err, errOverflow)
	}
}
