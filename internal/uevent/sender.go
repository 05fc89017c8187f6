package uevent

import "vifd/internal/nlsock"

// sent tells whether the source itself sent the message.
//
// The kernel sends from port 0, which no process can bind, to group 1. Its uid is 0: for a network namespace owned by a user
// namespace, that namespace's root (uevent_net_broadcast_tagged in lib/kobject_uevent.c). All that is also true of a message
// which a process with CAP_SYS_ADMIN sends to port 0 as a netlink request, since the kernel multicasts it to the namespace
// (uevent_net_rcv_skb in the same file); but that keeps the credentials of its sender, who has a pid, while the kernel has 0.
//
// Udevd sends to group 2 from a port of its own, as root. Nothing tells it from another of root's processes.
func (s Source) sent(m nlsock.Message) bool {
	if !m.HasCred || m.Cred.Uid != 0 || m.Groups != uint32(s.mode()) {
		return false
	}
	if s == Udev {
		return m.Port != 0
	}
	return m.Port == 0 && m.Cred.Pid == 0
}
