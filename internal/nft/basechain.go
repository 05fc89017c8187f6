package nft

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// BaseChain is a chain that hangs on a hook, whoever made it.
type BaseChain struct {
	Family nftables.TableFamily
	Table  string
	Name   string
	Hook   uint32 // NF_INET_FORWARD … (<linux/netfilter.h>)
	Drop   bool   // its policy
}

// BaseChains returns every table's base chains; their rules are not read, for someone else's may be many.
func (c *Conn) BaseChains() ([]BaseChain, error) {
	var chains []BaseChain
	err := c.consistent(func() error {
		chains = nil
		for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet, nftables.TableFamilyBridge} {
			err := c.request(unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP, byte(family), nil, func(attrs []byte) {
				if b, ok := parseBaseChain(attrs); ok {
					b.Family = family
					chains = append(chains, b)
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("nft: list base chains: %w", err)
	}
	return chains, nil
}

func parseBaseChain(attrs []byte) (BaseChain, bool) {
	hook := attribute(attribute(attrs, unix.NFTA_CHAIN_HOOK), unix.NFTA_HOOK_HOOKNUM)
	if len(hook) < 4 {
		return BaseChain{}, false
	}
	b := BaseChain{
		Table: cString(attribute(attrs, unix.NFTA_CHAIN_TABLE)), Name: cString(attribute(attrs, unix.NFTA_CHAIN_NAME)),
		Hook: binary.BigEndian.Uint32(hook),
	}
	if policy := attribute(attrs, unix.NFTA_CHAIN_POLICY); len(policy) >= 4 {
		const drop = 0 // NF_DROP
		b.Drop = binary.BigEndian.Uint32(policy) == drop
	}
	return b, true
}
