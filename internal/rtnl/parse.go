package rtnl

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// parseLink reads struct ifinfomsg and its attributes: what answers RTM_GETLINK and what RTNLGRP_LINK tells. It keeps nothing of b.
func parseLink(b []byte) (Link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, fmt.Errorf("link message of %d bytes: %w", len(b), errMalformed)
	}
	l := Link{
		Index:   int(int32(binary.NativeEndian.Uint32(b[4:]))),
		Flags:   binary.NativeEndian.Uint32(b[8:]),
		Partial: b[0] == unix.AF_BRIDGE,
	}
	a := attrs{rest: b[unix.SizeofIfInfomsg:]}
	for a.next() && a.err == nil {
		switch a.typ {
		case unix.IFLA_IFNAME:
			l.Name = string(a.text())
		case unix.IFLA_ADDRESS:
			l.MAC = net.HardwareAddr(slices.Clone(a.val))
		case unix.IFLA_MTU:
			l.MTU = int(a.u32())
		case unix.IFLA_MASTER:
			l.Master = int(int32(a.u32()))
		case unix.IFLA_IFALIAS:
			l.Alias = string(a.text())
		case unix.IFLA_GROUP:
			l.Group = a.u32()
		case unix.IFLA_TXQLEN:
			l.TxQLen = int(int32(a.u32()))
		case unix.IFLA_LINKINFO:
			a.err = parseLinkInfo(&l, a.val)
		case unix.IFLA_PROTINFO:
			if l.Partial { // otherwise it is another protocol's
				l.Port, a.err = parsePort(a.val)
			}
		}
	}
	if a.err != nil {
		return Link{}, fmt.Errorf("link message for ifindex %d: %w", l.Index, a.err)
	}
	return l, nil
}

// parseLinkInfo reads IFLA_LINKINFO: the driver, and what the master says of this link.
func parseLinkInfo(l *Link, b []byte) error {
	var slaveOfBridge bool
	var slaveData []byte
	a := attrs{rest: b}
	for a.next() {
		switch a.typ {
		case nl.IFLA_INFO_KIND:
			l.Kind = intern(a.text())
		case nl.IFLA_INFO_SLAVE_KIND:
			slaveOfBridge = string(a.text()) == KindBridge
		case nl.IFLA_INFO_SLAVE_DATA:
			slaveData = a.val
		}
	}
	if a.err != nil || !slaveOfBridge {
		return a.err
	}
	var err error
	l.Port, err = parsePort(slaveData)
	return err
}

// parsePort reads IFLA_BRPORT_* attributes.
func parsePort(b []byte) (*Port, error) {
	p := new(Port)
	a := attrs{rest: b}
	for a.next() && a.err == nil {
		if field := p.field(a.typ); field != nil {
			*field = a.u8() != 0
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return p, nil
}

// intern spares an allocation for the kinds that are met by the thousand.
func intern(b []byte) string {
	switch string(b) {
	case "veth":
		return "veth"
	case "tun":
		return "tun"
	case KindBridge:
		return KindBridge
	}
	return string(b)
}
