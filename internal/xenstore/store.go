package xenstore

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
)

// Store is a client of xenstored. It connects when it is first asked, and again when the connection is lost. Safe for concurrent use.
type Store struct {
	paths   []string
	dialing chan struct{}   // of capacity 1: who fills it may connect
	life    context.Context // ends with Close
	end     context.CancelFunc
	tokens  atomic.Uint64 // that watches have had

	mu   sync.Mutex
	conn *conn // the latest; nil before the first
}

// New returns a Store that connects to the first of paths where somebody answers: Unix sockets, or /dev/xen/xenbus. Without paths it
// is DefaultPaths. It does not connect yet.
func New(paths ...string) *Store {
	if len(paths) == 0 {
		paths = DefaultPaths()
	}
	life, end := context.WithCancel(context.Background())
	return &Store{paths: paths, dialing: make(chan struct{}, 1), life: life, end: end}
}

// Close ends the connection. Calls under way fail, as do later ones: ErrClosed.
func (s *Store) Close() error {
	s.end()
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		c.close()
	}
	return nil
}

// Present says whether one of the Store's paths exists: whether this host has, or has had, a xenstored.
func (s *Store) Present() bool {
	for _, path := range s.paths {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// current is the connection, if it is good.
func (s *Store) current() (*conn, error) {
	if s.life.Err() != nil {
		return nil, ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.conn.failed() {
		return nil, nil
	}
	return s.conn, nil
}

// connection is the connection, made now if there is none. Only one is made at a time; who waits for that may stop waiting.
func (s *Store) connection(ctx context.Context) (*conn, error) {
	if c, err := s.current(); c != nil || err != nil {
		return c, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	select {
	case s.dialing <- struct{}{}:
		defer func() { <-s.dialing }()
	case <-ctx.Done():
		return nil, s.why(ctx)
	}
	if c, err := s.current(); c != nil || err != nil {
		return c, err
	}
	stream, device, err := dial(ctx, s.paths)
	if err != nil {
		if ctx.Err() != nil {
			err = s.why(ctx)
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil { // Close has not seen this connection, or waits for mu
		_ = stream.Close()
		return nil, ErrClosed
	}
	s.conn = newConn(stream, device)
	return s.conn, nil
}

// why ctx ended, which ends with the Store as well.
func (s *Store) why(ctx context.Context) error {
	if s.life.Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}

// asker makes requests and returns their answers: a Store's, or a transaction's. changes: the requests would change something.
type asker func(ctx context.Context, changes bool, requests ...message) ([]answer, error)

// ask repeats what a lost connection took with it, once, where that does no harm: what was not sent, and what changes nothing.
func (s *Store) ask(ctx context.Context, changes bool, requests ...message) ([]answer, error) {
	for repeated := false; ; repeated = true {
		c, err := s.connection(ctx)
		if err != nil {
			return nil, err
		}
		answers, err := c.exchange(ctx, requests...)
		if lost, sent := isLost(err); !lost || repeated || sent && changes {
			return answers, err
		}
	}
}
