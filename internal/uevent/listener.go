package uevent

import (
	"context"
	"errors"
	"fmt"

	"vifd/internal/nlsock"
	"vifd/internal/vif"
)

// DefaultReceiveBuffer is the receive buffer asked for, in bytes: what udevd asks for. The kernel's default holds some 250
// events, which 25 vifs make at once.
const DefaultReceiveBuffer = 128 << 20

// A Sink takes what a Listener hears. Its methods are called from Run's goroutine and should return quickly.
type Sink interface {
	// Event tells of an event of a network interface, or of a Xen backend device. The event is the Sink's to keep.
	Event(vif.Event)
	// Overflow tells that events were lost: any interface may have come, gone or changed. It is called once after each time
	// the queue overflowed, when the events that were still queued have been handed over.
	Overflow()
}

// A Listener receives uevents in the network namespace it was opened in.
type Listener struct {
	source Source
	sock   *nlsock.Socket
	limit  int // see nlsock.Socket.QueueLimit
	buffer int
	forced bool
	count  counters
}

// An Option changes how Open opens a Listener.
type Option func(*options)

type options struct{ receiveBuffer int }

// ReceiveBuffer asks for a receive buffer of this many bytes instead of DefaultReceiveBuffer.
func ReceiveBuffer(bytes int) Option { return func(o *options) { o.receiveBuffer = bytes } }

// Open starts queueing the source's events of the calling thread's network namespace, for Run to read.
func Open(source Source, opts ...Option) (*Listener, error) {
	o := options{receiveBuffer: DefaultReceiveBuffer}
	for _, opt := range opts {
		opt(&o)
	}
	fd, err := connect(source)
	if err != nil {
		return nil, err
	}
	l := &Listener{source: source}
	if l.sock, err = nlsock.Wrap(fd, source.String()+" uevents"); err != nil {
		return nil, err
	}
	if err := l.prepare(o); err != nil {
		_ = l.sock.Close() // the failure to be told is the first one
		return nil, err
	}
	return l, nil
}

func (l *Listener) prepare(o options) error {
	if err := l.sock.PassCredentials(); err != nil {
		return err
	}
	var err error
	if l.buffer, l.forced, err = l.sock.ForceReceiveBuffer(o.receiveBuffer); err != nil {
		return err
	}
	l.limit, err = l.sock.QueueLimit()
	return err
}

// Buffer is the size of the receive buffer in bytes, as the kernel counts (twice what was asked for), and whether the limit
// net.core.rmem_max was passed to get it. Without that right the buffer may be far smaller than asked for.
func (l *Listener) Buffer() (bytes int, forced bool) { return l.buffer, l.forced }

// Close ends Run with net.ErrClosed and releases the socket. Events still queued are lost.
func (l *Listener) Close() error { return l.sock.Close() }

// Run hands events to sink until the context is done, and returns the context's error. Another error means that nothing can
// be heard any more; lost and malformed events are none.
func (l *Listener) Run(ctx context.Context, sink Sink) error {
	// After an overflow: how many more messages may be older than the moment at which the kernel queues again.
	drain := 0
	for {
		m, err := l.receive(ctx, drain > 0)
		switch {
		case err == nil:
			l.handle(m, sink)
		case errors.Is(err, nlsock.ErrOverflow):
			l.count.overflows.Add(1)
			drain = l.limit + 1
		case errors.Is(err, nlsock.ErrTruncated):
			if l.tooLong(m) && drain == 0 {
				drain = 1
			}
		case errors.Is(err, nlsock.ErrWouldBlock):
			drain = 1
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return fmt.Errorf("listening to uevents of the %s: %w", l.source, err)
		}
		if drain > 0 {
			if drain--; drain == 0 {
				sink.Overflow()
			}
		}
	}
}

func (l *Listener) receive(ctx context.Context, draining bool) (nlsock.Message, error) {
	if !draining {
		return l.sock.Receive(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nlsock.Message{}, err
	}
	return l.sock.TryReceive()
}

// tooLong counts a message of which only the sender is known and tells whether an event was lost with it.
func (l *Listener) tooLong(m nlsock.Message) bool {
	l.count.received.Add(1)
	if !l.source.sent(m) {
		l.count.forged.Add(1)
		return false
	}
	l.count.malformed.Add(1)
	return true
}

// handle judges one message and hands it on where it is an event of interest.
func (l *Listener) handle(m nlsock.Message, sink Sink) {
	l.count.received.Add(1)
	if !l.source.sent(m) {
		l.count.forged.Add(1)
		return
	}
	if l.source.isQueue(m.Data) {
		l.count.queues.Add(1)
		return
	}
	u, err := l.source.parse(m.Data)
	if err != nil {
		l.count.malformed.Add(1)
		return
	}
	if s := u.Env["SUBSYSTEM"]; s != "net" && s != "xen-backend" {
		l.count.others.Add(1)
		return
	}
	event, err := newEvent(u)
	if err != nil {
		l.count.malformed.Add(1)
		return
	}
	l.count.events.Add(1)
	if raw, ok := sink.(RawSink); ok {
		raw.Raw(m.Data)
	}
	sink.Event(event)
}
