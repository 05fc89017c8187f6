package xenstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// tidyTimeout is how long a request that tidies up may wait to be sent; when it is over the connection is ended, upon which xenstored
// tidies up by itself: it keeps no watch and no transaction of a connection that has gone.
const tidyTimeout = 5 * time.Second

// exchange sends all messages, then awaits the answers, which come in the messages' order. The error is of the connection
// (*lostError), or of ctx: a *gaveUpError where the messages were sent.
func (c *conn) exchange(ctx context.Context, messages ...message) ([]answer, error) {
	calls := make([]*call, len(messages))
	for i, m := range messages {
		calls[i] = newCall(m)
	}
	if err := c.send(ctx, calls); err != nil {
		return nil, err
	}
	answers := make([]answer, len(calls))
	var failure error
	for i, one := range calls {
		a, err := c.await(ctx, one)
		if failure == nil {
			failure = err
		}
		answers[i] = a
	}
	return answers, failure
}

// one is exchange for a request that must be taken back if its answer comes too late.
func (c *conn) one(ctx context.Context, m message, undo func(answer) message) (answer, error) {
	single := newCall(m)
	single.undo = undo
	if err := c.send(ctx, []*call{single}); err != nil {
		return answer{}, err
	}
	return c.await(ctx, single)
}

func newCall(m message) *call { return &call{message: m, result: make(chan result, 1)} }

// await waits for a call's result.
func (c *conn) await(ctx context.Context, one *call) (answer, error) {
	select {
	case r := <-one.result:
		return r.answer, r.err
	case <-ctx.Done():
	}
	if c.giveUp(one) {
		return answer{}, &gaveUpError{cause: ctx.Err()}
	}
	r := <-one.result
	return r.answer, r.err
}

// send writes the calls, and registers them. With an error none of them was sent whole, but for a device, where those that were are
// given up.
func (c *conn) send(ctx context.Context, calls []*call) error {
	for _, one := range calls {
		if err := checkLength(one.payload, c.maxPayload()); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil { // select takes any of several
		return err
	}
	select {
	case c.writer <- struct{}{}:
		defer func() { <-c.writer }()
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
	}
	if err := c.register(calls); err != nil {
		return err
	}
	if c.device {
		return c.sendEach(ctx, calls)
	}
	var packet []byte
	for _, one := range calls {
		packet = appendMessage(packet, one.message)
		one.payload = nil
	}
	n, err := c.write(ctx, packet)
	if err == nil {
		return nil
	}
	c.forget(calls)
	switch {
	case n > 0:
		c.fail(fmt.Errorf("a request was cut short: %w", err)) // what follows would be taken for the rest of it
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.fail(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &lostError{cause: err}
}

// maxPayload is less by the header where the kernel collects a message in a buffer of XENSTORE_PAYLOAD_MAX (xenbus_file_write).
func (c *conn) maxPayload() int {
	if c.device {
		return maxPayload - headerLen
	}
	return maxPayload
}

// sendEach writes one message at a time, as xenbus_file_write takes them. What the kernel itself refuses of a message comes as
// write(2)'s error, and leaves it ready for the next.
func (c *conn) sendEach(ctx context.Context, calls []*call) error {
	for i, one := range calls {
		_, err := c.write(ctx, appendMessage(nil, one.message))
		var errno syscall.Errno
		switch {
		case err == nil:
		case errors.As(err, &errno):
			c.settle(one, answer{refused: &Error{Errno: errno}})
		default: // ctx has ended, or the file was closed
			c.forget(calls[i:])
			for _, sent := range calls[:i] {
				c.giveUp(sent)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &lostError{cause: err}
		}
	}
	return nil
}

// write writes b, as long as ctx allows.
func (c *conn) write(ctx context.Context, b []byte) (int, error) {
	if ctx.Done() == nil {
		return c.stream.Write(b)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = c.stream.SetWriteDeadline(time.Unix(1, 0)) // fails on a closed stream only, which does not write either
	})
	n, err := c.stream.Write(b)
	if !stop() {
		<-ended // else it would end the next write
		if reset := c.stream.SetWriteDeadline(time.Time{}); err == nil && reset != nil {
			c.fail(reset)
		}
	}
	return n, err
}

// tidy sends, in the background, a request whose answer matters to nobody, and which must reach xenstored.
func (c *conn) tidy(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.tidyLocked(m)
	}
}

func (c *conn) tidyLocked(m message) {
	c.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
		defer cancel()
		_, err := c.exchange(ctx, m)
		var gaveUp *gaveUpError
		if err != nil && !errors.As(err, &gaveUp) {
			c.fail(err)
		}
	})
}
