// Package frame builds Ethernet frames layer by layer, honest and forged alike, and describes frames in one line.
//
//	frame.Build(
//		frame.Ethernet{Src: guest, Dst: frame.Broadcast(), Tags: []frame.VLAN{{TPID: frame.TPIDCustomer, TCI: 10}}},
//		frame.IPv4{Src: mine, Dst: theirs},
//		frame.UDP{Src: 68, Dst: 67},
//		frame.Raw(frame.DHCPDiscover(guest, 1)),
//	)
//
// Lengths, checksums and the numbers that name the next layer are filled in; what a field says otherwise is taken as it is,
// so that a frame can lie. Nothing is padded to Ethernet's 60 bytes: links between namespaces carry shorter frames.
//
// All of it is pure. It is small and by hand so that `vifd demo`, which is in the product, needs no packet library.
package frame
