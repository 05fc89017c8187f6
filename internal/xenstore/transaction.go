package xenstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A transaction that met another's changes is repeated at once, then after pauses that double from conflictPause to maxConflictPause,
// each by chance up to a half shorter, so that two that meet do not meet again: in all about a second.
const (
	conflictTries    = 30
	conflictPause    = time.Millisecond
	maxConflictPause = 50 * time.Millisecond
)

// errEnded is a Tx that is used after its function has returned.
var errEnded = errors.New("the transaction has ended")

// Tx is a transaction under way. What it reads is as it was when it began, and with what it wrote itself; what it writes is seen by
// others when it is committed, all of it at once. It is good until the function returns that it was given to.
type Tx struct {
	conn *conn
	id   uint32

	mu    sync.Mutex
	ended bool
	lost  bool // with the connection, so that nothing of it has been done
}

// Do runs f in a transaction and commits it where f returns nil; an error of f undoes all, and is returned. Where somebody else has
// changed what f has seen, f is run again, as it is once when the connection is lost under it: so it should do nothing that it
// cannot do twice. syscall.EAGAIN: there were changes every time. ErrUncertain: the answer to the commit is missing.
func (s *Store) Do(ctx context.Context, f func(*Tx) error) error {
	pause, lostBefore := conflictPause, false
	for try := 1; ; try++ {
		err := s.transact(ctx, f)
		var again *againError
		switch {
		case !errors.As(err, &again):
			return err
		case again.lost && lostBefore, try == conflictTries:
			return again.cause
		case again.lost:
			lostBefore = true
			continue
		}
		if try > 1 {
			if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
				return fmt.Errorf("%w: %w", again.cause, err)
			}
			pause = min(2*pause, maxConflictPause)
		}
	}
}

// againError is a transaction of which nothing was done, and which may be done anew.
type againError struct {
	lost  bool // the connection was
	cause error
}

func (e *againError) Error() string { return e.cause.Error() }

func (e *againError) Unwrap() error { return e.cause }

func (s *Store) transact(ctx context.Context, f func(*Tx) error) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed { // also when f panics
			tx.conn.tidy(tx.endMessage(false))
		}
	}()
	err = f(tx)
	if lost := tx.close(); err != nil {
		if lost {
			return &againError{lost: true, cause: err}
		}
		return err
	}
	committed = true
	return tx.commit(ctx)
}

// begin starts a transaction.
func (s *Store) begin(ctx context.Context) (*Tx, error) {
	const op = "start a transaction"
	c, err := s.connection(ctx)
	if err != nil {
		return nil, explain(op, "", false, err)
	}
	late := func(a answer) message {
		id, _ := parseID(a.payload) // 0 is none, and ending it does nothing
		return (&Tx{id: id}).endMessage(false)
	}
	a, err := c.one(ctx, message{kind: kindTransactionStart, payload: []byte{0}}, late)
	if err == nil && a.refused != nil {
		err = a.refused
	}
	if lost, _ := isLost(err); lost {
		return nil, &againError{lost: true, cause: explain(op, "", false, err)}
	}
	if err != nil {
		return nil, explain(op, "", false, err)
	}
	id, err := parseID(a.payload)
	if err != nil {
		c.fail(err)
		return nil, explain(op, "", false, err)
	}
	return &Tx{conn: c, id: id}, nil
}

func parseID(payload []byte) (uint32, error) {
	id, err := strconv.ParseUint(strings.TrimSuffix(string(payload), "\x00"), 10, 32)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("%w: %.20q is no transaction", errGarbage, payload)
	}
	return uint32(id), nil
}

func (tx *Tx) endMessage(commit bool) message {
	m := message{kind: kindTransactionEnd, tx: tx.id, payload: []byte("F\x00")}
	if commit {
		m.payload = []byte("T\x00")
	}
	return m
}

// close ends the Tx's use, and says whether it was lost.
func (tx *Tx) close() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.ended = true
	return tx.lost
}

func (tx *Tx) commit(ctx context.Context) error {
	const op = "commit a transaction"
	answers, err := tx.conn.exchange(ctx, tx.endMessage(true))
	if lost, sent := isLost(err); lost && !sent {
		return &againError{lost: true, cause: explain(op, "", false, err)}
	}
	if err != nil {
		if !inDoubt(err) { // ctx ended before it was sent
			tx.conn.tidy(tx.endMessage(false))
		}
		return explain(op, "", true, err)
	}
	if refused := answers[0].refused; refused != nil {
		err := explain(op, "", true, refused)
		if refused.Errno == syscall.EAGAIN {
			return &againError{cause: err}
		}
		return err
	}
	return nil
}

// ask makes requests within the transaction. Nothing of it is in doubt when an answer is missing: it has not been committed.
func (tx *Tx) ask(ctx context.Context, _ bool, requests ...message) ([]answer, error) {
	tx.mu.Lock()
	ended := tx.ended
	tx.mu.Unlock()
	if ended {
		return nil, errEnded
	}
	for i := range requests {
		requests[i].tx = tx.id
	}
	answers, err := tx.conn.exchange(ctx, requests...)
	var gaveUp *gaveUpError
	switch lost, _ := isLost(err); {
	case lost:
		tx.mu.Lock()
		tx.lost = true
		tx.mu.Unlock()
		err = &lostError{cause: err}
	case errors.As(err, &gaveUp):
		err = gaveUp.cause
	}
	return answers, err
}

// Read is Store.Read within the transaction.
func (tx *Tx) Read(ctx context.Context, path string) (string, error) { return read(ctx, tx.ask, path) }

// ReadMany is Store.ReadMany within the transaction, where nobody can write in between.
func (tx *Tx) ReadMany(ctx context.Context, paths ...string) ([]Value, error) {
	return readMany(ctx, tx.ask, paths)
}

// Directory is Store.Directory within the transaction.
func (tx *Tx) Directory(ctx context.Context, path string) ([]string, error) {
	return directory(ctx, tx.ask, path)
}

// Write is Store.Write within the transaction.
func (tx *Tx) Write(ctx context.Context, path, value string) error {
	return write(ctx, tx.ask, path, value)
}

// Mkdir is Store.Mkdir within the transaction.
func (tx *Tx) Mkdir(ctx context.Context, path string) error { return mkdir(ctx, tx.ask, path) }

// Remove is Store.Remove within the transaction.
func (tx *Tx) Remove(ctx context.Context, path string) error { return remove(ctx, tx.ask, path) }
