package nfttest

import (
	"github.com/google/nftables"

	"vifd/internal/nft"
)

// Faulty is the real kernel with faults put in: each but Reading is used up by one call.
type Faulty struct {
	*nft.Conn
	Before  []error // of the next commits, which are not carried out where it is set
	After   []error // of the next commits, which are
	Reading error   // of every dump of chains and elements
}

// Commit fails as it is told to.
func (k *Faulty) Commit(b *nft.Batch) error {
	if len(k.Before) > 0 {
		err := k.Before[0]
		k.Before = k.Before[1:]
		if err != nil {
			return err
		}
	}
	err := k.Conn.Commit(b)
	if len(k.After) > 0 && err == nil {
		err, k.After = k.After[0], k.After[1:]
	}
	return err
}

// Chains fails as it is told to.
func (k *Faulty) Chains(t *nftables.Table) ([]nft.Chain, error) {
	if k.Reading != nil {
		return nil, k.Reading
	}
	return k.Conn.Chains(t)
}

// Elements fails as it is told to.
func (k *Faulty) Elements(s *nftables.Set) ([]nft.Element, error) {
	if k.Reading != nil {
		return nil, k.Reading
	}
	return k.Conn.Elements(s)
}
