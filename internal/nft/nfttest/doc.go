// Package nfttest has what tests of nftables' keepers need: Monitor hears, by nft(8), of every change of a host's rules, and a Faulty kernel
// fails when it is told to. Neither is safe for concurrent use.
package nfttest
