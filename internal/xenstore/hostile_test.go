package xenstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vifd/internal/testhost"
)

// What makes no sense ends the connection with a name, to whoever waited; the next request finds a new one.
func TestNonsenseEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply func(p *peer, m message)
		says  string
	}{
		"an id that was not asked":  {func(p *peer, m message) { m.id += 7; p.send(m) }, "which was not made"},
		"id 0, as kernels do":       {func(p *peer, m message) { m.id = 0; p.send(m) }, "which was not made"},
		"an answer to a write":      {func(p *peer, m message) { m.kind = kindWrite; p.send(m) }, "answers a request of type 2 with type 11"},
		"a type nobody knows":       {func(p *peer, m message) { m.kind = 0xffff; p.send(m) }, "with type 65535"},
		"a byte too many":           {func(p *peer, m message) { m.payload = make([]byte, maxPayload+1); p.send(m) }, "4097 bytes"},
		"4 GiB":                     {func(p *peer, m message) { p.Write(longHeader(m)) }, "4294967295 bytes"},
		"4 GiB of a directory":      {func(p *peer, m message) { m.kind = kindDirectory; p.Write(longHeader(m)) }, "4294967295 bytes"},
		"bytes":                     {func(p *peer, _ message) { p.Write(bytes.Repeat([]byte{0xaa}, 100)) }, "2863311530 bytes"},
		"the end":                   {func(p *peer, _ message) {}, "hung up"},
		"half a header":             {func(p *peer, m message) { p.Write(appendMessage(nil, m)[:9]) }, "hung up in the middle of a message"},
		"half a payload":            {func(p *peer, m message) { p.Write(appendMessage(nil, m)[:18]) }, "hung up in the middle of a message"},
		"an event without NULs":     {func(p *peer, _ message) { p.send(message{kind: kindWatchEvent, payload: []byte("/a/b")}) }, "an event of 4 bytes without"},
		"an event without a token":  {func(p *peer, _ message) { p.send(message{kind: kindWatchEvent, payload: []byte("/a\x00t")}) }, "an event of 4 bytes without"},
		"an event without anything": {func(p *peer, _ message) { p.send(message{kind: kindWatchEvent}) }, "an event of 0 bytes without"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, fake(t, func(n int, p *peer) {
				m, ok := p.receive()
				switch {
				case !ok:
				case n < 2: // a read is repeated once
					test.reply(p, m)
				default:
					p.answer(m, "well")
					p.receive()
				}
			}))
			_, err := s.Read(patient(t), "/a")
			if lost, _ := isLost(err); !lost || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %v, want %q", err, test.says)
			}
			if got, err := s.Read(patient(t), "/a"); got != "well" || err != nil {
				t.Errorf("the next request gives %q, %v", got, err)
			}
		})
	}
}

func longHeader(m message) []byte {
	m.payload = nil
	return append(appendMessage(nil, m)[:12], 0xff, 0xff, 0xff, 0xff)
}

// Only what cannot have been done, or changes nothing, is repeated.
func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	requests := make(chan kind, 20)
	s := open(t, fake(t, func(_ int, p *peer) {
		if m, ok := p.receive(); ok {
			requests <- m.kind
		}
	}))
	ctx := patient(t)
	_, readErr := s.Read(ctx, "/a")
	writeErr, mkdirErr, removeErr := s.Write(ctx, "/a", "b"), s.Mkdir(ctx, "/a"), s.Remove(ctx, "/a")
	permErr, doErr := s.SetPermissions(ctx, "/a", Permission{0, None}), s.Do(ctx, func(*Tx) error { return nil })
	want := []kind{kindRead, kindRead, kindWrite, kindMkdir, kindRm, kindSetPerms, kindTransactionStart, kindTransactionStart}
	var got []kind
	for range want {
		got = append(got, <-requests)
	}
	if !slices.Equal(got, want) || len(requests) > 0 {
		t.Errorf("requests of type %v come, want %v", got, want)
	}
	for _, err := range []error{writeErr, mkdirErr, removeErr, permErr} {
		if !errors.Is(err, ErrUncertain) || !strings.Contains(err.Error(), "may or may not have been done") {
			t.Errorf("%v is not ErrUncertain", err)
		}
	}
	for _, err := range []error{readErr, doErr} {
		if lost, _ := isLost(err); !lost || errors.Is(err, ErrUncertain) {
			t.Errorf("%v is of no lost connection", err)
		}
	}
}

