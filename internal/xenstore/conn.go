package xenstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxUnanswered is how many requests that were given up may await their late answers before the connection is given up, too.
const maxUnanswered = 1024

// Why a connection ends.
var (
	errHungUp = errors.New("xenstored hung up")
	errHalf   = errors.New("xenstored stopped in the middle of a message")
	errSilent = fmt.Errorf("xenstored has left more than %d requests unanswered", maxUnanswered)
)

// conn is one connection. It lives until fail; nothing makes it good again.
type conn struct {
	stream stream
	device bool          // /dev/xen/xenbus, with its ways
	writer chan struct{} // of capacity 1: who fills it may write
	done   chan struct{} // closed when the connection has failed
	// background is the reader and what tidies up. Its Add happens under mu while err is nil, hence before a Wait behind fail.
	background sync.WaitGroup

	mu         sync.Mutex
	err        error // why it has failed
	lastID     uint32
	calls      map[uint32]*call
	unanswered int // of calls, those that were given up
	queues     map[string]*queue
}

// call is a request under way.
type call struct {
	message
	undo    func(answer) message // what takes it back if its answer comes too late; nil where nothing is to be taken back
	givenUp bool                 // nobody waits for it
	result  chan result          // of capacity 1, so that the reader never waits
}

type result struct {
	answer
	err error
}

// answer is what xenstored said to a request.
type answer struct {
	payload []byte
	refused *Error // and why not; then there is no payload
}

func newConn(s stream, device bool) *conn {
	c := &conn{
		stream: s, device: device, writer: make(chan struct{}, 1), done: make(chan struct{}),
		calls: make(map[uint32]*call), queues: make(map[string]*queue),
	}
	c.background.Go(c.read)
	return c
}

// read takes messages until there are no more, or one that makes no sense. It waits for nobody but xenstored.
func (c *conn) read() {
	r := newMessageReader(c.stream, c.stream.SetReadDeadline)
	for {
		m, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			err = errHungUp
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("%w in the middle of a message", errHungUp)
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = errHalf // not the time-out itself, which whoever waits would take for its own
		}
		if err == nil {
			err = c.take(m)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// fail ends the connection: calls under way learn that they were lost. The first cause stays.
func (c *conn) fail(cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = cause
	for _, waiting := range c.calls {
		waiting.result <- result{err: &lostError{sent: true, cause: cause}}
	}
	c.calls, c.queues = nil, nil
	close(c.done)
	c.mu.Unlock()
	_ = c.stream.Close() // whatever it says, we have done with it
}

// close ends the connection and waits until nothing of it runs.
func (c *conn) close() {
	c.fail(ErrClosed)
	c.background.Wait()
}

func (c *conn) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// take is what becomes of one message.
func (c *conn) take(m message) error {
	if m.kind == kindWatchEvent {
		return c.event(m.payload)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked(m)
	switch {
	case asked == nil && c.err == nil:
		return fmt.Errorf("%w: it answers request %d, which was not made", errGarbage, m.id)
	case asked == nil:
		return nil // fail has answered it
	case m.kind != asked.kind && m.kind != kindError:
		return fmt.Errorf("%w: it answers a request of type %d with type %d", errGarbage, asked.kind, m.kind)
	}
	delete(c.calls, asked.id)
	a := answer{payload: m.payload}
	if m.kind == kindError {
		a = answer{refused: refusal(m.payload)}
	}
	if !asked.givenUp {
		asked.result <- result{answer: a}
		return nil
	}
	c.unanswered--
	if asked.undo != nil && a.refused == nil {
		c.tidyLocked(asked.undo(a))
	}
	return nil
}

// asked finds the request that m answers. Old kernels answer WATCH and UNWATCH themselves, without its id but before write(2) returns,
// hence in order (xenbus_write_watch).
func (c *conn) asked(m message) *call {
	found := c.calls[m.id]
	if found != nil || !c.device || m.id != 0 || m.kind != kindWatch && m.kind != kindUnwatch {
		return found
	}
	for _, one := range c.calls {
		if one.kind == m.kind && (found == nil || int32(one.id-found.id) < 0) {
			found = one
		}
	}
	return found
}

// register gives each call its id. It is for who may write, so that ids go out in order.
func (c *conn) register(calls []*call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return &lostError{cause: c.err}
	}
	for _, one := range calls {
		// 0 is what unasked messages have, and an id may still be in use after 4 294 967 295 others.
		for c.lastID++; c.lastID == 0 || c.calls[c.lastID] != nil; c.lastID++ {
		}
		one.id = c.lastID
		c.calls[one.id] = one
	}
	return nil
}

// forget takes back what register did, of calls that were not sent.
func (c *conn) forget(calls []*call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range calls {
		delete(c.calls, one.id)
	}
}

// settle gives a call its answer, unless it has one.
func (c *conn) settle(one *call, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[one.id] == one {
		delete(c.calls, one.id)
		one.result <- result{answer: a}
	}
}

// giveUp says that nobody will wait for a call any more. False: its result is there already.
func (c *conn) giveUp(one *call) bool {
	c.mu.Lock()
	if c.calls[one.id] != one {
		c.mu.Unlock()
		return false
	}
	one.givenUp = true
	c.unanswered++
	silent := c.unanswered > maxUnanswered
	c.mu.Unlock()
	if silent {
		c.fail(errSilent)
	}
	return true
}
