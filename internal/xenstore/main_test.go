package xenstore

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

func TestMain(m *testing.M) { testhost.Main(m) }

// both runs a test against each of Xen's daemons.
func both(t *testing.T, f func(t *testing.T, d *xenstored.Daemon, s *Store)) {
	t.Helper()
	t.Parallel()
	for _, kind := range xenstored.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := xenstored.New(t, kind)
			f(t, d, open(t, d.Socket))
		})
	}
}

func open(t testing.TB, paths ...string) *Store {
	t.Helper()
	s := New(paths...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patient is a context that ends before the test's own time-out, so that a call that hangs is a failure with a name.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testhost.Patience)
	t.Cleanup(cancel)
	return ctx
}

// brief is a context that ends at once.
func brief(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// peer is the daemon's end of a connection, played by a test.
type peer struct{ io.ReadWriteCloser }

// receive takes one request; false when there are no more.
func (p *peer) receive() (message, bool) {
	var header [headerLen]byte
	if _, err := io.ReadFull(p, header[:]); err != nil {
		return message{}, false
	}
	m := message{
		kind: kind(binary.NativeEndian.Uint32(header[:])), id: binary.NativeEndian.Uint32(header[4:]), tx: binary.NativeEndian.Uint32(header[8:]),
	}
	m.payload = make([]byte, binary.NativeEndian.Uint32(header[12:]))
	_, err := io.ReadFull(p, m.payload)
	return m, err == nil
}

// send writes any bytes; the client may have hung up, which is for the client's side to judge.
func (p *peer) send(messages ...message) {
	var b []byte
	for _, m := range messages {
		b = appendMessage(b, m)
	}
	_, _ = p.Write(b)
}

// answer answers m as a daemon would in which every path holds text.
func (p *peer) answer(m message, text string) {
	p.send(message{kind: m.kind, id: m.id, tx: m.tx, payload: []byte(text)})
}

// fake plays a daemon: f is run for each connection, n being 0 for the first. The test's end ends the connections.
func fake(t testing.TB, f func(n int, p *peer)) (socket string) {
	t.Helper()
	socket = filepath.Join(shortDir(t), "s")
	l, err := net.Listen("unix", socket)
	must(t, err)
	var running sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	running.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				f(n, &peer{conn})
			})
		}
	})
	t.Cleanup(func() {
		err := l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return socket
}
