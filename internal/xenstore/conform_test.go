package xenstore

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vifd/internal/testhost/xenstored"
)

// shortDir is a folder whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xs")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// What this client writes, libxenstore reads, and the other way round: any bytes, and as many as a message carries.
func TestValuesAreLibxenstores(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		for path, value := range map[string]string{
			"/v/text": "00:16:3e:00:00:07", "/v/empty": "", "/v/bytes": "\x00\xff\n\x00", "/v/newline": "connected\n", "/a-b_c/D9/@x": "odd",
			"/v/long": strings.Repeat("x", 2000),
		} {
			must(t, s.Write(ctx, path, value))
			if got := xenstored.Tool(t, d.Socket, "xenstore-read", "-R", path); got != value+"\n" && got != value {
				t.Errorf("libxenstore reads %q at %s, want %q", got, path, value)
			}
			if got, err := s.Read(ctx, path); got != value || err != nil {
				t.Errorf("%s reads back as %q, %v, want %q", path, got, err, value)
			}
		}
		xenstored.Tool(t, d.Socket, "xenstore-write", "/t/a", "one", "/t/b", "two words")
		got, err := s.ReadMany(ctx, "/t/b", "/t/none", "/t/a", "/none/at/all", "/t")
		want := []Value{{"two words", true}, {}, {"one", true}, {}, {"", true}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("ReadMany says %v, %v, want %v", got, err, want)
		}
	})
}

func TestLongestMessage(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		const path = "/long"
		longest := strings.Repeat("v", maxPayload-len(path)-1)
		must(t, s.Write(ctx, path, longest))
		if got, err := s.Read(ctx, path); got != longest || err != nil {
			t.Errorf("the longest value reads back with %d bytes, %v", len(got), err)
		}
		if err := s.Write(ctx, path, longest+"v"); !errors.Is(err, ErrTooLong) || errors.Is(err, ErrUncertain) {
			t.Errorf("a byte more: %v, want ErrTooLong", err)
		}
		if got, err := s.Read(ctx, path); got != longest || err != nil {
			t.Errorf("after it there are %d bytes, %v", len(got), err)
		}
	})
}

func TestMkdirAndRemove(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/m/full", "stays"))
		must(t, s.Mkdir(ctx, "/m/full"))
		must(t, s.Mkdir(ctx, "/m/new/below"))
		if got, want := xenstored.Tool(t, d.Socket, "xenstore-ls", "-f", "/m"), "/m/full = \"stays\"\n/m/new = \"\"\n/m/new/below = \"\"\n"; got != want {
			t.Errorf("libxenstore lists\n%s, want\n%s", got, want)
		}
		must(t, s.Remove(ctx, "/m/new"))
		must(t, s.Remove(ctx, "/m/new"))           // its parent is there
		must(t, s.Remove(ctx, "/m/new/below/all")) // its parent is not
		if got, want := xenstored.Tool(t, d.Socket, "xenstore-ls", "-f", "/m"), "/m/full = \"stays\"\n"; got != want {
			t.Errorf("then it lists\n%s, want\n%s", got, want)
		}
	})
}

func TestRefusalsHaveNames(t *testing.T) {
	both(t, func(t *testing.T, _ *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		_, err := s.Read(ctx, "/no/such")
		var refused *Error
		if !errors.As(err, &refused) || refused.Op != "read" || refused.Path != "/no/such" || refused.Errno != syscall.ENOENT {
			t.Errorf("reading what is not there: %#v", err)
		}
		if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, syscall.ENOENT) || errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v is not fs.ErrNotExist", err)
		}
		if want := "xenstore: read /no/such: no such file or directory"; err.Error() != want {
			t.Errorf("it reads %q, want %q", err, want)
		}
		_, err = s.Directory(ctx, "/no/such")
		_, permErr := s.Permissions(ctx, "/no/such")
		for _, err := range []error{err, permErr, s.SetPermissions(ctx, "/no/such", Permission{0, None})} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is not fs.ErrNotExist", err)
			}
		}
	})
}

