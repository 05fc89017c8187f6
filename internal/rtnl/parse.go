package rtnl

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifd/internal/nlconn"
)

// parseLink reads struct ifinfomsg and its attributes: what answers RTM_GETLINK and what RTNLGRP_LINK tells. It keeps nothing of b.
func parseLink(b []byte) (Link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, fmt.Errorf("link message of %d bytes: %w", len(b), nlconn.ErrMalformed)
	}
	l := Link{
		Index:   int(int32(binary.NativeEndian.Uint32(b[4:]))),
		Flags:   binary.NativeEndian.Uint32(b[8:]),
		Partial: b[0] == unix.AF_BRIDGE,
	}
	a := nlconn.Attributes(b[unix.SizeofIfInfomsg:])
	for a.Next() {
		switch a.Type {
		case unix.IFLA_IFNAME:
			l.Name = string(a.Text())
		case unix.IFLA_ADDRESS:
			l.MAC = net.HardwareAddr(slices.Clone(a.Value))
		case unix.IFLA_MTU:
			l.MTU = int(a.Uint32())
		case unix.IFLA_MASTER:
			l.Master = int(int32(a.Uint32()))
		case unix.IFLA_IFALIAS:
			l.Alias = string(a.Text())
		case unix.IFLA_GROUP:
			l.Group = a.Uint32()
		case unix.IFLA_TXQLEN:
			l.TxQLen = int(int32(a.Uint32()))
		case unix.IFLA_LINKINFO:
			a.Err = parseLinkInfo(&l, a.Value)
		case unix.IFLA_PROTINFO:
			if l.Partial { // otherwise it is another protocol's
				l.Port, a.Err = parsePort(a.Value)
			}
		}
	}
	if a.Err != nil {
		return Link{}, fmt.Errorf("link message for ifindex %d: %w", l.Index, a.Err)
	}
	return l, nil
}

// parseLinkInfo reads IFLA_LINKINFO: the driver, and what the master says of this link.
func parseLinkInfo(l *Link, b []byte) error {
	var slaveOfBridge bool
	var slaveData []byte
	a := nlconn.Attributes(b)
	for a.Next() {
		switch a.Type {
		case nl.IFLA_INFO_KIND:
			l.Kind = intern(a.Text())
		case nl.IFLA_INFO_SLAVE_KIND:
			slaveOfBridge = string(a.Text()) == KindBridge
		case nl.IFLA_INFO_SLAVE_DATA:
			slaveData = a.Value
		}
	}
	if a.Err != nil || !slaveOfBridge {
		return a.Err
	}
	var err error
	l.Port, err = parsePort(slaveData)
	return err
}

// parsePort reads IFLA_BRPORT_* attributes.
func parsePort(b []byte) (*Port, error) {
	p := new(Port)
	a := nlconn.Attributes(b)
	for a.Next() {
		if field := p.field(a.Type); field != nil {
			*field = a.Uint8() != 0
		}
	}
	if a.Err != nil {
		return nil, a.Err
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
