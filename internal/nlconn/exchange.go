package nlconn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A dump is repeated when the kernel says that something is missing, at first at once, then with pauses that double from
// dumpPause on; together half a second.
const (
	dumpTries = 10
	dumpPause = time.Millisecond
)

// Ack sends a request and waits for the kernel's acknowledgement.
func (c *Conn) Ack(req *nl.NetlinkRequest) error {
	req.Flags |= unix.NLM_F_ACK
	return c.Exchange(req, func(Message) error { return nil })
}

// Dump makes a request for a dump until its answer was whole: what an interrupted one gave is thrown away by restart, for it may
// lack objects that were there all the time. restart is called before the first try, too. A failure of each ends it, once
// the dump has been read.
func (c *Conn) Dump(ctx context.Context, request func() *nl.NetlinkRequest, restart func(), each func(Message) error) error {
	for try := range dumpTries {
		if err := pause(ctx, dumpPause<<try>>1); err != nil {
			return err
		}
		restart()
		if err := c.Exchange(request(), each); !errors.Is(err, ErrInterrupted) {
			return err
		}
	}
	return fmt.Errorf("%w %d times", ErrInterrupted, dumpTries)
}

// pause waits before a try: not before the first.
func pause(ctx context.Context, d time.Duration) error {
	if d < dumpPause {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Exchange sends req once and gives every message of the answer to each, until the kernel says that this was all: with an
// acknowledgement where req asks for one (NLM_F_ACK), with the end of a dump where it asks for that (NLM_F_DUMP). Any
// other request must be one that the kernel answers with a single message. The first failure of each is returned.
func (c *Conn) Exchange(req *nl.NetlinkRequest, each func(Message) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	if _, err := unix.Write(c.fd, req.Serialize()); err != nil {
		return os.NewSyscallError("write", err)
	}
	a := answerTo(req)
	for {
		b, err := c.receive(a.wait)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			a.lose()
			continue
		case errors.Is(err, unix.EAGAIN) && a.wait != 0:
			return errLost
		case errors.Is(err, unix.EAGAIN):
			return ErrTimeout
		case err != nil:
			return err
		}
		for len(b) > 0 {
			var m Message
			if m, b, err = NextMessage(b); err != nil {
				return err
			}
			if m.Seq != req.Seq {
				continue // the late answer to a request that was given up
			}
			if all, err := a.take(m, each); all {
				return err
			}
		}
	}
}

// answer is how far the answer to one request has come.
type answer struct {
	single, dump bool  // of which kind it will be; neither is an acknowledgement
	interrupted  bool  // by changes
	wait         int   // MSG_DONTWAIT once something is missing
	refused      error // by whom the messages are given to
}

func answerTo(req *nl.NetlinkRequest) answer {
	if req.Flags&unix.NLM_F_ACK != 0 { // of a change, whose other flags are the same bits as those that ask for a dump
		return answer{}
	}
	dump := req.Flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	return answer{single: !dump, dump: dump}
}

// lose notes that something is missing, maybe the end. What is there is read; the kernel goes on with a dump within recvmsg, so
// that an empty queue is an end as well.
func (a *answer) lose() { a.wait = unix.MSG_DONTWAIT }

// take gives one message to each, and tells whether it was the last.
func (a *answer) take(m Message, each func(Message) error) (bool, error) {
	a.interrupted = a.interrupted || m.Flags&unix.NLM_F_DUMP_INTR != 0
	if m.Type == unix.NLMSG_ERROR || m.Type == unix.NLMSG_DONE {
		err := verdict(m)
		if a.dump && errors.Is(err, unix.ENOBUFS) { // there was no room to begin with: it goes on all the same as room is made
			a.lose()
			return false, nil
		}
		if err != nil {
			return true, err
		}
		return true, a.end()
	}
	if a.refused == nil {
		a.refused = each(m) // the rest of a dump is read all the same: left behind, it would block the next one
	}
	if a.single {
		return true, a.end()
	}
	return false, nil
}

// end says what an answer is worth that the kernel has brought to its end.
func (a *answer) end() error {
	switch {
	case a.wait != 0:
		return errLost
	case a.interrupted:
		return ErrInterrupted
	default:
		return a.refused
	}
}
