package ctl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// How long a line may be, in bytes. A Status has some 250 for each vif, hence the larger bound where the sender is trusted.
const (
	maxRequest  = 1 << 20
	maxResponse = 64 << 20
)

// errTooLong is a line beyond its bound.
var errTooLong = errors.New("the line is too long")

// readLine reads up to the first newline, which it takes off, and no further than limit bytes. io.EOF: nothing came;
// io.ErrUnexpectedEOF: the newline did not.
func readLine(r io.Reader, limit int) ([]byte, error) {
	buffered := bufio.NewReader(r)
	var line []byte
	for {
		part, err := buffered.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// writeLine sends one message and its newline in one write.
func writeLine(w io.Writer, m interface{ kind() string }) error {
	line, err := Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// checkPeer asks the kernel who is at the other end of conn, as of its connect or listen (unix(7), SO_PEERCRED), and
// accepts root and the user this process runs as.
func checkPeer(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var sockErr error
	if err := raw.Control(func(fd uintptr) {
		cred, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if sockErr != nil {
		return fmt.Errorf("asking who is there: %w", sockErr)
	}
	return checkUser(cred, os.Geteuid())
}

func checkUser(cred *unix.Ucred, euid int) error {
	if cred.Uid == 0 || int(cred.Uid) == euid {
		return nil
	}
	return fmt.Errorf("uid %d (pid %d) is neither root nor uid %d", cred.Uid, cred.Pid, euid)
}
