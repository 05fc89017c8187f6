package xenstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vifd/internal/testhost/xenstored"
)

// Directories of all sizes around what one message carries, against what libxenstore lists.
func TestDirectoriesOfAllSizes(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Mkdir(ctx, "/none"))
		if got, err := s.Directory(ctx, "/none"); len(got) != 0 || err != nil {
			t.Errorf("an empty one lists %q, %v", got, err)
		}
		var want []string
		for i := range 900 { // names of 15 bytes and a NUL: 256 of them are 4096 bytes
			name := fmt.Sprintf("child-%09d", i)
			want = append(want, name)
			must(t, s.Mkdir(ctx, "/d/"+name))
			if n := i + 1; n < 255 || n > 257 && n != 900 {
				continue
			}
			got, err := s.Directory(ctx, "/d")
			must(t, err)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Fatalf("of %d children %d are listed", len(want), len(got))
			}
			out, err := xenstored.TryTool(t, d.Socket, "xenstore-list", "/d")
			if err != nil && d.Kind == xenstored.OCaml && len(want) > 256 {
				continue // what oxenstored sends then is too long for libxenstore
			}
			listed := strings.Fields(out)
			if slices.Sort(listed); !slices.Equal(listed, got) {
				t.Errorf("libxenstore lists %d children of %d, %v", len(listed), len(got), err)
			}
		}
		must(t, s.Do(ctx, func(tx *Tx) error {
			if got, err := tx.Directory(ctx, "/d"); len(got) != 900 || err != nil {
				t.Errorf("in a transaction %d of 900 are listed, %v", len(got), err)
			}
			return nil
		}))
	})
}

// parted plays a daemon whose directory does not fit, and answers each request for a part with what part says.
func parted(t *testing.T, part func(n int, payload string) message) *Store {
	n := 0
	return open(t, fake(t, func(_ int, p *peer) {
		for {
			m, ok := p.receive()
			if !ok {
				return
			}
			answer := message{kind: kindError, payload: []byte("E2BIG\x00")}
			if m.kind == kindDirectoryPart {
				answer = part(n, string(m.payload))
				n++
			}
			answer.id, answer.tx = m.id, m.tx
			p.send(answer)
		}
	}))
}

func TestDirectoryThatChangesIsReadAnew(t *testing.T) {
	t.Parallel()
	answers := []string{"1\x00a\x00bc\x00", "2\x00d\x00", "2\x00a\x00bd\x00", "2\x00e\x00\x00"}
	requests := []string{"/d\x000\x00", "/d\x005\x00", "/d\x000\x00", "/d\x005\x00"}
	s := parted(t, func(n int, payload string) message {
		if payload != requests[n] {
			t.Errorf("request %d is %q, want %q", n, payload, requests[n])
		}
		return message{kind: kindDirectoryPart, payload: []byte(answers[n])}
	})
	if got, err := s.Directory(patient(t), "/d"); err != nil || !slices.Equal(got, []string{"a", "bd", "e"}) {
		t.Errorf("it lists %q, %v", got, err)
	}
}

func TestDirectoryThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		part func(n int, payload string) message
		want error
	}{
		"always changing": {func(n int, _ string) message {
			return message{kind: kindDirectoryPart, payload: fmt.Appendf(nil, "%d\x00a\x00", n)}
		}, errChanging},
		"no parts known": {func(int, string) message { return message{kind: kindError, payload: []byte("ENOSYS\x00")} }, syscall.E2BIG},
		"gone meanwhile": {func(int, string) message { return message{kind: kindError, payload: []byte("ENOENT\x00")} }, syscall.ENOENT},
		"nothing":        {func(int, string) message { return message{kind: kindDirectoryPart} }, errGarbage},
		"no progress":    {func(int, string) message { return message{kind: kindDirectoryPart, payload: []byte("1\x00")} }, errGarbage},
		"without an end": {func(int, string) message {
			return message{kind: kindDirectoryPart, payload: []byte("1\x00" + strings.Repeat("a\x00", 2000))}
		}, errGarbage},
		"empty names": {func(int, string) message {
			return message{kind: kindDirectoryPart, payload: []byte("1\x00a\x00\x00b\x00\x00")}
		}, errGarbage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parted(t, test.part).Directory(patient(t), "/d"); !errors.Is(err, test.want) {
				t.Errorf("it lists %d names, %v; want %v", len(got), err, test.want)
			}
		})
	}
}