func TestPermissionsAreLibxenstores(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "/p", "x"))
		want := []Permission{{0, None}, {3, ReadOnly}, {7, WriteOnly}, {65535, ReadWrite}}
		must(t, s.SetPermissions(ctx, "/p", want...))
		if got := xenstored.Tool(t, d.Socket, "xenstore-ls", "-fp", "/"); !strings.Contains(got, "/p = \"x\"   (n0,r3,w7,b65535)\n") {
			t.Errorf("libxenstore lists\n%s", got)
		}
		if got, err := s.Permissions(ctx, "/p"); err != nil || !slices.Equal(got, want) {
			t.Errorf("they read back as %v, %v, want %v", got, err, want)
		}
		xenstored.Tool(t, d.Socket, "xenstore-chmod", "/p", "b0", "n6")
		if got, err := s.Permissions(ctx, "/p"); err != nil || !slices.Equal(got, []Permission{{0, ReadWrite}, {6, None}}) {
			t.Errorf("after xenstore-chmod b0 n6 they are %v, %v", got, err)
		}
		if err := s.SetPermissions(ctx, "/p"); !errors.Is(err, errNoOwner) {
			t.Errorf("a list without an owner: %v", err)
		}
		if err := s.SetPermissions(ctx, "/p", Permission{Domain: 5}); !errors.Is(err, errNoAccess) {
			t.Errorf("an entry without an access: %v", err)
		}
	})
}

// A socket's clients are domain 0's.
func TestRelativePaths(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		must(t, s.Write(ctx, "backend/vif/3/0/mac", "00:16:3e:00:00:07"))
		if got := xenstored.Tool(t, d.Socket, "xenstore-read", "/local/domain/0/backend/vif/3/0/mac"); got != "00:16:3e:00:00:07\n" {
			t.Errorf("libxenstore reads %q", got)
		}
		if got, err := s.Read(ctx, "backend/vif/3/0/mac"); got != "00:16:3e:00:00:07" || err != nil {
			t.Errorf("it reads back as %q, %v", got, err)
		}
		if got, err := s.Directory(ctx, "backend/vif"); !slices.Equal(got, []string{"3"}) || err != nil {
			t.Errorf("the folder lists %q, %v", got, err)
		}
		must(t, s.Remove(ctx, "backend"))
		if got, err := s.Directory(ctx, "/local/domain/0"); len(got) != 0 || err != nil {
			t.Errorf("after Remove there are %q, %v", got, err)
		}
	})
}

// checkPath is as strict as the daemons, on either side of each limit that they share.
func TestPathsAreTheDaemons(t *testing.T) {
	both(t, func(t *testing.T, d *xenstored.Daemon, s *Store) {
		ctx := patient(t)
		for _, path := range []string{
			"", "/", "/a", "/a/", "//a", "/a//b", "a", "a/", "/a.b", "/a b", "/a:b", "/a+b", "/ä", "/a\nb", "-", "_", "/A-z_0@9", "/a/" + strings.Repeat("b", 900),
		} {
			accepted := path != "/"
			if accepted {
				_, err := xenstored.TryTool(t, d.Socket, "xenstore-write", path, "x")
				accepted = err == nil
			}
			err := s.Write(ctx, path, "x")
			if path != "/" && accepted != (err == nil) {
				t.Errorf("%.40q: libxenstore has it accepted: %v, but %v", path, accepted, err)
			}
			if checked := checkPath(path); (err == nil) != (checked == nil) && path != "/" {
				t.Errorf("%.40q: the daemon says %v, checkPath says %v", path, err, checked)
			}
		}
		if _, err := s.Read(ctx, "/a\x00b"); !errors.Is(err, ErrPath) {
			t.Errorf("a NUL: %v", err)
		}
		for _, path := range []string{"/" + strings.Repeat("a", maxAbsolute), strings.Repeat("a", maxRelative+1)} {
			if _, err := s.Read(ctx, path); !errors.Is(err, ErrPath) {
				t.Errorf("a path of %d bytes: %v", len(path), err)
			}
		}
		if err := checkPath(strings.Repeat("a", maxRelative)); err != nil {
			t.Error(err)
		}
		if err := checkPath("/" + strings.Repeat("a", maxAbsolute-1)); err != nil {
			t.Error(err)
		}
		if got, err := s.Directory(ctx, "/"); err != nil || !slices.Contains(got, "tool") {
			t.Errorf("the root lists %q, %v", got, err)
		}
	})
}
