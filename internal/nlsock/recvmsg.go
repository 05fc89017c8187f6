package nlsock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiver makes the system call recvmsg with buffers of its own. unix.Recvmsg would allocate an address for each message.
type receiver struct {
	wait bool // whether an empty queue is to be waited for

	n     int        // bytes received
	errno unix.Errno // of the last call

	hdr     unix.Msghdr
	iov     unix.Iovec
	from    unix.RawSockaddrNetlink
	data    []byte
	control [32]byte // one header (16 bytes on 64 bits) and one struct ucred (12)
}

func (r *receiver) init() {
	r.data = make([]byte, MaxMessage)
	r.iov.Base = &r.data[0]
	r.iov.SetLen(len(r.data))
	r.hdr.Name = (*byte)(unsafe.Pointer(&r.from))
	r.hdr.Iov = &r.iov
	r.hdr.SetIovlen(1)
	r.hdr.Control = &r.control[0]
}

// once receives one message from fd, for syscall.RawConn.Read: false means that fd is to be waited for.
func (r *receiver) once(fd uintptr) bool {
	for {
		r.hdr.Namelen = unix.SizeofSockaddrNetlink
		r.hdr.SetControllen(len(r.control))
		r.hdr.Flags = 0
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.hdr)), 0)
		r.n, r.errno = int(n), errno
		if errno == unix.EINTR {
			continue
		}
		return errno != unix.EAGAIN || !r.wait
	}
}

// message is what the last call received.
func (r *receiver) message() (Message, error) {
	switch {
	case r.errno == unix.EAGAIN:
		return Message{}, ErrWouldBlock
	case r.errno == unix.ENOBUFS:
		return Message{}, ErrOverflow
	case r.errno != 0:
		return Message{}, r.errno
	}
	m := Message{Data: r.data[:r.n]}
	if r.hdr.Namelen == unix.SizeofSockaddrNetlink {
		m.Port, m.Groups = r.from.Pid, r.from.Groups
	}
	m.Cred, m.HasCred = r.credentials()
	if r.hdr.Flags&unix.MSG_TRUNC != 0 {
		m.Data = nil
		return m, ErrTruncated
	}
	return m, nil
}

// credentials takes SCM_CREDENTIALS out of the control data. It is the only thing asked for, so it comes first.
func (r *receiver) credentials() (unix.Ucred, bool) {
	const length = unix.SizeofCmsghdr + unix.SizeofUcred
	if r.hdr.Flags&unix.MSG_CTRUNC != 0 || int(r.hdr.Controllen) < length {
		return unix.Ucred{}, false
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&r.control[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_CREDENTIALS || int(h.Len) != length {
		return unix.Ucred{}, false
	}
	return *(*unix.Ucred)(unsafe.Pointer(&r.control[unix.SizeofCmsghdr])), true
}
