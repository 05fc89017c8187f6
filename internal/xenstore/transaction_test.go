package xenstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"vifd/internal/testhost"
	"vifd/internal/testhost/xenstored"
)

func TestTransactionIsAllOrNothing(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/t/old", "x"))
		work := func(tx *Tx) error {
			must(t, tx.Write(ctx, "/t/a", "1"))
			must(t, tx.Mkdir(ctx, "/t/b"))
			must(t, tx.Remove(ctx, "/t/old"))
			must(t, tx.Remove(ctx, "/t/never/was"))
			if got, err := tx.Read(ctx, "/t/a"); got != "1" || err != nil {
				t.Errorf("within, what was written reads %q, %v", got, err)
			}
			if got, err := tx.ReadMany(ctx, "/t/old", "/t/b"); err != nil || !slices.Equal(got, []Value{{}, {"", true}}) {
				t.Errorf("within, ReadMany says %v, %v", got, err)
			}
			names, err := tx.Directory(ctx, "/t")
			if slices.Sort(names); err != nil || !slices.Equal(names, []string{"a", "b"}) {
				t.Errorf("within, the directory lists %q, %v", names, err)
			}
			if got := xenstored.Tool(t, d.Socket, "xenstore-ls", "-f", "/t"); got != "/t/old = \"x\"\n" {
				t.Errorf("outside, before the end, there is\n%s", got)
			}
			return nil
		}
		ours := errors.New("ours")
		if err := s.Do(ctx, func(tx *Tx) error { return errors.Join(work(tx), ours) }); !errors.Is(err, ours) {
			t.Errorf("Do gives %v back, want the function's own error", err)
		}
		if got := xenstored.Tool(t, d.Socket, "xenstore-ls", "-f", "/t"); got != "/t/old = \"x\"\n" {
			t.Errorf("after an error there is\n%s", got)
		}
		must(t, s.Do(ctx, work))
		if got := xenstored.Tool(t, d.Socket, "xenstore-ls", "-f", "/t"); got != "/t/a = \"1\"\n/t/b = \"\"\n" {
			t.Errorf("after the end there is\n%s", got)
		}
	})
}

// Each of several clients and goroutines adds to one number; xenstored has them do it one after another.
func TestTransactionsInConflict(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		const each, clients = 10, 4
		must(t, s.Write(ctx, "/n", "0"))
		var runs sync.WaitGroup
		var mu sync.Mutex
		tries := 0
		for client := range clients {
			one := s
			if client > 1 {
				one = open(t, d.Socket)
			}
			runs.Go(func() {
				for range each {
					err := one.Do(ctx, func(tx *Tx) error {
						mu.Lock()
						tries++
						mu.Unlock()
						text, err := tx.Read(ctx, "/n")
						if err != nil {
							return err
						}
						n, err := strconv.Atoi(text)
						return errors.Join(err, tx.Write(ctx, "/n", strconv.Itoa(n+1)))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		runs.Wait()
		if got := xenstored.Tool(t, d.Socket, "xenstore-read", "/n"); got != fmt.Sprintln(each*clients) {
			t.Errorf("the number is %s after %d additions", got, each*clients)
		}
		t.Logf("%d tries for %d transactions", tries, each*clients)
	})
}

func TestTransactionMeetsAnothersChange(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/c", "0"))
		tries := 0
		must(t, s.Do(ctx, func(tx *Tx) error {
			tries++
			got, err := tx.Read(ctx, "/c")
			if tries < 4 {
				xenstored.Tool(t, d.Socket, "xenstore-write", "/c", strconv.Itoa(tries))
			}
			return errors.Join(err, tx.Write(ctx, "/c", got+"+"))
		}))
		if got := xenstored.Tool(t, d.Socket, "xenstore-read", "/c"); got != "3+\n" || tries != 4 {
			t.Errorf("after %d tries it is %q, want 3+ after 4", tries, got)
		}
		// One that is changed every time is given up.
		tries = 0
		err := s.Do(ctx, func(tx *Tx) error {
			tries++
			_, err := tx.Read(ctx, "/c")
			return errors.Join(err, s.Write(ctx, "/c", strconv.Itoa(tries)), tx.Write(ctx, "/c", "never"))
		})
		if !errors.Is(err, syscall.EAGAIN) || tries != conflictTries {
			t.Errorf("after %d tries: %v, want EAGAIN after %d", tries, err, conflictTries)
		}
	})
}

func TestTransactionHasEnded(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		var kept *Tx
		must(t, s.Do(ctx, func(tx *Tx) error { kept = tx; return nil }))
		if err := kept.Write(ctx, "/x", "y"); !errors.Is(err, errEnded) {
			t.Errorf("writing after the end: %v", err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = s.Do(ctx, func(tx *Tx) error { must(t, tx.Write(ctx, "/x", "y")); panic("ours") })
		}()
		if _, err := s.Read(ctx, "/x"); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("after a panic the path reads %v", err)
		}
	})
}

// What was begun is ended: also of functions that failed, and where the answer to the start came when nobody waited any more.
func TestNoTransactionIsLeftOpen(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	opened, ended := map[uint32]bool{}, []string{}
	s := open(t, fake(t, func(_ int, p *peer) {
		var late message
		for next := uint32(1); ; {
			m, ok := p.receive()
			if !ok {
				return
			}
			mu.Lock()
			switch m.kind {
			case kindTransactionStart:
				opened[next] = true
				m.payload = fmt.Appendf(nil, "%d\x00", next)
				next++
			case kindTransactionEnd:
				delete(opened, m.tx)
				ended = append(ended, fmt.Sprintf("%d%c", m.tx, m.payload[0]))
				m.payload = []byte("OK\x00")
			default:
			}
			mu.Unlock()
			switch {
			case m.kind == kindTransactionStart && next == 4:
				late = m
			case m.kind == kindRead: // the answer to what was given up comes before that of the next request
				p.send(late, m)
			default:
				p.send(m)
			}
		}
	}))
	ctx := patient(t)
	must(t, s.Do(ctx, func(*Tx) error { return nil }))
	if err := s.Do(ctx, func(*Tx) error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the function's own error has become %v", err)
	}
	err := s.Do(brief(t), func(*Tx) error { t.Error("it runs without having begun"); return nil })
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUncertain) {
		t.Errorf("without an answer to its start: %v", err)
	}
	if _, err := s.Read(ctx, "/x"); err != nil {
		t.Error(err)
	}
	testhost.Wait(t, "three transactions to end", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ended) == 3
	})
	slices.Sort(ended)
	if !slices.Equal(ended, []string{"1T", "2F", "3F"}) || len(opened) != 0 {
		t.Errorf("they end %q, and %v are open", ended, opened)
	}
}
