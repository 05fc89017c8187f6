package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// port sends and captures whole frames on one interface (packet(7)).
type port struct {
	fd  int
	buf []byte
	oob []byte
}

func (n *namespace) open(ifindex int) (*port, error) {
	p := &port{fd: -1, buf: make([]byte, 1<<16), oob: make([]byte, 256)}
	return p, n.do(func() error {
		// Protocol 0 keeps the socket deaf until it is bound.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
		p.fd = fd
		for _, option := range []int{unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING} {
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1); err != nil {
				return fmt.Errorf("set up packet socket: %w", err)
			}
		}
		const all = (unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) & 0xffff // in network order
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex})
	})
}

func (p *port) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
	}
}

// send sends frames, one after the other, on the CPU on which all others are sent: a veth hands a frame to the queue of the CPU
// that it is sent on, and only one queue has an order.
func (p *port) send(frame []byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the CPU affinity: %w", err)
	}
	for cpu := range len(before) * 64 {
		if before.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("stay on one CPU: %w", err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }() // it was allowed a moment ago
	n, err := unix.Write(p.fd, frame)
	if err == nil && n != len(frame) {
		err = fmt.Errorf("%d bytes sent", n)
	}
	if err != nil {
		return fmt.Errorf("send a frame of %d bytes: %w", len(frame), err)
	}
	return nil
}

// next returns the next frame captured; nil where none comes within limit, 0 being one that is there already.
func (p *port) next(limit time.Duration) ([]byte, error) {
	for deadline := time.Now().Add(limit); ; {
		n, oobn, _, _, err := unix.Recvmsg(p.fd, p.buf, p.oob, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			return withTag(p.buf[:n], p.oob[:oobn])
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return nil, fmt.Errorf("receive: %w", err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, nil
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("wait for a frame: %w", err)
		}
	}
}

// withTag copies a frame and puts the VLAN tag that the kernel took out of it back in its place, behind the addresses.
func withTag(frame, oob []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("control data of a captured frame: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 || len(frame) < 12 {
			continue
		}
		tagged := append(make([]byte, 0, len(frame)+4), frame[:12]...)
		tagged = binary.BigEndian.AppendUint16(tagged, aux.Vlan_tpid)
		tagged = binary.BigEndian.AppendUint16(tagged, aux.Vlan_tci)
		return append(tagged, frame[12:]...), nil
	}
	return append([]byte(nil), frame...), nil
}
