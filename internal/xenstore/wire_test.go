package xenstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// A message whose rest does not come ends the connection by itself, also where nobody's context ends.
func TestHalfAMessage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, headerLen - 1, headerLen, headerLen + 3} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			c := newConn(ours, false)
			began := time.Now()
			got := make(chan error, 1)
			go func() {
				_, err := c.exchange(context.Background(), message{kind: kindRead, payload: []byte("/a\x00")})
				got <- err
			}()
			m, _ := (&peer{theirs}).receive()
			m.payload = []byte("value")
			<-time.After(time.Hour) // of the bubble: between messages there is no bound
			_, _ = theirs.Write(appendMessage(nil, m)[:n])
			if err := <-got; !errors.Is(err, errHalf) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("with %d bytes of a message: %v", n, err)
			}
			if waited := time.Since(began) - time.Hour; waited != MessageTimeout {
				t.Errorf("with %d bytes of a message it takes %v", n, waited)
			}
			c.close()
			_ = theirs.Close()
		})
	}
}

// The bound is each message's own: one that came in pieces leaves none behind.
func TestMessageInPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := newConn(ours, false)
		go func() {
			p := &peer{theirs}
			for m, ok := p.receive(); ok; m, ok = p.receive() {
				m.payload = []byte(strings.Repeat("x", maxPayload))
				if m.kind == kindDirectory {
					m.payload = append(m.payload, 'x') // too long for a message
				}
				b := appendMessage(nil, m)
				from := 0
				for _, to := range []int{3, headerLen, headerLen + 5, len(b)} {
					<-time.After(MessageTimeout / 10)
					_, _ = theirs.Write(b[from:to])
					from = to
				}
			}
		}()
		for _, kind := range []kind{kindRead, kindDirectory, kindRead} {
			answers, err := c.exchange(context.Background(), message{kind: kind, payload: []byte("/a\x00")})
			if err != nil || len(answers[0].payload) < maxPayload {
				t.Errorf("type %d comes as %v, %v", kind, answers, err)
			}
			<-time.After(time.Hour)
		}
		c.close()
		_ = theirs.Close()
	})
}

// shortStream takes some bytes of a write, and then no more in time.
type shortStream struct{ net.Conn }

func (s shortStream) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b[:10])
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// After a part of a request nothing else can be said on a connection; the request itself has not been done.
func TestRequestCutShort(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	c := newConn(shortStream{ours}, false)
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	_, err := c.exchange(patient(t), message{kind: kindWrite, payload: []byte("/a\x00b")})
	if lost, sent := isLost(err); !lost || sent || inDoubt(err) {
		t.Errorf("it says %v", err)
	}
	if !c.failed() {
		t.Error("the connection goes on")
	}
	c.close()
	_ = theirs.Close()
}

// Messages come whole however the stream is cut.
func TestMessagesFromAnyStream(t *testing.T) {
	t.Parallel()
	sent := []message{
		{kind: kindRead, id: 1, payload: []byte("value")},
		{kind: kindWatchEvent, payload: []byte("/a\x00t\x00")},
		{kind: kindWrite, id: 0xffffffff, tx: 7, payload: []byte{}},
		{kind: kindRead, id: 2, payload: []byte(strings.Repeat("x", maxPayload))},
		{kind: kindDirectory, id: 3, payload: []byte(strings.Repeat("x", 3*maxPayload))},
	}
	var b []byte
	for _, m := range sent {
		b = appendMessage(b, m)
	}
	for name, stream := range map[string]io.Reader{
		"whole": bytes.NewReader(b), "bytes": iotest.OneByteReader(bytes.NewReader(b)), "halves": iotest.HalfReader(bytes.NewReader(b)),
		"end with the data": iotest.DataErrReader(bytes.NewReader(b)),
	} {
		r := newMessageReader(stream, nil)
		for i, want := range sent {
			if got, err := r.next(); err != nil || !same(got, want) {
				t.Fatalf("%s: message %d is %+v, %v", name, i, got, err)
			}
		}
		if _, err := r.next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: behind the last there is %v", name, err)
		}
		for n := 1; n < headerLen+len(sent[0].payload); n++ {
			if _, err := newMessageReader(bytes.NewReader(b[:n]), nil).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("of %d bytes: %v", n, err)
			}
		}
	}
}

