// Package packet dissects an Ethernet frame as Linux's nf_tables sees it, so that pure Go can tell which verdict rules reach.
//
//	p := packet.Dissect(frame, packet.Bridge)
//	if why := p.Unseen(); why != "" {
//		…                                                        // the hook is never run: the kernel has dropped it before
//	}
//	port, ok := p.Payload(packet.TransportHeader, 2, 2)          // what "th dport" compares; false: the rule ends (NFT_BREAK)
//
// It is about received frames, and three hooks: of the bridge family prerouting, of inet prerouting, of arp input, each before
// anything else at that hook has changed the frame: before br_netfilter (priority 0) trims it and connection tracking
// (-400) puts fragments together. Where the kernel does something unexpected, so does this package, and the comment says so;
// tests compare it with the kernel they run on. It follows 6.18.
//
// Two things no frame can tell. A long one may lie in several pieces of memory, where the kernel has two ways to read: by one it
// looks at the first piece only (Packet.Payload), and the first extension header of IPv6 it looks up without asking where the
// first piece ends, so that beyond it chance decides what L4Proto and Exthdr are. Frames are taken for lying in one piece, as
// those below a page that a packet socket sends do; how others are laid out is their driver's choice. And one that holds several
// packets, because the guest leaves segmenting to the host (GSO), has a length that no IPv4 header can say; such are not
// dissected here.
package packet