// A connection that is lost within a transaction has it run once more, whole; lost at the commit, it may have been done.
func TestTransactionLosesItsConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at             kind // where the connection ends
		lost, runs     int  // the first how many do
		fails, unclear bool
	}{
		"at a read":        {kindRead, 1, 2, false, false},
		"at a write":       {kindWrite, 1, 2, false, false},
		"at every write":   {kindWrite, 9, 2, true, false},
		"at the commit":    {kindTransactionEnd, 1, 1, true, true},
		"at the beginning": {kindTransactionStart, 1, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, fake(t, func(n int, p *peer) {
				for {
					m, ok := p.receive()
					if !ok || n < test.lost && m.kind == test.at {
						return
					}
					p.answer(m, "5\x00")
				}
			}))
			ctx, runs := patient(t), 0
			err := s.Do(ctx, func(tx *Tx) error {
				runs++
				if _, err := tx.Read(ctx, "/a"); err != nil {
					return err
				}
				return tx.Write(ctx, "/a", "b")
			})
			if runs != test.runs || errors.Is(err, ErrUncertain) != test.unclear || (err != nil) != test.fails {
				t.Errorf("it ran %d times, %v", runs, err)
			}
		})
	}
}

// A late answer is thrown away by its id, and does not become that of the next request.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	s := open(t, fake(t, func(n int, p *peer) {
		first, _ := p.receive()
		second, _ := p.receive()
		p.answer(first, "late")
		p.answer(second, "in time")
		p.receive()
		if n > 0 {
			t.Error("there is a second connection")
		}
	}))
	if _, err := s.Read(brief(t), "/a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an answer: %v", err)
	}
	if got, err := s.Read(patient(t), "/b"); got != "in time" || err != nil {
		t.Errorf("the next reads %q, %v", got, err)
	}
}

// All requests of a ReadMany are there before the first is answered, and answers come in any order.
func TestReadManyIsPipelined(t *testing.T) {
	t.Parallel()
	s := open(t, fake(t, func(_ int, p *peer) {
		var all []message
		for range 12 {
			m, _ := p.receive()
			all = append(all, m)
		}
		slices.Reverse(all)
		for _, m := range all {
			p.answer(m, strings.TrimRight(string(m.payload), "\x00"))
		}
		p.receive()
	}))
	var paths []string
	var want []Value
	for i := range 12 {
		paths = append(paths, fmt.Sprintf("/%d", i))
		want = append(want, Value{paths[i], true})
	}
	if got, err := s.ReadMany(patient(t), paths...); err != nil || !slices.Equal(got, want) {
		t.Errorf("it says %v, %v", got, err)
	}
	if got, err := s.ReadMany(patient(t)); got != nil || err != nil {
		t.Errorf("of no paths it says %v, %v", got, err)
	}
}

func TestRefusalsOfAllKinds(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]struct {
		errno syscall.Errno
		text  string
	}{
		"EACCES\x00": {syscall.EACCES, "permission denied"}, "ENOSPC\x00": {syscall.ENOSPC, "no space left"}, "EQUOTA\x00": {syscall.EDQUOT, "quota"},
		"E2BIG\x00": {syscall.E2BIG, "too long"}, "EROFS": {syscall.EROFS, "read-only"}, "": {syscall.EINVAL, `says ""`},
		"ENEW\x00": {syscall.EINVAL, `says "ENEW"`}, "\x1b[2J" + strings.Repeat("x", 4000): {syscall.EINVAL, `says "\x1b[2Jxxx`},
	} {
		s := open(t, fake(t, func(_ int, p *peer) {
			for m, ok := p.receive(); ok; m, ok = p.receive() {
				p.send(message{kind: kindError, id: m.id, payload: []byte(word)})
			}
		}))
		_, readErr := s.ReadMany(patient(t), "/a", "/b")
		for _, err := range []error{s.Write(patient(t), "/a", "x"), readErr} {
			if !errors.Is(err, want.errno) || !strings.Contains(err.Error(), want.text) || len(err.Error()) > 200 || errors.Is(err, ErrUncertain) {
				t.Errorf("%.20q comes as %v", word, err)
			}
		}
	}
}