func same(a, b message) bool {
	return a.kind == b.kind && a.id == b.id && a.tx == b.tx && bytes.Equal(a.payload, b.payload)
}

// FuzzReader takes any bytes for what xenstored sends: nothing panics, what is read is what is written of it, and no message is longer than
// there may be.
func FuzzReader(f *testing.F) {
	f.Add(appendMessage(nil, message{kind: kindRead, id: 1, payload: []byte("value")}), uint8(0))
	f.Add(appendMessage(appendMessage(nil, message{kind: kindWatchEvent, payload: []byte("/a\x001\x00")}), message{kind: kindError, id: 1, payload: []byte("ENOENT\x00")}), uint8(1))
	f.Add(appendMessage(nil, message{kind: kindDirectory, id: 1, payload: bytes.Repeat([]byte("a\x00"), 40)}), uint8(2))
	f.Add(bytes.Repeat([]byte{0xff}, 40), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		var stream io.Reader = bytes.NewReader(data)
		if cut%2 == 1 {
			stream = iotest.OneByteReader(stream)
		}
		r, read := newMessageReader(stream, nil), []byte(nil)
		for {
			m, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errGarbage) {
					t.Errorf("unexpected %v", err)
				}
				break
			}
			if len(m.payload) > maxPayload && m.kind != kindDirectory {
				t.Errorf("a message of %d bytes", len(m.payload))
			}
			read = appendMessage(read, m)
		}
		if !bytes.HasPrefix(data, read) {
			t.Error("what was read is not what was sent")
		}
	})
}

// FuzzReplies has any bytes be the daemon's side of a connection with requests of all kinds: nothing panics or hangs.
func FuzzReplies(f *testing.F) {
	for _, payload := range []string{"", "value", "a\x00b\x00", "n0\x00r5\x00", "1\x00a\x00\x00", "5\x00", "E2BIG\x00", "EAGAIN\x00", "/w\x001\x00"} {
		f.Add(uint32(kindRead), []byte(payload), uint8(0))
		f.Add(uint32(kindError), []byte(payload), uint8(1))
		f.Add(uint32(kindWatchEvent), []byte(payload), uint8(2))
	}
	f.Fuzz(func(t *testing.T, reply uint32, payload []byte, how uint8) {
		ask := func(_ context.Context, _ bool, requests ...message) ([]answer, error) {
			answers := make([]answer, len(requests))
			for i, m := range requests {
				if kind(reply) == kindError && !(how&1 == 1 && m.kind == kindDirectoryPart) {
					answers[i] = answer{refused: refusal(payload)}
				} else {
					answers[i] = answer{payload: payload}
				}
			}
			return answers, nil
		}
		names, err := directory(t.Context(), ask, "/d")
		if err == nil && (slices.Contains(names, "") || slices.ContainsFunc(names, func(s string) bool { return strings.Contains(s, "\x00") })) {
			t.Errorf("children are %q", names)
		}
		if list, err := parsePermissions(payload); err == nil {
			for _, p := range list {
				if !p.Access.known() {
					t.Errorf("a permission is %+v", p)
				}
			}
		}
		if id, err := parseID(payload); err == nil && id == 0 {
			t.Error("a transaction has id 0")
		}
		if r := refusal(payload); r.Errno == 0 || len(r.Error()) > 6*maxWord {
			t.Errorf("a refusal is %v", r)
		}
		c := &conn{calls: map[uint32]*call{1: newCall(message{kind: kindRead, id: 1})}, queues: map[string]*queue{"1": {watched: "/w", waiting: make(chan struct{}, 1)}}}
		_ = c.take(message{kind: kind(reply), id: uint32(how), payload: payload})
	})
}