// Events without an end neither stop requests nor fill memory, whether or not anybody listens.
func TestEventsWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := open(t, fake(t, func(_ int, p *peer) {
		m, _ := p.receive()
		token := bytes.Split(m.payload, []byte{0})[1]
		p.answer(m, "OK\x00")
		asked := make(chan message)
		go func() {
			defer close(asked)
			for m, ok := p.receive(); ok; m, ok = p.receive() {
				asked <- m
			}
		}()
		for i := 0; ; i++ {
			p.send(message{kind: kindWatchEvent, payload: fmt.Appendf(nil, "/w/%d\x00%s\x00", i, token)},
				message{kind: kindWatchEvent, payload: fmt.Appendf(nil, "/w/%d\x00none\x00", i)})
			select {
			case m, ok := <-asked:
				if !ok {
					return
				}
				p.answer(m, "yes")
			default:
			}
		}
	}))
	called := make(chan struct{})
	watching(t, s, "/w", func(string) {
		select {
		case called <- struct{}{}:
		case <-t.Context().Done():
		}
	})
	<-called
	for range 100 {
		if got, err := s.Read(patient(t), "/a"); got != "yes" || err != nil {
			t.Fatalf("it reads %q, %v", got, err)
		}
	}
	c, err := s.connection(t.Context())
	must(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.queues {
		if n := len(q.take()); n > maxEvents {
			t.Errorf("%d events wait", n)
		}
	}
}

// What is answered late after all does not count as unanswered.
func TestLateAnswersAreAnswers(t *testing.T) {
	t.Parallel()
	received, goOn := make(chan struct{}), make(chan struct{})
	s := open(t, fake(t, func(_ int, p *peer) {
		for m, ok := p.receive(); ok; m, ok = p.receive() {
			received <- struct{}{}
			<-goOn
			p.answer(m, "late")
		}
	}))
	before, err := s.connection(patient(t))
	must(t, err)
	for range maxUnanswered + 10 {
		ctx, cancel := context.WithCancel(patient(t))
		done := make(chan error, 1)
		go func() { _, err := s.Read(ctx, "/a"); done <- err }()
		<-received
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("a request that is given up says %v", err)
		}
		goOn <- struct{}{}
	}
	if after, err := s.connection(patient(t)); after != before {
		t.Errorf("the connection is another, %v", err)
	}
}

// What a watch asked for is taken back, also where the daemon says yes when nobody waits any more.
func TestWatchIsTakenBack(t *testing.T) {
	t.Parallel()
	got := make(chan message, 10)
	answer := make(chan struct{})
	s := open(t, fake(t, func(_ int, p *peer) {
		for m, ok := p.receive(); ok; m, ok = p.receive() {
			got <- m
			if m.kind == kindWatch {
				<-answer
			}
			p.answer(m, "OK\x00")
		}
	}))
	if err := s.Watch(brief(t), "/a", func(string) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a watch without an answer: %v", err)
	}
	answer <- struct{}{}
	first, back := <-got, <-got
	stop := watching(t, s, "/b", func(string) {})
	second := <-got
	answer <- struct{}{}
	_, err := s.Read(patient(t), "/c") // behind it the watch is there
	must(t, err)
	<-got
	stop()
	for _, pair := range [][2]message{{first, back}, {second, <-got}} {
		if pair[0].kind != kindWatch || pair[1].kind != kindUnwatch || !bytes.Equal(pair[0].payload, pair[1].payload) {
			t.Errorf("type %d %q is followed by type %d %q", pair[0].kind, pair[0].payload, pair[1].kind, pair[1].payload)
		}
	}
	if bytes.Equal(first.payload[3:], second.payload[3:]) {
		t.Error("two watches have one token")
	}
}

// A daemon that answers nothing is left once it owes too many answers.
func TestUnansweredRequestsAreBounded(t *testing.T) {
	t.Parallel()
	conns := make(chan int, 10)
	ctx, cancel := context.WithCancel(patient(t))
	s := open(t, fake(t, func(n int, p *peer) {
		conns <- n
		received := 0
		for m, ok := p.receive(); ok; m, ok = p.receive() {
			if n > 0 {
				p.answer(m, "well")
			} else if received++; received > maxUnanswered {
				cancel()
			}
		}
	}))
	paths := make([]string, maxUnanswered+1)
	for i := range paths {
		paths[i] = "/a"
	}
	if _, err := s.ReadMany(ctx, paths...); !errors.Is(err, context.Canceled) {
		t.Errorf("requests without an answer say %v", err)
	}
	if got, err := s.Read(patient(t), "/a"); got != "well" || err != nil {
		t.Errorf("the next reads %q, %v", got, err)
	}
	testhost.Wait(t, "a second connection", func() bool { return len(conns) == 2 })
}
